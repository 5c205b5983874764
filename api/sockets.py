"""A scanner that hung up leaves nothing behind. What websockets parses frames with is a generator
that holds its connection, which holds it: each scanner that ever came waited for the collector.
"""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class LetGo(WebSocketsSansIOProtocol):
    """uvicorn's protocol; with the connection its parser ends, to which nothing comes any more."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.conn.parser.close()
