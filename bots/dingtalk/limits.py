"""DingTalk's hard limits on a card's data, checked here so that no card is refused there.

Written from the page of createAndDeliver, apart from the renderer that must keep them and from the
simulator that enforces them on its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core.clock import MINUTE, SECOND
from core.outbox.rules import Limits, Window

KEY_BYTES = 100
VALUE_BYTES = 1024
_TRACK = re.compile(r"[0-9A-Za-z_\-@]{1,64}", re.ASCII)
_USER = re.compile(r"[^;\s]{1,64}")  # `;` parts the spaces of an openSpaceId


def broken_limit(track: str, user_id: str, params: Mapping[str, Any]) -> str:
    """The first hard limit a card breaks, in words; "" when DingTalk should take it."""
    if not _TRACK.fullmatch(track):
        return "outTrackId must be 1..64 of [0-9A-Za-z_-@]"
    if not _USER.fullmatch(user_id):
        return "a user id must be 1..64 characters without spaces and semicolons"
    for key, value in params.items():
        if not isinstance(value, str):
            return f"the value of {key} must be a string"
        if not 1 <= len(key.encode()) <= KEY_BYTES:
            return f"the name of {key[:20]} must be 1..{KEY_BYTES} bytes"
        if len(value.encode()) > VALUE_BYTES:
            return f"the value of {key} must be at most {VALUE_BYTES} bytes"
    return ""


# What the outbox may hand over: DingTalk takes some 20 calls a second for each method of an
# application (standard plan); a little is left for edits by people's presses, which nobody counts.
PACE = Limits(account=(Window(18, SECOND), Window(1_000, MINUTE)))
