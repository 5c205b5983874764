"""The browser's client speaks the server's protocol: its frames, and the codes it acts on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import api.main  # noqa: F401  # every code of the catalogue is defined on import
from core.errors import CATALOGUE
from tests.client_vectors.frames_vectors import FILE, text

SRC = Path(__file__).parents[2] / "api" / "client" / "src"


def test_the_frames_of_the_vectors_are_those_of_the_server() -> None:
    how = "run: python -m tests.client_vectors.frames_vectors, then npm test -w api/client"
    assert FILE.read_text(encoding="utf-8") == text(), how


@pytest.mark.parametrize("name", ["LATER", "CONFLICTS"])
def test_the_client_acts_on_codes_that_exist(name: str) -> None:
    source = (SRC / "entries.ts").read_text(encoding="utf-8")
    listed = re.search(rf"const {name} = \[([^\]]+)\]", source)
    assert listed is not None
    codes = re.findall(r"'(\w+)'", listed.group(1))
    assert codes
    assert [code for code in codes if code not in CATALOGUE] == []


def test_every_scanner_test_double_speaks_of_this_protocol() -> None:
    protocol = (SRC / "frames.ts").read_text(encoding="utf-8")
    closed = Path("docs/pda-protocol.md").read_text(encoding="utf-8")
    said = set(re.findall(r"\{ t: '(\w+)'", protocol)) | {"scan", "submit", "act", "reply"}
    assert {kind for kind in said if f"`{kind}`" not in closed} == set()
