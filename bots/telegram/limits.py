"""Telegram's hard limits on a message, checked here so that no card is refused there.

Written from channels.md §3, apart from the renderer that must keep them and from the simulator
that enforces them on its own.
"""

from __future__ import annotations

from bots.telegram.render import Shown
from core.clock import HOUR, MINUTE, SECOND
from core.outbox.rules import Limits, Window

PHOTO_BYTES = 10 * 1024 * 1024
DOWNLOAD_BYTES = 20 * 1024 * 1024
ROW = 8
ALL = 100
DATA = 64

# What the outbox may hand over, for `deliver_steps`. Telegram's are one new card a second to one
# person and 30 a second in all; some room is left for answers and words, which nobody counts.
PACE = Limits(
    rings=(Window(1, SECOND), Window(20, MINUTE), Window(600, HOUR)),
    account=(Window(20, SECOND), Window(1_000, MINUTE)),
)


def broken_limit(message: Shown, limit: int) -> str:
    """The first hard limit `message` breaks, in words; "" when Telegram should take it."""
    if not 1 <= message.units <= limit:
        return f"text must be 1..{limit} UTF-16 units, not {message.units}"
    if any(not 1 <= len(row) <= ROW for row in message.rows):
        return f"a row must have 1..{ROW} buttons"
    buttons = [each for row in message.rows for each in row]
    if len(buttons) > ALL:
        return f"at most {ALL} buttons"
    for each in buttons:
        if bool(each.url) == bool(each.data):
            return "a button needs either data or a url"
        if each.data and len(each.data.encode()) > DATA:
            return f"a button's data must be 1..{DATA} bytes"
    return ""


def chat_number(user_id: str) -> int | None:
    """A person's number at Telegram: up to 52 bits, never negative (those are groups)."""
    if not (user_id.isascii() and user_id.isdecimal() and len(user_id) <= 16):
        return None
    return int(user_id) or None
