"""What waits to be sent to one socket: bounded, so a client that does not read costs nothing.

A client that falls too far behind is hung up on with a code; it resumes from its cursor and gets
exactly what it missed. Lives on the event loop's thread. Not for sockets themselves (api/live.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import AppError
from pda.protocol import (
    BAD_FRAME,
    CLOSE_BAD_FRAME,
    CLOSE_SLOW,
    CLOSE_TOO_BIG,
    SLOW,
    encode,
    error,
)

MOST_WAITING = 256
MOST_UNACKED = 512
MOST_BAD_FRAMES = 20  # in a row; then it is no client of ours


@dataclass(frozen=True, slots=True)
class HangUp:
    """The last thing an outlet hands over."""

    code: int
    reason: str


def _nobody() -> None:
    """Nobody sends yet: everything waits."""


class Outlet:
    """Frames in order, then at most one `HangUp`. `changed` is called when there is more to take.

    It must not raise; usually it takes the frame at once, and nothing ever waits.
    """

    __slots__ = ("_bad", "_hang_up", "_most", "_waiting", "changed")

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._bad = 0  # frames in a row that could not be read
        self._waiting: list[str] = []  # empty it is a tenth of a deque, and there are thousands
        self._hang_up: HangUp | None = None
        self.changed: Callable[[], None] = _nobody

    @property
    def is_closed(self) -> bool:
        return self._hang_up is not None

    def put(self, text: str) -> None:
        """Queue one frame; the one too many ends the connection instead."""
        if self._hang_up is not None:
            return
        self._waiting.append(text)
        if len(self._waiting) > self._most:
            self.give_up_slow()
        else:
            self.changed()

    def give_up_slow(self) -> None:
        """Drop what waits: the client resumes and gets it from the log."""
        self._waiting = [encode(error(AppError(SLOW)))]
        self._hang_up = HangUp(CLOSE_SLOW, SLOW.code)
        self.changed()

    def hang_up(self, code: int, reason: str) -> None:
        """End the connection after what waits has been sent; the first reason stays."""
        if self._hang_up is None:
            self._hang_up = HangUp(code, reason)
            self.changed()

    def take(self) -> str | HangUp | None:
        """The next frame, or how to hang up once nothing waits; None: nothing to do now."""
        return self._waiting.pop(0) if self._waiting else self._hang_up

    def good_frame(self) -> None:
        """The client sent a frame that could be read."""
        self._bad = 0

    def bad_frame(self, problem: AppError) -> None:
        """It sent one that could not: too large a one, or too many in a row, end the connection."""
        self._bad += 1
        if problem.facts.get("too_big"):
            self.hang_up(CLOSE_TOO_BIG, BAD_FRAME.code)
        elif self._bad >= MOST_BAD_FRAMES:
            self.hang_up(CLOSE_BAD_FRAME, BAD_FRAME.code)
