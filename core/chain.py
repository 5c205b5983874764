"""Hash chaining for logs that must show tampering: canonical bytes and one link. Not a table."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

GENESIS = "0" * 64
Ready = orjson.Fragment  # canonical bytes made before, to be put into a larger content as they are


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: the same facts always give the same bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def link(previous: str, content: Any) -> str:
    """sha256 over the previous link and the canonical content, 64 hex digits."""
    return hashlib.sha256(previous.encode() + canonical(content)).hexdigest()


def fingerprint(content: Any) -> str:
    """sha256 of the canonical content alone, 64 hex digits."""
    return hashlib.sha256(canonical(content)).hexdigest()
