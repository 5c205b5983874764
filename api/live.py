"""The WebSocket doors: /ws/pda for scanners, /ws/desk for the board; and the page at /pda.

After a commit the Writer's thread hands the news to `on_news`; it hops to the event loop, each task
event is serialised once and the same text goes to everybody who may see it. A client that missed
anything resumes from the sealed log. Not for what a scan means (pda/flows).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute, Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

import pda
from api.desk_live import DeskClient
from api.doors import Doorkeeper
from core.clock import Clock
from core.db import Database
from core.errors import AppError
from core.events import Event
from pda.catchup import body_of, is_of_a_task
from pda.outlet import HangUp, Outlet
from pda.protocol import (
    BAD_FRAME,
    CLOSE_BAD_FRAME,
    CLOSE_DEVICE,
    CLOSE_ORIGIN,
    CLOSE_SIGNED_OUT,
    CLOSE_SILENT,
    CLOSE_TOO_BIG,
    SILENCE_SECONDS,
    decode,
    decode_desk,
)
from pda.session import Session, Tries

PAGE = Path(pda.__file__).parent / "page"
MOST_BAD_FRAMES = 20  # in a row; then it is no client of ours
GOODBYE_SECONDS = 1.0  # how long a socket may take to accept its close frame
GOING_AWAY = 1001
SERVER_ERROR = 1011  # a bug of ours; the client sets the frame aside after a few tries


# Old WebViews do not count ws: as 'self'.
_CSP = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:"


class Page(StaticFiles):
    """The scanner's page. Never cached blindly: a kiosk that reloads gets the new version."""

    async def get_response(self, path: str, scope: Scope) -> Any:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Content-Security-Policy"] = _CSP
        return response


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
        self._scanners: set[Session] = set()
        self._desks: set[DeskClient] = set()
        self._resyncs = 0  # of clients that have gone
        self._loop: asyncio.AbstractEventLoop | None = None

    def routes(self) -> Sequence[BaseRoute]:
        """What api/main adds to the application."""
        return [
            WebSocketRoute("/ws/pda", self.scanner),
            WebSocketRoute("/ws/desk", self.desk),
            Mount("/pda", Page(directory=PAGE, html=True)),
        ]

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
            for client in self._everybody():
                client.offer(event, body)

    def _revoke(self, device_id: int) -> None:
        for session in self._scanners:
            if session.device_id == device_id:
                session.outlet.hang_up(CLOSE_DEVICE, "device_revoked")

    def _everybody(self) -> list[Session | DeskClient]:
        return [*self._scanners, *self._desks]

    async def close(self) -> None:
        """The server goes down: every client is told and resumes elsewhere or later."""
        for client in self._everybody():
            client.outlet.hang_up(GOING_AWAY, "server_stopping")

    # -- doors ---------------------------------------------------------------------------------
    async def scanner(self, socket: WebSocket) -> None:
        """/ws/pda: the token of the device comes in the first frame, never in the address."""
        if not self._may_knock(socket):
            await socket.close(CLOSE_ORIGIN)
            return
        await socket.accept()
        self._loop = asyncio.get_running_loop()
        session = Session(self._db, self._clock, self._tries, Outlet())
        self._scanners.add(session)
        try:
            await self._both_ways(socket, session.outlet, self._hear_scanner(socket, session))
        finally:
            self._scanners.discard(session)
            self._resyncs += session.resyncs

    async def desk(self, socket: WebSocket) -> None:
        """/ws/desk: the cookie says who it is, the Origin that the page is ours."""
        if not socket.headers.get("origin") or not self._may_knock(socket):
            await socket.close(CLOSE_ORIGIN)
            return
        try:
            actor = await self._doorkeeper.actor(socket)
            client = DeskClient(self._db, self._clock, actor, Outlet())
        except AppError as problem:
            await socket.accept()
            await socket.close(CLOSE_SIGNED_OUT, problem.code)
            return
        await socket.accept()
        self._loop = asyncio.get_running_loop()
        self._desks.add(client)
        try:
            await self._both_ways(socket, client.outlet, self._hear_desk(socket, client))
        finally:
            self._desks.discard(client)
            self._resyncs += client.resyncs

    def _may_knock(self, socket: WebSocket) -> bool:
        """Browsers always send Origin; a native client has none and proves itself by its token."""
        origin = socket.headers.get("origin")
        return origin is None or self._doorkeeper.is_ours(origin, socket)

    async def _both_ways(self, socket: WebSocket, outlet: Outlet, hearing: Any) -> None:
        """Hear and speak until either ends; then end the other."""
        hear = asyncio.create_task(hearing)
        speak = asyncio.create_task(_speak(socket, outlet))
        try:
            await asyncio.wait((hear, speak), return_when=asyncio.FIRST_COMPLETED)
            if hear.done() and not speak.done():
                broken = not hear.cancelled() and hear.exception() is not None
                outlet.hang_up(SERVER_ERROR if broken else GOING_AWAY, "")
                await asyncio.wait((speak,), timeout=self._goodbye)
        finally:
            for each in (hear, speak):
                each.cancel()
            done = await asyncio.gather(hear, speak, return_exceptions=True)
        for problem in done:
            if isinstance(problem, Exception):
                raise problem

    async def _hear_scanner(self, socket: WebSocket, session: Session) -> None:
        bad = 0
        async for raw in self._frames(socket, session.outlet):
            try:
                frame = decode(raw)
                bad = 0
            except AppError as problem:
                bad += 1
                session.refuse(problem, problem.facts.get("id"))
                self._judge(session.outlet, problem, bad)
                continue
            try:
                await session.receive(frame)
            except AppError as problem:
                session.refuse(problem, getattr(frame, "id", None))

    async def _hear_desk(self, socket: WebSocket, client: DeskClient) -> None:
        bad = 0
        async for raw in self._frames(socket, client.outlet):
            try:
                await client.receive(decode_desk(raw))
                bad = 0
            except AppError as problem:
                bad += 1
                client.refuse(problem)
                self._judge(client.outlet, problem, bad)

    def _judge(self, outlet: Outlet, problem: AppError, bad: int) -> None:
        if problem.facts.get("too_big"):
            outlet.hang_up(CLOSE_TOO_BIG, BAD_FRAME.code)
        elif bad >= MOST_BAD_FRAMES:
            outlet.hang_up(CLOSE_BAD_FRAME, BAD_FRAME.code)

    async def _frames(self, socket: WebSocket, outlet: Outlet) -> Any:
        """Frames as they come; ends when the client leaves, is hung up on, or stays silent."""
        while not outlet.is_closed:
            try:
                async with asyncio.timeout(self._silence):
                    message = await socket.receive()
            except TimeoutError:
                outlet.hang_up(CLOSE_SILENT, "silent")
                return
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            yield text if text is not None else message.get("bytes") or b""


def _is_news(event: Event) -> bool:
    return event.kind == "device.revoked" or is_of_a_task(event)


async def _speak(socket: WebSocket, outlet: Outlet) -> None:
    """Send what waits, in order; the last word is the close frame."""
    with suppress(WebSocketDisconnect):  # the client left; its cursor says what it has
        while not isinstance(frame := await outlet.next(), HangUp):
            await socket.send_text(frame)
        async with asyncio.timeout(GOODBYE_SECONDS):
            await socket.close(frame.code, frame.reason)
