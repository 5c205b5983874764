"""What the server takes from a scanner, for the browser's own test: the fields of every frame.

`python -m tests.client_vectors.frames_vectors` writes frames.json from pda/protocol.py. Not a test.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter

from pda import protocol

FILE = Path(__file__).with_name("frames.json")


def document() -> dict[str, Any]:
    """By the frame's kind: which fields it has, and which of them must be there."""
    frames = {}
    for model in get_args(protocol.Frame):
        (kind,) = get_args(model.model_fields["t"].annotation)
        frames[kind] = {name: each.is_required() for name, each in model.model_fields.items()}
    pattern = TypeAdapter(protocol.OpId).json_schema()["pattern"]
    return {
        "version": protocol.VERSION,
        "max_bytes": protocol.MAX_BYTES,
        "operation_id": pattern,
        "frames": frames,
    }


def text() -> str:
    """The file."""
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
