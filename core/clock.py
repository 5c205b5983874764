"""The only file that may ask the machine for the time; tests move a clock by hand.

An `Instant` is an int: microseconds since 1970-01-01 UTC. Nothing inside the product stores or
compares anything else; `to_datetime` is for people and for the wire.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

Instant = int

SECOND: Instant = 1_000_000
MINUTE: Instant = 60 * SECOND
HOUR: Instant = 60 * MINUTE
DAY: Instant = 24 * HOUR

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Where the product takes `now` from."""

    def now(self) -> Instant:
        """Microseconds since the epoch, UTC."""

    def is_manual(self) -> bool:
        """True when nobody should wait for it: whoever moves it also runs what became due."""


class SystemClock:
    """The machine's clock, made monotonic: it may stand still for a moment, never step back.

    A stepped-back clock would give a later fact an earlier time; a long step is the operator's to
    see (`jieli doctor`), not ours to follow.
    """

    def __init__(self) -> None:
        self._last: Instant = 0

    def now(self) -> Instant:
        current = time.time_ns() // 1000
        if current < self._last and self._last - current < HOUR:
            return self._last
        self._last = current
        return current

    def is_manual(self) -> bool:
        return False


class ManualClock:
    """A clock that only moves when told to."""

    def __init__(self, start: Instant) -> None:
        self._now = start

    def now(self) -> Instant:
        return self._now

    def is_manual(self) -> bool:
        return True

    def move_to(self, instant: Instant) -> None:
        """Jump to `instant`, backwards too: tests of clock steps need that."""
        self._now = instant

    def advance(self, by: Instant) -> None:
        self._now += by


class ShiftedClock:
    """The machine's time and some more: the demo's, in which hours can be let pass."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self._ahead: Instant = 0

    def now(self) -> Instant:
        return self._system.now() + self._ahead

    def is_manual(self) -> bool:
        return False

    def jump(self, by: Instant) -> None:
        """Go ahead; never back."""
        assert by > 0, "time does not run backwards here"
        self._ahead += by


def instant(when: datetime) -> Instant:
    """The instant of an aware datetime."""
    assert when.tzinfo is not None, "a naive datetime has no instant"
    delta = when - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def to_datetime(when: Instant, zone: ZoneInfo = SHANGHAI) -> datetime:
    """An aware datetime for people; Asia/Shanghai unless another zone is asked for."""
    return datetime.fromtimestamp(when // SECOND, zone).replace(microsecond=when % SECOND)


def iso(when: Instant) -> str:
    """The wire form: ISO 8601 in UTC with microseconds, `2026-03-02T01:00:00.000001Z`."""
    second, micros = divmod(when, SECOND)
    return f"{_iso_second(second)}.{micros:06d}Z" if micros else f"{_iso_second(second)}Z"


@lru_cache(maxsize=4096)  # most moments on one answer, and in one second, are alike
def _iso_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat()


def perf() -> float:
    """Seconds on a monotonic counter, for measuring only; never stored, never compared to now."""
    return time.perf_counter()
