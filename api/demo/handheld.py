"""A handheld scanner as a program: speaks the PDA protocol, keeps its inbox from what it is told.

The demo plays with it over a real WebSocket, the story tests over an in-memory one; it is also the
smallest complete client of docs/pda-protocol.md. Not a part of the server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import orjson

from core.clock import Clock
from core.ids import new_id
from core.tasks.task import LIVE

Wire = dict[str, Any]


class Line(Protocol):
    """An open connection: text out, text in, hang up."""

    async def send(self, text: str, /) -> None: ...

    async def recv(self) -> str | bytes: ...

    async def close(self) -> None: ...


class Handheld:
    """One device in one person's hand. `inbox` is kept from snapshot and events alone."""

    def __init__(
        self, dial: Callable[[], Awaitable[Line]], clock: Clock, badge: str, pin: str
    ) -> None:
        self._dial = dial
        self._clock = clock
        self.badge, self.pin = badge, pin
        self.device_token = ""
        self.session: str | None = None
        self.epoch: str | None = None
        self.cursor: int | None = None
        self.inbox: dict[str, Wire] = {}
        self.person_id = 0
        self._line: Line | None = None

    async def enrol(self, code: str) -> None:
        """First start of a new device: trade the code for a device token, then sign in."""
        await self._open()
        await self._say({"t": "enrol", "v": 1, "code": code})
        enrolled = await self._until("enrolled")
        self.device_token = enrolled["device_token"]
        await self._until("welcome")
        await self.sign_in()

    async def sign_in(self) -> None:
        """Badge and PIN."""
        await self._say({"t": "sign_in", "id": self._id(), "badge": self.badge, "pin": self.pin})
        signed = await self._until("signed_in")
        self.session, self.person_id = signed["session"], signed["person"]["id"]
        self.inbox, self.cursor = {}, None  # somebody else's screen is nothing to resume from
        await self._until("inbox")

    async def wake_up(self) -> None:
        """Open the socket again after a long rest: the session ran out, so badge and PIN again."""
        await self._open()
        await self._say({"t": "hello", "v": 1, "device_token": self.device_token})
        await self._until("welcome")
        await self.sign_in()

    async def reconnect(self) -> Wire:
        """Open the socket again and resume; the frame that says how: `resumed` or `inbox`."""
        await self._open()
        hello = {"t": "hello", "v": 1, "device_token": self.device_token, "session": self.session}
        await self._say(hello | {"epoch": self.epoch, "cursor": self.cursor})
        await self._until("welcome")
        return await self._until("resumed", "inbox")

    async def scan(self, code: str, **more: Any) -> Wire:
        """Pull the trigger; the reply."""
        return await self._ask({"t": "scan", "code": code, **more})

    async def submit(self, flow: str, action: str, **more: Any) -> Wire:
        """Tap something on a flow's screen; the reply."""
        return await self._ask({"t": "submit", "flow": flow, "action": action, **more})

    async def act(self, task: Wire, action: str, **inputs: Any) -> Wire:
        """Press a button of a task card; the reply."""
        frame = {"t": "act", "task_id": task["id"], "generation": task["generation"]}
        return await self._ask(frame | {"action": action, "inputs": inputs})

    async def hear(self) -> None:
        """Take in every event that the server has sent so far, and say that it is here."""
        await self._say({"t": "ping", "n": 1})
        await self._until("pong")
        if self.cursor is not None:
            await self._say({"t": "ack", "seq": self.cursor})

    async def listen(self) -> None:
        """Wait for the next frame that the server sends by itself."""
        assert self._line is not None, "the scanner is not connected"
        self._take(orjson.loads(await self._line.recv()))

    async def drop(self) -> None:
        """The network dies; the device keeps what it knows."""
        if self._line is not None:
            line, self._line = self._line, None
            await line.close()

    async def _open(self) -> None:
        self._line = await self._dial()

    async def _ask(self, frame: Wire) -> Wire:
        frame.setdefault("id", self._id())
        await self._say(frame)
        while True:
            reply = await self._until("reply", "error")
            if reply.get("id") == frame["id"]:
                return reply

    def _id(self) -> str:
        return new_id(self._clock.now())

    async def _say(self, frame: Wire) -> None:
        assert self._line is not None, "the scanner is not connected"
        await self._line.send(orjson.dumps(frame).decode())

    async def _until(self, *kinds: str) -> Wire:
        """Read on to a frame of one of `kinds`, keeping the inbox from all that passes."""
        assert self._line is not None, "the scanner is not connected"
        while True:
            frame = orjson.loads(await self._line.recv())
            self._take(frame)
            if frame["t"] in kinds and frame.get("part", 1) == frame.get("parts", 1):
                found: Wire = frame
                return found

    def _take(self, frame: Wire) -> None:
        if frame["t"] == "inbox":
            if frame["part"] == 1:
                self.inbox, self.cursor = {}, None  # half a snapshot is nothing to resume from
            self.inbox |= {task["id"]: task for task in frame["tasks"]}
            if frame["part"] == frame["parts"]:
                self.epoch, self.cursor = frame["epoch"], frame["seq"]
        elif frame["t"] == "resumed":
            self.epoch, self.cursor = frame["epoch"], frame["seq"]
        elif frame["t"] == "event":
            assert frame["after"] == self.cursor, "a gap in the events"
            self.cursor = frame["seq"]
            task = frame["task"]
            if task["state"] in LIVE and self.person_id in task["people"]:
                self.inbox[task["id"]] = task
            else:
                self.inbox.pop(task["id"], None)
