"""A scanner that never gives up: what has no answer is asked again under the same id, for ever.

The demo's handheld over a real socket, with the patience of a device: whoever is silent too long
is hung up on, and the next connection resumes from (epoch, seq). It remembers every event it was
told, so that `missed` can compare them with the log.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
import websockets
from sqlalchemy import Connection

from api.demo.company import unit_gtin
from api.demo.data import ITEMS, PEOPLE, PIN
from api.demo.handheld import Handheld, Wire
from core import events
from core.clock import SystemClock, perf
from core.db import Database
from core.events import Event
from core.ids import new_id
from core.tasks.board import Filters, board
from core.tasks.queries import MOST_IN_INBOX
from pda.catchup import concerns, gap
from tests.stories.fleet import Fleet

BROKEN = (OSError, websockets.WebSocketException, TimeoutError)
GOODS = "JL-202"
NOT_NOW = {"busy", "needs_sign_in", "signed_out", "after_unknown"}  # docs/pda-protocol.md
LATER = 0.02


class Rude:
    """A connection that is hung up on without a word."""

    def __init__(self, link: websockets.ClientConnection) -> None:
        self._link = link

    @classmethod
    async def dial(cls, url: str, sock: socket.socket | None = None) -> Rude:
        link = await websockets.connect(  # no time-outs: the scanner has its own patience
            url, compression=None, sock=sock, open_timeout=None, ping_interval=None
        )
        return cls(link)

    async def send(self, text: str, /) -> None:
        await self._link.send(text)

    async def recv(self) -> str | bytes:
        return await self._link.recv()

    def sever(self) -> None:
        self._link.transport.abort()

    async def close(self) -> None:
        self.sever()
        with suppress(*BROKEN):
            await self._link.wait_closed()


Dial = Callable[[], Awaitable[Rude]]


class Gun(Handheld):
    """One device, that waits at most `patience` seconds for an answer.

    `heard`: the seq of each event it was told; `snapshots`: where it began, and began again.
    """

    def __init__(self, dial: Dial, login: str, patience: float = 2.0) -> None:
        badge = next(each.badge for each in PEOPLE if each.login == login)
        super().__init__(dial, SystemClock(), badge, PIN)
        self.patience = patience
        self.heard: list[int] = []
        self.snapshots: list[int] = []
        self.is_settled = False  # connected, and told where it stands
        self.breaks = 0
        self.device_id = 0
        self.wrong: list[str] = []  # what a scanner must never be told

    def _take(self, frame: Wire) -> None:
        if frame["t"] == "welcome":
            self.device_id = frame["device"]["id"]
        if frame["t"] == "inbox" and frame["part"] == 1:
            self.snapshots.append(frame["seq"])
        if frame["t"] == "event":
            if frame["after"] != self.cursor or frame["seq"] <= frame["after"]:
                self.wrong.append(f"event {frame['seq']} after {frame['after']} at {self.cursor}")
                self.cursor = frame["after"]
            self.heard.append(frame["seq"])
        self.is_settled |= frame["t"] in {"inbox", "resumed"}
        super()._take(frame)

    async def insist(self, *frames: Wire) -> list[Wire]:
        """Ask one behind the other without waiting; the answers, whatever the network does."""
        waiting = {frame["id"]: frame for frame in frames}
        answers: dict[str, Wire] = {}
        while waiting:
            await self._try(lambda: self._ask_all(waiting, answers))
        return [answers[frame["id"]] for frame in frames]

    async def settle(self) -> None:
        """Hear everything that was said so far, however often it takes."""
        while not await self._try(self.hear):
            pass

    async def rest(self, seconds: float) -> None:
        """Hear what comes meanwhile; a connection that broke is made again."""
        over = perf() + seconds
        while (left := over - perf()) > 0:
            if self._line is None:
                await self.settle()
            try:
                async with asyncio.timeout(left):
                    await self.listen()
            except TimeoutError:
                return
            except BROKEN:
                self.breaks += 1
                await self.drop()

    def sever(self) -> None:
        """The network is gone, at whatever moment this is."""
        self.is_settled = False
        if isinstance(self._line, Rude):
            self._line.sever()

    async def drop(self) -> None:
        self.is_settled = False
        await super().drop()

    async def _try(self, talk: Callable[[], Awaitable[None]]) -> bool:
        """Talk on a connection that is there, or made; False when it broke or fell silent."""
        try:
            async with asyncio.timeout(self.patience):
                if self._line is None:
                    await self.reconnect()
                await talk()
        except BROKEN:
            self.breaks += 1
            await self.drop()
            await asyncio.sleep(LATER)
            return False
        return True

    async def _ask_all(self, waiting: dict[str, Wire], answers: dict[str, Wire]) -> None:
        """Send what waits, in order, and hear as many answers."""
        for frame in waiting.values():
            await self._say(frame)
        for _ in range(len(waiting)):
            reply = await self._until("reply", "error")
            if (reply.get("message") or {}).get("code") not in NOT_NOW and reply["id"] in waiting:
                answers[reply["id"]] = reply
                del waiting[reply["id"]]
        if self.cursor is not None:
            await self._say({"t": "ack", "seq": self.cursor})
        if waiting:
            await asyncio.sleep(LATER)

    async def until_shows(self, subject: str, *, live: bool) -> None:
        """Listen until the screen shows a task about `subject`, or no longer does."""
        while any(task["subject"] == subject for task in self.inbox.values()) != live:
            await self.listen()

    async def stay(self) -> None:
        """Do something small, so that the session does not end for want of use."""
        await self.insist({"t": "scan", "id": new_id(self._clock.now()), "code": label_of(GOODS)})

    @staticmethod
    def dialler(port: int) -> Dial:
        """How to reach the web process, or what stands before it, at `port`."""
        return partial(Rude.dial, f"ws://127.0.0.1:{port}/ws/pda")

    def scans(self, *codes: str) -> list[Wire]:
        """Pulls of the trigger one behind the other, in the transfer flow."""
        frames: list[Wire] = []
        for code in codes:
            frame = {"t": "scan", "id": new_id(self._clock.now()), "code": code}
            link = {"after": frames[-1]["id"]} if frames else {"flow": "transfer"}
            frames.append(frame | link)
        return frames


async def enrolled(
    fleet: Fleet, login: str, dial: Dial, kind: type[Gun] = Gun, patience: float = 2.0
) -> Gun:
    """A scanner of `login`, signed in."""
    gun = kind(dial, login, patience)
    code = await fleet.http.post(
        fleet.webs[0].base + "/api/devices/codes",
        json={"name": "枪"},
        headers=fleet.headers("admin"),
    )
    await gun.enrol(code.json()["code"])
    return gun


async def inbox_differs(fleet: Fleet, gun: Gun) -> list[str]:
    """Whether the screen shows anything else than a fresh inbox would.

    A fresh one ends after so many; one that was there when the later ones were opened has them too.
    """
    login = next(name for name, n in fleet.seeded.people.items() if n == gun.person_id)
    mine = (await fleet.get(fleet.webs[0], login, "/api/tasks/inbox"))["items"]
    fresh = {task["id"]: task for task in mine}
    wanted = fresh
    if len(fresh) == MOST_IN_INBOX:
        live = await fleet.db.read(lambda conn: _all_live(conn, gun.person_id))
        wanted = {each: live[each] for each in live if each in fresh or each in gun.inbox}
    same = gun.inbox == wanted
    return [] if same else [f"device {gun.device_id} shows another inbox than a fresh one"]


def _all_live(conn: Connection, person_id: int) -> dict[str, Any]:
    """Every live task of a person, as the doors tell it."""
    found, cursor = dict[str, Any](), ""
    while True:
        page = board(conn, Filters(person_id=person_id), cursor, 200)
        mine = [view for view in page.tasks if person_id in view.task.people]
        found |= {view.task.id: orjson.loads(orjson.dumps(view.to_wire())) for view in mine}
        if not (cursor := page.cursor):
            return found


def label_of(item: str) -> str:
    """What the scanner reads on one piece."""
    return unit_gtin(next(each for each in ITEMS if each.code == item))


def whole_log(db: Database) -> list[Event]:
    """Every event there is."""
    return db.read_now(lambda conn: gap(conn, 0, events.head(conn)))


def missed(log: list[Event], gun: Gun) -> list[str]:
    """What is wrong with what a scanner heard: each event of its person, once, in order.

    Numbered 1..N from its last snapshot on, it must have heard exactly 1..N.
    """
    start = gun.snapshots[-1]
    wanted = [event.seq for event in log if event.seq > start and concerns(event, gun.person_id)]
    heard = [seq for seq in gun.heard if seq > start]
    found = list(gun.wrong)
    if lost := sorted(set(wanted) - set(heard)):
        found.append(f"device {gun.device_id}: {len(lost)} of {len(wanted)} lost, first {lost[0]}")
    if heard != sorted(set(heard)) or set(heard) - set(wanted):
        found.append(f"device {gun.device_id}: heard out of order, twice, or what was not said")
    return found
