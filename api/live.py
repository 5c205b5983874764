"""The WebSocket doors: /ws/pda for scanners, /ws/desk for the board.

After a commit the Writer's thread hands the news to `on_news`; it hops to the event loop, each task
event is serialised once and the same text goes to everybody who may see it. A client that missed
anything resumes from the sealed log. Not for what a scan means (pda/flows).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from api.desk_live import DeskClient, desk_client
from api.doors import Doorkeeper
from api.line import Line
from core.clock import Clock
from core.db import Database
from core.errors import AppError
from core.events import Event
from pda.catchup import body_of, is_of_a_task
from pda.outlet import Outlet
from pda.present import Present, Tries
from pda.protocol import CLOSE_AGAIN, CLOSE_DEVICE, CLOSE_ORIGIN, CLOSE_SIGNED_OUT, SILENCE_SECONDS
from pda.rollcall import RollCall
from pda.session import Session

SCANNERS, DESKS = SOCKETS = ("/ws/pda", "/ws/desk")
GOODBYE_SECONDS = 1.0  # how long a socket may take to accept its close frame


class LiveDoor:
    """Every open socket of this process."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        doorkeeper: Doorkeeper,
        *,
        silence_seconds: float = SILENCE_SECONDS,
        goodbye_seconds: float = GOODBYE_SECONDS,
    ) -> None:
        self._db = db
        self._clock = clock
        self._doorkeeper = doorkeeper
        self._silence = silence_seconds
        self._goodbye = goodbye_seconds
        self._tries = Tries(clock)
        self._present = Present(RollCall(db, clock))
        self._scanners: set[Session] = set()
        self._desks: set[DeskClient] = set()
        self._resyncs = 0  # of clients that have gone
        self._loop: asyncio.AbstractEventLoop | None = None

    def routes(self) -> Sequence[BaseRoute]:
        """What api/main adds to the application."""
        return [WebSocketRoute(path, self) for path in SOCKETS]

    def counts(self) -> dict[str, int]:
        """Open sockets by kind, for /metrics."""
        resyncs = sum(client.resyncs for client in self._everybody()) + self._resyncs
        return {"pda": len(self._scanners), "desk": len(self._desks), "resyncs": resyncs}

    # -- news ----------------------------------------------------------------------------------
    def on_news(self, facts: Iterable[Any]) -> None:
        """Called on the Writer's thread after each commit, in commit order; returns at once."""
        news = [fact for fact in facts if isinstance(fact, Event) and _is_news(fact)]
        loop = self._loop
        if news and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._fan_out, news)

    def _fan_out(self, news: list[Event]) -> None:
        for event in news:
            if event.kind == "device.revoked":
                self._revoke(int(event.subject.partition(":")[2]))
                continue
            body = body_of(event)
            for session in self._present.holding(event.audience or ()):
                session.offer(event, body)
            for desk in self._desks:
                desk.offer(event, body)

    def _revoke(self, device_id: int) -> None:
        for session in self._scanners:
            if session.device_id == device_id:
                session.outlet.hang_up(CLOSE_DEVICE, "device_revoked")

    def _everybody(self) -> list[Session | DeskClient]:
        return [*self._scanners, *self._desks]

    async def close(self) -> None:
        """The server goes down: every client is told and resumes elsewhere or later."""
        for client in self._everybody():
            client.outlet.hang_up(CLOSE_AGAIN, "server_stopping")

    # -- doors ---------------------------------------------------------------------------------
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One socket, from its handshake to its end."""
        door = self._scanner if scope["path"] == SCANNERS else self._desk
        await door(WebSocket(scope, receive, send), receive, send)

    async def _scanner(self, socket: WebSocket, receive: Receive, send: Send) -> None:
        """The token of the device comes in the first frame, never in the address."""
        if not self._may_knock(socket):
            await socket.close(CLOSE_ORIGIN)
            return
        await socket.accept()
        session = Session(self._db, self._clock, self._tries, self._present, Outlet())
        self._scanners.add(session)
        try:
            await self._talk(session, receive, send)
        finally:
            session.actor = None
            self._scanners.discard(session)

    async def _desk(self, socket: WebSocket, receive: Receive, send: Send) -> None:
        """The cookie says who it is, the Origin that the page is ours."""
        if not socket.headers.get("origin") or not self._may_knock(socket):
            await socket.close(CLOSE_ORIGIN)
            return
        try:
            client = await desk_client(
                self._db, self._clock, lambda: self._doorkeeper.actor(socket), Outlet()
            )
        except AppError as problem:
            await socket.accept()
            why = CLOSE_SIGNED_OUT if problem.status < 500 else CLOSE_AGAIN
            await socket.close(why, problem.code)
            return
        await socket.accept()
        self._desks.add(client)
        try:
            await self._talk(client, receive, send)
        finally:
            self._desks.discard(client)

    async def _talk(self, client: Session | DeskClient, receive: Receive, send: Send) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            line = Line(send, client.outlet, self._goodbye)
            await line.talk(receive, client.hear, self._silence)
        finally:
            self._resyncs += client.resyncs

    def _may_knock(self, socket: WebSocket) -> bool:
        """Browsers always send Origin; a native client has none and proves itself by its token."""
        origin = socket.headers.get("origin")
        return origin is None or self._doorkeeper.is_ours(origin, socket)


def _is_news(event: Event) -> bool:
    return event.kind == "device.revoked" or is_of_a_task(event)
