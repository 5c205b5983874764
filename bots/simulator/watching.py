"""What went over the wire, for whoever wants to look: the last calls of every vendor, both ways.

Bodies are kept as text and cut; tokens are blotted out. Not a log of the product.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.clock import Clock, to_datetime

KEPT = 200
LONGEST = 4_000
_SECRET = re.compile(r"(?<=bot)\d+:[\w-]+|(?<=access_token=)[\w-]+|(?<=corpsecret=)[\w-]+")


@dataclass(slots=True)
class Wiretap:
    """The last calls, oldest first."""

    clock: Clock
    calls: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))
    count: int = 0

    def note(self, way: str, line: str, status: int, asked: bytes, answered: bytes) -> None:
        """Keep one call; `way` is "in" (to the vendor) or "out" (a callback of the vendor's)."""
        self.count += 1
        self.calls.append(
            {
                "n": self.count,
                "at": to_datetime(self.clock.now()).strftime("%H:%M:%S"),
                "way": way,
                "line": _SECRET.sub("***", line)[:300],
                "status": status,
                "asked": _words(asked),
                "answered": _words(answered),
            }
        )


def _words(body: bytes) -> str:
    text = body[:LONGEST].decode(errors="replace")
    return _SECRET.sub("***", text) + ("……" if len(body) > LONGEST else "")


class Tapped:
    """An ASGI app whose HTTP calls are noted."""

    def __init__(self, app: ASGIApp, tap: Wiretap, quiet: str) -> None:
        self._app, self._tap, self._quiet = app, tap, quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._quiet in scope["path"]:
            await self._app(scope, receive, send)
            return
        asked, answered, status = bytearray(), bytearray(), 0

        async def hear() -> Message:
            message = await receive()
            asked.extend(message.get("body", b"")[:LONGEST])
            return message

        async def say(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            answered.extend(message.get("body", b"")[:LONGEST])
            await send(message)

        query = scope["query_string"].decode("latin-1")
        line = f"{scope['method']} {scope['path']}{'?' + query if query else ''}"
        try:
            await self._app(scope, hear, say)
        finally:
            self._tap.note("in", line, status, bytes(asked), bytes(answered))


class TappedTransport(httpx.AsyncBaseTransport):
    """A transport whose calls are noted: the vendor's callbacks to us."""

    def __init__(self, inner: httpx.AsyncBaseTransport, tap: Wiretap) -> None:
        self._inner, self._tap = inner, tap

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        line = f"{request.method} {request.url.path}"
        try:
            response = await self._inner.handle_async_request(request)
            answered = await response.aread()
        except Exception:
            self._tap.note("out", line, 0, request.content, b"")
            raise
        self._tap.note("out", line, response.status_code, request.content, answered)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()
