"""One open socket: hears its frames one after the other, speaks as soon as there is something.

A thousand scanners hear of one commit. Waking a task for each costs as much as the sending, and a
waiting task is memory; so a send is begun on the spot, and only one that has to wait for a slow
client gets a task. Not for what is said (pda/) nor to whom (api/live.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from types import coroutine
from typing import Any

from starlette.types import Message, Receive, Send

from pda.outlet import HangUp, Outlet
from pda.protocol import CLOSE_SILENT

log = logging.getLogger(__name__)

SERVER_ERROR = 1011  # a bug of ours; the client sets the frame aside after a few tries

Hear = Callable[[str | bytes], Awaitable[None]]

ROUNDING = 0.001  # seconds; floats may miss a moment by less, and would be tried for ever


class Line:
    """Both ways of one socket, from its handshake to its end."""

    __slots__ = ("_goodbye", "_heard_at", "_limit", "_loop", "_outlet", "_send", "_sending")

    def __init__(self, send: Send, outlet: Outlet, goodbye: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._send, self._outlet, self._goodbye = send, outlet, goodbye
        self._heard_at = self._loop.time()
        self._sending: asyncio.Task[None] | None = None
        self._limit = asyncio.timeout(None)
        outlet.changed = self._speak

    async def talk(self, receive: Receive, hear: Hear, silence: float) -> None:
        """Until the client leaves, is hung up on, or says nothing for `silence` seconds."""
        watch = self._loop.call_later(silence, self._watch, silence)
        try:
            async with self._limit:
                while (message := await receive())["type"] != "websocket.disconnect":
                    self._heard_at = self._loop.time()
                    if not self._outlet.is_closed:
                        text = message.get("text")
                        await hear(text if text is not None else message.get("bytes") or b"")
        except TimeoutError:
            if not self._limit.expired():
                raise
        except Exception:
            self._outlet.hang_up(SERVER_ERROR, "")
            if self._sending is not None:
                await asyncio.wait((self._sending,), timeout=self._goodbye)
            raise
        finally:
            watch.cancel()
            self._outlet.changed = _nothing
            if self._sending is not None:
                self._sending.cancel()

    def _watch(self, silence: float) -> None:
        quiet = self._loop.time() - self._heard_at
        if quiet >= silence - ROUNDING:
            self._outlet.hang_up(CLOSE_SILENT, "silent")
        elif self._outlet.changed is not _nothing:
            self._loop.call_later(silence - quiet, self._watch, silence)

    def _speak(self) -> None:
        """Send what waits, until nothing does or the socket is full."""
        if self._sending is not None:
            if self._outlet.is_closed:
                self._end_in(self._goodbye)
            return
        try:
            while (frame := self._outlet.take()) is not None:
                rest = _begun(self._send(_message(frame)))
                if rest is not None:
                    self._sending = self._loop.create_task(self._wait(rest, frame))
                    return
                if isinstance(frame, HangUp):
                    self._end_in(0)
                    return
        except Exception as problem:  # noqa: BLE001  # whoever tells a thousand goes on telling
            self._broken(problem)

    async def _wait(self, rest: Coroutine[Any, Any, None], frame: str | HangUp) -> None:
        try:
            await rest
        except Exception as problem:  # noqa: BLE001  # as above
            self._broken(problem)
            return
        self._sending = None
        if isinstance(frame, HangUp):
            self._end_in(0)
        else:
            self._speak()

    def _broken(self, problem: Exception) -> None:
        """Nothing can be sent any more. Usually the client left: its cursor says what it has."""
        if not isinstance(problem, OSError):
            log.warning("socket_broken", exc_info=problem)
        self._end_in(0)

    def _end_in(self, seconds: float) -> None:
        """The listening ends then, whatever the client does."""
        if seconds == 0:
            self._outlet.changed = _nothing
        with suppress(RuntimeError):  # it has ended by itself
            self._limit.reschedule(self._loop.time() + seconds)


def _nothing() -> None:
    """The socket is closed: whatever comes is for nobody."""


def _message(frame: str | HangUp) -> Message:
    if isinstance(frame, HangUp):
        return {"type": "websocket.close", "code": frame.code, "reason": frame.reason}
    return {"type": "websocket.send", "text": frame}


def _begun(sending: Any) -> Coroutine[Any, Any, None] | None:
    """Run a coroutine up to where it must wait; the rest of it, None when it never had to.

    What asyncio.eager_task_factory does from Python 3.12 on, and without a task.
    """
    try:
        waits_for = sending.send(None)
    except StopIteration:
        return None
    return _rest(sending, waits_for)


@coroutine
def _rest(sending: Any, waits_for: Any) -> Generator[Any, Any, None]:
    """The rest of a coroutine that waits for `waits_for` already."""
    while True:
        try:
            got = yield waits_for
        except BaseException as problem:  # noqa: BLE001  # its own: a cancellation, most of all
            step, value = sending.throw, problem
        else:
            step, value = sending.send, got
        try:
            waits_for = step(value)
        except StopIteration:
            return
