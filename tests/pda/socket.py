"""An in-memory WebSocket client: speaks ASGI to the real application, no network, no threads.

`async with Socket(app, "/ws/pda") as pda:` opens the door; `send` and `frame` talk; `drop` is a
dead network: the server hears 1006 and whatever it still sends is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any

import orjson

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]
PATIENCE = 5.0  # seconds of real time before a missing frame fails the test


class Closed(Exception):  # noqa: N818  # not an error: what a client sees when hung up on
    """The server hung up."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class Socket:
    """One connection. Headers are (name, value) in lower case."""

    def __init__(self, app: App, path: str, headers: dict[str, str] | None = None) -> None:
        self._app = app
        self._scope: Message = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "ws",
            "query_string": b"",
            "headers": [(n.encode(), v.encode()) for n, v in (headers or {}).items()],
            "client": ("127.0.0.1", 50000),
            "server": ("testserver", 80),
            "subprotocols": [],
        }
        self._to_server: asyncio.Queue[Message] = asyncio.Queue()
        self._to_client: asyncio.Queue[Message] = asyncio.Queue()
        self._dropped = False
        self.reading = asyncio.Event()  # cleared: a client that does not read its socket
        self.reading.set()
        self.broken = False  # every sending fails, as under a server that closed by itself

    async def __aenter__(self) -> Socket:
        self._to_server.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(self._run())
        first = await asyncio.wait_for(self._to_client.get(), PATIENCE)
        if first["type"] == "websocket.close":
            await self._task
            raise Closed(first.get("code", 1000), first.get("reason") or "")
        assert first["type"] == "websocket.accept"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None
    ) -> None:
        self.reading.set()
        self.drop(1000)
        await asyncio.wait_for(self._task, PATIENCE)

    async def _run(self) -> None:
        await self._app(self._scope, self._to_server.get, self._deliver)

    async def _deliver(self, message: Message) -> None:
        await self.reading.wait()
        if self.broken:
            raise RuntimeError("Unexpected ASGI message after sending 'websocket.close'.")
        if not self._dropped:
            self._to_client.put_nowait(message)

    def send(self, frame: dict[str, Any] | str | bytes) -> None:
        """Hand one frame to the server."""
        kind = "bytes" if isinstance(frame, bytes) else "text"
        body = orjson.dumps(frame).decode() if isinstance(frame, dict) else frame
        self._to_server.put_nowait({"type": "websocket.receive", kind: body})

    async def frame(self) -> dict[str, Any]:
        """The server's next frame. Raises Closed when it hung up."""
        message = await asyncio.wait_for(self._to_client.get(), PATIENCE)
        if message["type"] == "websocket.close":
            raise Closed(message.get("code", 1000), message.get("reason") or "")
        found: dict[str, Any] = orjson.loads(message["text"])
        return found

    async def ended(self) -> None:
        """Until the server has given this connection up."""
        await asyncio.wait_for(asyncio.shield(self._task), PATIENCE)

    async def until(self, *kinds: str) -> dict[str, Any]:
        """The next frame of one of `kinds`, passing over the others."""
        while (found := await self.frame())["t"] not in kinds:
            pass
        return found

    async def closed(self) -> Closed:
        """How the server hangs up, passing over what it still says."""
        try:
            while True:
                await self.frame()
        except Closed as end:
            return end

    def drop(self, code: int = 1006, *, lose: bool = False) -> None:
        """The network is gone in both directions; `lose`: with what the server had not read yet."""
        self._dropped = True
        while lose and not self._to_server.empty():
            self._to_server.get_nowait()
        self._to_server.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})
