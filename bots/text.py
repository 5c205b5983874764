"""Text in the room that a vendor gives it: cut with an …, never inside a character."""

from __future__ import annotations


def cut(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, ending in … where something is missing."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def cut_bytes(text: str, limit: int) -> str:
    """`text` in at most `limit` bytes of UTF-8, never inside a character."""
    raw = text.encode()
    return text if len(raw) <= limit else raw[: limit - 3].decode(errors="ignore").rstrip() + "…"
