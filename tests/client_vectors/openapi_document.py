"""The OpenAPI document the shared types are made from, as one canonical text. Not a test.

`python -m tests.client_vectors.openapi_document` prints it; api/client/scripts/types.mjs reads it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from api.main import create_app
from core.clock import ManualClock
from core.config import Settings
from tests.databases import MONDAY_0900


def document() -> dict[str, Any]:
    """Of an app that serves nobody; the version of the release is left out."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            database_url=f"sqlite:///{folder}/empty.db",
            files_dir=Path(folder) / "files",
            engine=False,
            _env_file=None,
        )
        app = create_app(settings, ManualClock(MONDAY_0900))
        app.state.jieli.db.close()
        made: dict[str, Any] = app.openapi()
    made["info"] = {"title": made["info"]["title"], "version": "0"}
    _hoist(made, made["components"]["schemas"])
    return made


def _hoist(node: Any, schemas: dict[str, Any]) -> None:
    """A schema that carries its own `$defs` points at the top of the document, where they are not:
    move them where every other schema is."""
    if isinstance(node, dict):
        for name, schema in node.pop("$defs", {}).items():
            assert schemas.setdefault(name, schema) == schema, f"two schemas are called {name}"
        at = node.get("$ref", "")
        if at.startswith("#/$defs/"):
            node["$ref"] = at.replace("#/$defs/", "#/components/schemas/")
        for each in list(node.values()):
            _hoist(each, schemas)
    elif isinstance(node, list):
        for each in node:
            _hoist(each, schemas)


def text() -> str:
    """The same bytes for the same doors, on every machine."""
    return json.dumps(document(), ensure_ascii=False, sort_keys=True, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
