"""Time-ordered ids (UUIDv7 as 32 hex digits) and the check of ids that devices make themselves."""

from __future__ import annotations

import re
import secrets
import threading

from core.clock import Instant
from core.errors import INVALID, AppError

_DEVICE_ID = re.compile(r"[0-9A-Za-z_\-:.]{8,128}")


class _Latest:
    """The id made last, so that ids made in one microsecond still sort in the order of making."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.high = 0
        self.low = 0


_LATEST = _Latest()
_RANDOM_BITS = 62


def new_id(now: Instant) -> str:
    """A UUIDv7 (RFC 9562) for `now` as 32 lower-case hex digits; sorts by time, then by making.

    The 12 bits after the millisecond hold the microseconds (method 3). Of one microsecond the first
    id has 62 random bits, each further one adds a random 32-bit step (method 2), so tasks opened by
    one command keep their order and stay unguessable.
    """
    millis, micros = divmod(now, 1000)
    high = ((millis & 0xFFFF_FFFF_FFFF) << 16) | 0x7000 | (micros * 4)
    with _LATEST.lock:
        if high == _LATEST.high:
            low = _LATEST.low + 1 + secrets.randbits(32)
        else:
            low = secrets.randbits(_RANDOM_BITS) >> 1  # room to count up from
        _LATEST.high, _LATEST.low = high, low
    return f"{high:016x}{(0b10 << _RANDOM_BITS) | low:016x}"


def secret_token(bits: int = 192) -> str:
    """An unguessable url-safe token; only its hash is ever stored."""
    return secrets.token_urlsafe(bits // 8)


def typed_code(length: int = 8) -> str:
    """An unguessable code that people read out and type; no letter that is taken for another."""
    return "".join(secrets.choice("ABCDEFGHJKMNPQRSTUVWXYZ23456789") for _ in range(length))


def check_operation_id(value: str) -> str:
    """`value` if it can serve as an operation id made by a client: 8..128 of `[0-9A-Za-z_-:.]`.

    Raises:
        AppError(invalid): otherwise.
    """
    if not _DEVICE_ID.fullmatch(value):
        raise AppError(INVALID, field="操作号", why="应为 8 到 128 位的字母、数字或 _ - : .")
    return value
