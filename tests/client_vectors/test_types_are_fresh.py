"""api/client/src/types.ts was made from the doors as they are now, and nobody edited it by hand."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from tests.client_vectors.openapi_document import document, text

FILE = Path(__file__).parents[2] / "api" / "client" / "src" / "types.ts"
HOW = "run: npm run types -w api/client"


def _kept() -> tuple[dict[str, str], str]:
    """The digests in the head of the file, and what stands below them."""
    lines = FILE.read_text(encoding="utf-8").split("\n", 3)
    found = dict(re.findall(r"^// (openapi|body) ([0-9a-f]{64})$", "\n".join(lines[:3]), re.M))
    return found, lines[3]


def test_the_types_are_those_of_the_doors() -> None:
    head, _ = _kept()
    assert head["openapi"] == sha256(text().encode()).hexdigest(), HOW


def test_nobody_edited_the_types() -> None:
    head, body = _kept()
    assert head["body"] == sha256(body.encode()).hexdigest(), HOW


def test_the_types_name_every_door() -> None:
    _, body = _kept()
    paths = set(re.findall(r'^    "(/[^"]*)": \{$', body, re.M))
    assert paths == set(document()["paths"])
