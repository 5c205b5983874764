"""One desk page on /ws/desk: the same numbered task events as a scanner gets, for the whole board.

It sends no snapshot: on "resync" the page fetches /api/tasks and applies the events that follow;
a task carries its version, so a repeat is harmless. Who it is is asked again with each frame that
the page sends, so with each heartbeat: who signed out or left is hung up on, other rights count.
Not for sockets (api/live.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Connection

from core import events
from core.clock import Clock, iso
from core.db import Database
from core.errors import AppError
from core.events import Event
from core.people import Actor, require
from pda.catchup import MOST_MISSED, body_of, gap, is_in_reach, is_of_a_task
from pda.outlet import Outlet
from pda.protocol import (
    BAD_VERSION,
    CLOSE_BAD_FRAME,
    CLOSE_SIGNED_OUT,
    HEARTBEAT_SECONDS,
    VERSION,
    Ack,
    DeskFrame,
    DeskHello,
    Ping,
    decode_desk,
    encode,
    error,
    event_text,
)

Who = Callable[[], Awaitable[Actor]]


async def desk_client(db: Database, clock: Clock, who: Who, outlet: Outlet) -> DeskClient:
    """The page of whoever `who` says it is, now and later.

    Raises:
        AppError(signed_out). AppError(forbidden): the person may not read the board.
    """
    return DeskClient(db, clock, (who, await _reader(who)), outlet)


async def _reader(who: Who) -> Actor:
    actor = await who()
    require(actor, "board.read")
    return actor


class DeskClient:
    """A signed-in person's board; made by `desk_client`."""

    def __init__(
        self, db: Database, clock: Clock, person: tuple[Who, Actor], outlet: Outlet
    ) -> None:
        self._db = db
        self._clock = clock
        self._who, self._actor = person
        self.outlet = outlet
        self.resyncs = 0  # times this page's cursor could not be honoured
        self._told = 0
        self._shown: frozenset[int] = frozenset()  # the warehouses that the page's board was of
        self._ready = False
        self._held: list[tuple[Event, str]] | None = None

    async def hear(self, raw: str | bytes) -> None:
        """Answer one frame, as it came; what is wrong with it is answered too, never raised."""
        try:
            await self._look_again()
            if self.outlet.is_closed:
                return
            await self._receive(decode_desk(raw))
            self.outlet.good_frame()
        except AppError as problem:
            self.refuse(problem)
            self.outlet.bad_frame(problem)

    async def _look_again(self) -> None:
        """Is it still the same person, with the same rights? Else stop telling, or begin anew."""
        try:
            self._actor = await _reader(self._who)
        except AppError as problem:
            if problem.status >= 500:  # a database that is away signs nobody out
                return
            self._ready = False
            self.refuse(problem)
            self.outlet.hang_up(CLOSE_SIGNED_OUT, problem.code)
            return
        if self._ready and self._actor.warehouse_ids != self._shown:
            await self._begin(self._resync)

    async def _receive(self, frame: DeskFrame) -> None:
        match frame:
            case DeskHello():
                await self._hello(frame)
            case Ping():
                now = iso(self._clock.now())
                self._send({"t": "pong", "n": frame.n, "seq": self._told, "now": now})
            case Ack():
                pass  # the bounded outlet alone guards against a slow page

    async def _hello(self, frame: DeskHello) -> None:
        if frame.v != VERSION:
            self.refuse(AppError(BAD_VERSION, theirs=frame.v, ours=VERSION))
            self.outlet.hang_up(CLOSE_BAD_FRAME, BAD_VERSION.code)
            return
        await self._begin(lambda: self._catch_up(frame))

    async def _begin(self, from_where: Callable[[], Awaitable[None]]) -> None:
        """Live events wait until the page knows where it stands, and follow without a seam."""
        self._held = []
        self._ready = True
        try:
            await from_where()
        finally:
            held, self._held = self._held, None
        for event, body in held:
            self.offer(event, body)

    async def _resync(self) -> None:
        epoch, head = await self._db.read(lambda conn: (events.epoch(conn), events.head(conn)))
        self._send({"t": "resync", "epoch": epoch, "seq": head})
        self._told, self._shown = head, self._actor.warehouse_ids

    async def _catch_up(self, frame: DeskHello) -> None:
        def read(conn: Connection) -> tuple[str, int, list[Event] | None]:
            epoch, head = events.epoch(conn), events.head(conn)
            cursor = frame.cursor
            if cursor is None or frame.epoch != epoch or not is_in_reach(conn, cursor, head):
                return epoch, head, None
            return epoch, head, [each for each in gap(conn, cursor, head) if self._sees(each)]

        epoch, head, missed = await self._db.read(read)
        self._send(
            {
                "t": "welcome",
                "v": VERSION,
                "epoch": epoch,
                "now": iso(self._clock.now()),
                "heartbeat_seconds": HEARTBEAT_SECONDS,
                "person": {"id": self._actor.person_id, "name": self._actor.name},
            }
        )
        if missed is None or len(missed) > MOST_MISSED:
            self.resyncs += frame.cursor is not None
            self._send({"t": "resync", "epoch": epoch, "seq": head})
        else:
            self._told = frame.cursor or 0
            for event in missed:
                self._tell(event.seq, body_of(event))
            self._send({"t": "resumed", "epoch": epoch, "seq": head, "count": len(missed)})
        self._told, self._shown = head, self._actor.warehouse_ids

    def offer(self, event: Event, body: str) -> None:
        """A committed task event, told to this page if its person may see it."""
        if not self._ready or not self._sees(event):
            return
        if self._held is not None:
            self._held.append((event, body))
        elif event.seq > self._told:
            self._tell(event.seq, body)

    def _sees(self, event: Event) -> bool:
        """Everything on the board, except other warehouses for a person bound to some."""
        if not is_of_a_task(event):
            return False
        warehouse_id = event.payload["task"].get("warehouse_id")
        bound = self._actor.warehouse_ids
        named = event.audience is not None and self._actor.person_id in event.audience
        return named or not bound or warehouse_id is None or warehouse_id in bound

    def _tell(self, seq: int, body: str) -> None:
        self.outlet.put(event_text(self._told, body))
        self._told = seq

    def _send(self, frame: dict[str, Any]) -> None:
        self.outlet.put(encode(frame))

    def refuse(self, problem: AppError) -> None:
        """Send the frame that says no."""
        self._send(error(problem))
