"""Time-ordered ids (UUIDv7 as 32 hex digits) and the check of ids that devices make themselves."""

from __future__ import annotations

import re
import secrets

from core.clock import Instant
from core.errors import INVALID, AppError

_DEVICE_ID = re.compile(r"[0-9A-Za-z_\-:.]{8,128}")


def new_id(now: Instant) -> str:
    """A UUIDv7 (RFC 9562) for `now` as 32 lower-case hex digits; sorts by time to the microsecond.

    The 12 bits after the millisecond hold the microseconds (RFC 9562 method 3), so ids made in one
    transaction still sort by their order of time; 62 random bits make them unguessable.
    """
    millis, micros = divmod(now, 1000)
    high = ((millis & 0xFFFF_FFFF_FFFF) << 16) | 0x7000 | (micros * 4)
    low = (0b10 << 62) | secrets.randbits(62)
    return f"{high:016x}{low:016x}"


def secret_token(bits: int = 192) -> str:
    """An unguessable url-safe token; only its hash is ever stored."""
    return secrets.token_urlsafe(bits // 8)


def check_operation_id(value: str) -> str:
    """`value` if it can serve as an operation id made by a client: 8..128 of `[0-9A-Za-z_-:.]`.

    Raises:
        AppError(invalid): otherwise.
    """
    if not _DEVICE_ID.fullmatch(value):
        raise AppError(INVALID, field="操作号", why="应为 8 到 128 位的字母、数字或 _ - : .")
    return value
