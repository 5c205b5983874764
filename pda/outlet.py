"""What waits to be sent to one socket: bounded, so a client that does not read costs nothing.

A client that falls too far behind is hung up on with a code; it resumes from its cursor and gets
exactly what it missed. Lives on the event loop's thread. Not for sockets themselves (api/live.py).
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from core.errors import AppError
from pda.protocol import CLOSE_SLOW, SLOW, encode, error

MOST_WAITING = 256
MOST_UNACKED = 512


@dataclass(frozen=True, slots=True)
class HangUp:
    """The last thing an outlet hands over."""

    code: int
    reason: str


class Outlet:
    """Frames in order, then at most one `HangUp`."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: deque[str] = deque()
        self._hang_up: HangUp | None = None
        self._changed = asyncio.Event()

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
        self._changed.set()

    def give_up_slow(self) -> None:
        """Drop what waits: the client resumes and gets it from the log."""
        self._waiting.clear()
        self._waiting.append(encode(error(AppError(SLOW))))
        self._hang_up = HangUp(CLOSE_SLOW, SLOW.code)
        self._changed.set()

    def hang_up(self, code: int, reason: str) -> None:
        """End the connection after what waits has been sent; the first reason stays."""
        if self._hang_up is None:
            self._hang_up = HangUp(code, reason)
        self._changed.set()

    async def next(self) -> str | HangUp:
        """The next frame, or how to hang up once nothing waits."""
        while True:
            if self._waiting:
                return self._waiting.popleft()
            if self._hang_up is not None:
                return self._hang_up
            self._changed.clear()
            await self._changed.wait()
