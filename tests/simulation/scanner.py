"""A scanner in somebody's hand, and the bad radio between it and the server.

The client keeps to docs/pda-protocol.md: it makes ids before sending, sends again what has no
answer, checks that each event names the one before it, and resumes from its cursor. The line drops,
doubles and reorders frames both ways; when the client sees a gap it hangs up and resumes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any

import orjson
from starlette.types import Message, Scope

from tests.simulation.company import PIN
from tests.simulation.machine import Machine

Wire = dict[str, Any]
LIVE = ("open", "claimed", "snoozed", "paused")
PATIENCE_SECONDS = 4.0  # for an answer, then the frame goes again
TRIES = 6  # in one go; later the device tries again
_SCOPE: Scope = {"type": "websocket", "path": "/ws/pda", "headers": [], "query_string": b""}


@dataclass(slots=True)
class Radio:
    """How bad the line is. All zero: a cable."""

    rng: Random
    drop: float = 0.0
    double: float = 0.0
    late: float = 0.0
    happened: Counter[str] = field(default_factory=Counter)

    def carry(self, hand_over: Any, frame: Any) -> None:
        """Bring `frame` to the other side: now, later, twice, or never."""
        loop = asyncio.get_running_loop()
        if self.rng.random() < self.drop:
            self.happened["dropped"] += 1
            return
        times = 1
        if self.rng.random() < self.double:
            self.happened["doubled"] += 1
            times = 2
        for _ in range(times):
            pause = 0.0
            if self.rng.random() < self.late:
                self.happened["reordered"] += 1
                pause = self.rng.uniform(0.01, 3.0)
            loop.call_later(pause, hand_over, frame) if pause else loop.call_soon(hand_over, frame)


class Line:
    """One connection. Frames that arrive after its end are lost."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._to_server: asyncio.Queue[Message] = asyncio.Queue()
        self._to_server.put_nowait({"type": "websocket.connect"})
        self.is_open = True
        machine = scanner.machine
        talk = machine.process.live(_SCOPE, self._to_server.get, self._from_server)
        machine.run(talk, f"socket-{scanner.login}")

    def send(self, frame: Wire) -> None:
        message = {"type": "websocket.receive", "text": orjson.dumps(frame).decode()}
        self._scanner.radio.carry(self._arrive_there, message)

    def end(self) -> None:
        """Hang up, or find that the other side has."""
        if self.is_open:
            self.is_open = False
            self._to_server.put_nowait({"type": "websocket.disconnect", "code": 1006})

    def _arrive_there(self, message: Message) -> None:
        if self.is_open:
            self._to_server.put_nowait(message)

    async def _from_server(self, message: Message) -> None:
        if message["type"] == "websocket.send":
            self._scanner.radio.carry(self._arrive_here, orjson.loads(message["text"]))
        elif message["type"] == "websocket.close":
            self._scanner.lost(self)

    def _arrive_here(self, frame: Wire) -> None:
        if self.is_open:
            self._scanner.take(frame, self)


@dataclass(slots=True)
class Scanner:
    """One enrolled device that one person holds all day."""

    machine: Machine
    radio: Radio
    login: str
    token: str
    person_id: int
    session: str | None = None
    epoch: str | None = None
    cursor: int | None = None
    inbox: dict[str, Wire] = field(default_factory=dict)
    ready: asyncio.Event = field(default_factory=asyncio.Event)  # signed in and caught up
    happened: Counter[str] = field(default_factory=Counter)
    _parts: dict[int, list[Wire]] = field(default_factory=dict)
    _answers: dict[str, asyncio.Future[Wire]] = field(default_factory=dict)
    _line: Line | None = None
    _signs: int = 0
    _told: int = 0  # events taken since hello

    async def be_ready(self) -> bool:
        """Connect if need be, sign in if need be; False when it does not work now."""
        for _ in range(TRIES):
            await self.machine.up.wait()
            if self._line is None:
                self._connect()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self.ready.wait()
                return True
            except TimeoutError:
                self.drop()
        return False

    async def ask(self, frame: Wire) -> Wire | None:
        """One operation; its reply, or None when nobody knows what became of it."""
        op_id = str(frame["id"])
        answer = self._answers.setdefault(op_id, asyncio.get_running_loop().create_future())
        for _ in range(TRIES):
            if not await self.be_ready():
                break
            if self._line is not None:
                self._line.send(frame)
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    reply = await asyncio.shield(answer)
            except TimeoutError:
                self.happened["sent again"] += 1
                if self.radio.rng.random() < 0.5:
                    self.drop()
                continue
            if reply.get("code") or (reply["message"] or {}).get("code") in _NOT_FINAL:
                answer = self._answers[op_id] = asyncio.get_running_loop().create_future()
                self.drop()
                continue
            return reply
        return None

    def drop(self) -> None:
        """The radio is gone; the device keeps what it knows."""
        line, self._line = self._line, None
        self.ready.clear()
        if line is not None:
            line.end()

    def forget(self) -> None:
        """A device that was reset: it knows no event and takes a snapshot."""
        self.drop()
        self.cursor = None

    def lost(self, line: Line) -> None:
        """The server hung up."""
        line.is_open = False
        if line is self._line:
            self.drop()

    def _connect(self) -> None:
        self.happened["connected"] += 1
        self._told, self._parts = 0, {}
        self._line = Line(self)
        hello = {"t": "hello", "v": 1, "device_token": self.token, "session": self.session}
        self._line.send(hello | {"epoch": self.epoch, "cursor": self.cursor})

    def take(self, frame: Wire, line: Line) -> None:
        """Do with one frame what a client must."""
        if line is not self._line:
            return
        match frame["t"]:
            case "welcome":
                if frame["person"] is None and not self.ready.is_set():
                    self._sign_in(line)
            case "signed_in":
                self.session, self.cursor = frame["session"], None
                self.ready.clear()
            case "signed_out":
                self.session = None
                self.drop()
            case "inbox":
                self._snapshot(frame)
            case "resumed":
                self._resumed(frame)
            case "event":
                self._event(frame, line)
            case "reply" | "error":
                self._answered(frame)

    def _sign_in(self, line: Line) -> None:
        self._signs += 1
        self.happened["signed in"] += 1
        name = f"{self.login}-sign-{self._signs}"
        line.send({"t": "sign_in", "id": name, "badge": f"BADGE-{self.login}", "pin": PIN})

    def _snapshot(self, frame: Wire) -> None:
        if self.ready.is_set():
            return  # a repeat of what came before the events that we have
        self._parts[frame["part"]] = frame["tasks"]
        if len(self._parts) == frame["parts"]:
            tasks = [task for part in self._parts.values() for task in part]
            self._parts = {}
            self.inbox = {task["id"]: task for task in tasks}
            self.epoch, self.cursor = frame["epoch"], frame["seq"]
            self.happened["snapshots"] += 1
            self.ready.set()

    def _resumed(self, frame: Wire) -> None:
        """The gap has been told; if a part of it got lost on the way, ask once more."""
        if self.ready.is_set():
            return
        self.happened["resumed"] += 1
        if frame["count"] != self._told:
            self.drop()
            return
        self.epoch, self.cursor = frame["epoch"], frame["seq"]
        self.ready.set()

    def _event(self, frame: Wire, line: Line) -> None:
        if self.cursor is None or frame["seq"] <= self.cursor:
            return
        if frame["after"] != self.cursor:
            self.happened["gaps seen"] += 1
            self.drop()
            return
        self.cursor = frame["seq"]
        self._told += 1
        task = frame["task"]
        self.inbox.pop(task["id"], None)
        if task["state"] in LIVE and self.person_id in task["people"]:
            self.inbox[task["id"]] = task
        line.send({"t": "ack", "seq": frame["seq"]})

    def _answered(self, frame: Wire) -> None:
        answer = self._answers.get(str(frame.get("id")))
        if answer is not None and not answer.done():
            answer.set_result(frame)


_NOT_FINAL = ("busy", "needs_sign_in", "signed_out", "other_person", "after_unknown")
