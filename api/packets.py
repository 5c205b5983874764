"""An answer's head and body in one packet. uvicorn writes one after the other, uvloop sends each
at once: that is two system calls for us, and the client is woken twice. Not for sockets.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Joined:
    """A transport whose writes of one turn of the event loop leave together."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.inner = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)

    def flush(self) -> None:
        """Send what was written; nothing may overtake it."""
        waiting, self._waiting = self._waiting, []
        if waiting and not self.inner.is_closing():
            self.inner.write(b"".join(waiting))

    def close(self) -> None:
        self.flush()
        self.inner.close()


class OnePacket(HttpToolsProtocol):
    """uvicorn's protocol on such a transport."""

    def connection_made(  # type: ignore[override]  # uvicorn too names the kind it needs
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(Joined(transport, self.loop))  # type: ignore[arg-type]

    def handle_websocket_upgrade(self) -> None:
        joined: Any = self.transport
        joined.flush()
        self.transport = joined.inner
        super().handle_websocket_upgrade()
        # It holds our methods: what holds itself waits for the collector, a set for each scanner.
        self.parser = None  # type: ignore[assignment]  # as uvicorn does when a connection is lost
