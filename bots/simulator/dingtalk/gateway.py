"""DingTalk's side of the long connection: tickets, frames, acknowledgements, repetition.

Plays what is known of the real one: a ticket is good once and for 90 s, a callback goes to one of
the connections and comes again after 60 s without an acknowledgement, and `disconnect` stops
delivery at once while the socket stays open for ten more seconds. With a manual clock nothing
happens by itself: `tick` does what is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from bots.simulator.dingtalk.checks import VendorError
from bots.simulator.dingtalk.vendor import Vendor
from core.clock import SECOND, Instant

CARD_TOPIC = "/v1.0/card/instances/callback"
ROBOT_TOPIC = "/v1.0/im/bot/messages/get"
TICKET_LIVES: Instant = 90 * SECOND
AGAIN_AFTER: Instant = 60 * SECOND
PING_EVERY: Instant = 20 * SECOND
CLOSES_AFTER: Instant = 10 * SECOND
MOST_CONNECTIONS = 50
MOST_TRIES = 10

JsonObject = dict[str, Any]


class Dropped(Exception):  # noqa: N818  # the name says what happened
    """Raised in the door so that the server ends the connection without a word."""


@dataclass(eq=False, slots=True)
class Connection:
    """One client. `closes_at` is set once it was told to disconnect."""

    number: str
    socket: WebSocket
    topics: set[tuple[str, str]]
    dropped: asyncio.Event = field(default_factory=asyncio.Event)
    closes_at: Instant = 0
    pinged_at: Instant = 0


@dataclass(eq=False, slots=True)
class Pushed:
    """A callback or event on its way. `tries`: the messageId of each."""

    kind: str
    topic: str
    data: str
    tries: list[str] = field(default_factory=list)
    due: Instant = 0
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    answer: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class Gateway:
    """All connections of the application. `same_id`: a repetition carries the first messageId."""

    vendor: Vendor
    same_id: bool = False
    pongs: int = 0
    opened: int = 0
    connections: list[Connection] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _tickets: dict[str, tuple[Instant, set[tuple[str, str]]]] = field(default_factory=dict)
    _under_way: list[Pushed] = field(default_factory=list)
    _pings: dict[str, str] = field(default_factory=dict)

    def open(self, body: JsonObject, endpoint: str) -> JsonObject:
        """POST gateway/connections/open."""
        keys = (body.get("clientId"), body.get("clientSecret"))
        if keys != (self.vendor.client_id, self.vendor.client_secret):
            raise VendorError("invalidClientIdOrSecret", "无效的clientId或者clientSecret", 401)
        wanted = body.get("subscriptions")
        if not isinstance(wanted, list) or not wanted:
            raise VendorError("param.invalid", "subscriptions")
        topics = {(str(each["type"]), str(each["topic"])) for each in wanted}
        if len(self.connections) >= MOST_CONNECTIONS:
            raise VendorError("connections.limit", "too many connections")
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = (self.vendor.clock.now() + TICKET_LIVES, topics)
        return {"endpoint": endpoint, "ticket": ticket}

    async def door(self, socket: WebSocket) -> None:
        """The WebSocket at /connect."""
        until, topics = self._tickets.pop(socket.query_params.get("ticket", ""), (0, set()))
        if self.vendor.clock.now() >= until:
            await socket.close(4401)
            return
        await socket.accept()
        here = Connection(self.vendor.new_id("conn"), socket, topics)
        here.pinged_at = self.vendor.clock.now()
        self.connections.append(here)
        self.opened += 1
        await self._tell()
        try:
            await self._serve(here)
        except WebSocketDisconnect:
            pass
        finally:
            self.connections.remove(here)
            await self._tell()

    async def push(self, kind: str, topic: str, data: JsonObject) -> Pushed:
        """Send something down; without a connection it waits for the next repetition."""
        pushed = Pushed(kind, topic, orjson.dumps(data).decode())
        self._under_way.append(pushed)
        await self._send(pushed)
        return pushed

    async def tick(self) -> None:
        """Whatever is due now: repetitions, and the end of connections told to disconnect."""
        now = self.vendor.clock.now()
        for pushed in [each for each in self._under_way if each.due <= now]:
            if len(pushed.tries) >= MOST_TRIES:
                self._under_way.remove(pushed)
            else:
                await self._send(pushed)
        for each in list(self.connections):
            if each.closes_at and each.closes_at <= now:
                each.closes_at = 0
                await each.socket.close(1000)

    async def ping(self) -> None:
        """SYSTEM ping on every connection; the answer must carry the same opaque."""
        for each in self.connections:
            each.pinged_at = self.vendor.clock.now()
            opaque = orjson.dumps({"opaque": secrets.token_hex(8)}).decode()
            message_id = self.vendor.new_id("ping")
            self._pings[message_id] = opaque
            await self._frame(each, "SYSTEM", "ping", message_id, opaque)

    async def disconnect(self) -> None:
        """SYSTEM disconnect on every connection: no more delivery there, closed in 10 s."""
        for each in self._live():
            each.closes_at = self.vendor.clock.now() + CLOSES_AFTER
            reason = '{"reason":"connection is expired"}'
            await self._frame(each, "SYSTEM", "disconnect", self.vendor.new_id("bye"), reason)
        await self._tell()

    async def drop(self) -> None:
        """Every connection ends without a word, as when a cable is cut."""
        for each in self.connections:
            each.dropped.set()

    async def until_live(self, count: int = 1) -> None:
        """Wait until this many connections take deliveries."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self._live()) >= count)

    async def until_open(self, count: int) -> None:
        """Wait until this many connections were opened since the start."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.opened >= count)

    async def until_answered_pings(self, count: int) -> None:
        """Wait until this many pings were answered as they must be."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.pongs >= count)

    # -- inside ----------------------------------------------------------------------------------
    def _live(self) -> list[Connection]:
        return [each for each in self.connections if not each.closes_at]

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _serve(self, here: Connection) -> None:
        manual = self.vendor.clock.is_manual()
        reading = asyncio.create_task(here.socket.receive_text())
        cut = asyncio.create_task(here.dropped.wait())
        try:
            while True:
                limit = None if manual else 1.0
                done, _ = await asyncio.wait(
                    {reading, cut}, timeout=limit, return_when=asyncio.FIRST_COMPLETED
                )
                if cut in done:
                    raise Dropped
                if reading in done:
                    await self._answered(reading.result())
                    reading = asyncio.create_task(here.socket.receive_text())
                if not manual:
                    await self._by_itself(here)
        finally:
            for task in (reading, cut):
                task.cancel()
            await asyncio.gather(reading, cut, return_exceptions=True)

    async def _by_itself(self, here: Connection) -> None:
        await self.tick()
        if self.vendor.clock.now() - here.pinged_at >= PING_EVERY:
            await self.ping()

    async def _answered(self, raw: str) -> None:
        frame = orjson.loads(raw)
        message_id = frame["headers"]["messageId"]
        opaque = self._pings.pop(message_id, "")
        # Compared as JSON: the official Python client writes it anew.
        if opaque and orjson.loads(opaque) == orjson.loads(frame.get("data") or "null"):
            self.pongs += 1
            await self._tell()
        for pushed in list(self._under_way):
            if message_id in pushed.tries and frame.get("code") == 200:
                self._under_way.remove(pushed)
                with contextlib.suppress(orjson.JSONDecodeError):
                    pushed.answer = orjson.loads(frame.get("data") or "{}")
                pushed.answered.set()

    async def _send(self, pushed: Pushed) -> None:
        pushed.due = self.vendor.clock.now() + AGAIN_AFTER
        wanted = {(pushed.kind, pushed.topic), (pushed.kind, "*")}
        takers = [each for each in self._live() if each.topics & wanted]
        if not takers:
            return
        again = self.same_id and pushed.tries
        message_id = pushed.tries[0] if again else self.vendor.new_id("frame")
        pushed.tries.append(message_id)
        # The newest, so that a test that opened a second one knows where it arrives.
        await self._frame(takers[-1], pushed.kind, pushed.topic, message_id, pushed.data)

    async def _frame(
        self, to: Connection, kind: str, topic: str, message_id: str, data: str
    ) -> None:
        now = str(self.vendor.clock.now() // 1000)
        headers = {
            "appId": self.vendor.client_id,
            "connectionId": to.number,
            "contentType": "application/json",
            "messageId": message_id,
            "time": now,
            "topic": topic,
        }
        if kind == "EVENT":
            about = {"eventId": message_id, "eventType": topic, "eventCorpId": self.vendor.corp_id}
            headers |= about | {"eventBornTime": now}
        frame = {"specVersion": "1.0", "type": kind, "headers": headers, "data": data}
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it went away meanwhile
            await to.socket.send_text(orjson.dumps(frame).decode())
