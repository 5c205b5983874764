"""The long connection over which DingTalk calls us: no public address, no certificate.

Our own client, because the official one blocks the event loop while it asks for an address, is
blind for ten seconds after a lost connection and has no limit on silence (channels.md §2.4). Here:

- a callback is acknowledged once `handle` has stored it, and never before; what raised is not
  acknowledged, so DingTalk sends it again after a minute;
- before a connection is given up a new one is opened, and the old one is read until it ends:
  DingTalk says `disconnect` seconds before it closes, and stops delivering there at once;
- a minute without a frame is a dead connection, whatever TCP says: DingTalk pings every 20 to 30 s.

Not for what a callback means (receive.py) or does (api/callbacks).
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import orjson

from bots.dingtalk.api import Api
from bots.dingtalk.receive import Callbacks, card_answer
from bots.dingtalk.robot import Robot
from bots.refusal import Refused
from bots.said import Answer, CallbackRejected, Received

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

log = logging.getLogger(__name__)

CARD_TOPIC = "/v1.0/card/instances/callback"
ROBOT_TOPIC = "/v1.0/im/bot/messages/get"
SUBSCRIPTIONS = [{"type": "CALLBACK", "topic": topic} for topic in (CARD_TOPIC, ROBOT_TOPIC)]
LARGEST_FRAME = 1024 * 1024
TOLD_KEPT = 2_000
AT_ONCE = 200  # callbacks under way; beyond, none is acknowledged, and they come again
_AWAY = "连不上钉钉的长连接。请检查服务器网络或代理。"

Handle = Callable[[Received], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Pace:
    """All waiting of the client, in seconds; tests give small numbers."""

    answer: float = 1.5  # DingTalk shows an error to the presser after 2 s
    idle: float = 60.0  # without any frame
    opening: float = 8.0  # address and handshake together
    first_pause: float = 0.25  # after a failure; doubles
    longest_pause: float = 30.0
    linger: float = 15.0  # a connection that was replaced is still read so long
    farewell: float = 2.0  # for callbacks under way when we stop


@dataclass(eq=False, slots=True)
class _Line:
    """One connection. `give_way` is set when another should be opened."""

    socket: ClientConnection
    give_way: asyncio.Event = field(default_factory=asyncio.Event)
    healthy: bool = False  # it has delivered something, so losing it is no reason to wait
    leaving: bool = False


class Stream:
    """Keeps one connection open; `connected` and `trouble` are for whoever watches over it."""

    def __init__(self, api: Api, callbacks: Callbacks, robot: Robot, pace: Pace) -> None:
        self._api = api
        self._callbacks = callbacks
        self._robot = robot
        self._pace = pace
        self._lines: set[_Line] = set()
        self._work: set[asyncio.Task[Any]] = set()
        self._told: OrderedDict[str, None] = OrderedDict()
        self.trouble = ""

    @property
    def connected(self) -> bool:
        """Whether a connection is open on which DingTalk delivers."""
        return any(not line.leaving for line in self._lines)

    async def run(self, handle: Handle) -> None:
        """Give every callback to `handle` until cancelled; connects again by itself."""
        failures = 0
        readers: set[asyncio.Task[None]] = set()
        try:
            while True:
                line = await self._open()
                if line is not None:
                    reader = asyncio.create_task(self._read(line, handle))
                    readers.add(reader)
                    reader.add_done_callback(readers.discard)
                    await line.give_way.wait()
                failures = 0 if line is not None and line.healthy else failures + 1
                if failures:
                    pause = self._pace.first_pause * 2 ** min(failures - 1, 16)
                    # tidy: banned — the far side is away: nothing else can tell when it is back
                    await asyncio.sleep(min(pause, self._pace.longest_pause))
        finally:
            await self._farewell(readers)

    async def _open(self) -> _Line | None:
        """A new connection; None when there is none to be had, with the reason in `trouble`."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        try:
            async with asyncio.timeout(self._pace.opening):
                endpoint, ticket = await self._api.open_connection(SUBSCRIPTIONS)
                mark = "&" if "?" in endpoint else "?"
                socket = await connect(
                    f"{endpoint}{mark}ticket={quote_plus(ticket)}",
                    compression=None,
                    max_size=LARGEST_FRAME,
                    close_timeout=1,
                    open_timeout=None,
                    proxy=self._api.account.proxy or True,  # True: what the environment says
                )
        except Refused as refusal:
            unsure = refusal.result.kind == "ambiguous"  # said of messages; here is none
            self.trouble = _AWAY if unsure else refusal.result.reason
        except (OSError, TimeoutError, WebSocketException) as problem:
            log.info("dingtalk_no_connection", extra={"problem": type(problem).__name__})
            self.trouble = _AWAY
        else:
            self.trouble = ""
            line = _Line(socket)
            self._lines.add(line)
            return line
        log.warning("dingtalk_not_connected", extra={"why": self.trouble})
        return None

    async def _read(self, line: _Line, handle: Handle) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                limit = self._pace.linger if line.leaving else self._pace.idle
                try:
                    async with asyncio.timeout(limit):
                        raw = await line.socket.recv()
                except TimeoutError:
                    if line.leaving:
                        return
                    log.warning("dingtalk_stream_silent", extra={"seconds": limit})
                    self._replace(line)
                    continue
                await self._frame(line, raw, handle)
        except ConnectionClosed as closed:
            log.info("dingtalk_stream_closed", extra={"why": str(closed)[:120]})
        finally:
            self._replace(line)
            self._lines.discard(line)
            await line.socket.close()

    def _replace(self, line: _Line) -> None:
        """Let another connection be opened; this one is read on while it lasts."""
        line.leaving = True
        line.give_way.set()

    async def _frame(self, line: _Line, raw: str | bytes, handle: Handle) -> None:
        try:
            frame = orjson.loads(raw)
        except orjson.JSONDecodeError:
            frame = None
        headers = frame.get("headers") if isinstance(frame, dict) else None
        if not isinstance(headers, dict):
            log.warning("dingtalk_frame_unreadable")
            return
        kind, topic = frame.get("type"), headers.get("topic")
        if kind == "SYSTEM" and topic == "disconnect":
            log.info("dingtalk_stream_disconnect")
            self._replace(line)
            return
        line.healthy = True
        if kind == "SYSTEM" and topic == "ping":
            await _answer(line, headers, frame.get("data"))
        elif kind == "EVENT":  # none is subscribed to; one that comes all the same is done with
            await _answer(line, _short(headers), '{"status":"SUCCESS","message":""}')
        elif kind == "CALLBACK" and len(self._work) < AT_ONCE:
            self._keep(asyncio.create_task(self._callback(line, frame, handle)))
        elif kind == "CALLBACK":
            log.error("dingtalk_too_busy", extra={"under_way": len(self._work)})

    async def _callback(self, line: _Line, frame: Mapping[str, Any], handle: Handle) -> None:
        """Hand one over, acknowledge it once it is stored, and tell the person what came of it."""
        headers, data = frame["headers"], frame.get("data")
        on_card = headers.get("topic") == CARD_TOPIC
        try:
            read = self._callbacks.receive_card if on_card else self._callbacks.receive_message
            received = read(data if isinstance(data, str | Mapping) else "")
        except CallbackRejected as rejected:  # it would not be better the next time
            log.warning("callback_rejected", extra={"code": rejected.code, "from": "dingtalk"})
            await _acknowledge(line, headers, {})
            return
        work = asyncio.create_task(_run(handle, received))
        self._keep(work)
        done, _ = await asyncio.wait({work}, timeout=self._pace.answer)
        if not done:
            await asyncio.wait({work})
        if work.cancelled() or work.exception() is not None:
            log.error("dingtalk_callback_not_stored", exc_info=_problem(work))
            return
        answer, user_id = work.result(), received.said.user_id
        await _acknowledge(line, headers, card_answer(answer) if on_card and done else {})
        if answer.kind == "nothing" or not answer.said or (on_card and done):
            return
        if not on_card and self._was_told(received.dedupe_key):
            return
        webhook = "" if on_card else self._callbacks.webhook(data or "")
        told = await self._robot.reply(webhook, user_id, answer.said)
        if told.kind != "sent":
            log.warning("dingtalk_answer_unsaid", extra={"why": told.code})

    def _was_told(self, key: str) -> bool:
        """Words that come again had their acknowledgement lost, not their answer."""
        known = key in self._told
        self._told[key] = None
        while len(self._told) > TOLD_KEPT:
            self._told.popitem(last=False)
        return known

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _farewell(self, readers: set[asyncio.Task[None]]) -> None:
        """Read no more, let what is under way be stored, close."""
        work = set(self._work)
        if work:
            await asyncio.wait(work, timeout=self._pace.farewell)
        ending = {*self._work, *readers}
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)


async def _run(handle: Handle, received: Received) -> Answer:
    return await handle(received)


def _problem(work: asyncio.Task[Answer]) -> BaseException | None:
    return None if work.cancelled() else work.exception()


def _short(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {"contentType": "application/json", "messageId": headers.get("messageId")}


async def _acknowledge(line: _Line, headers: Mapping[str, Any], response: dict[str, Any]) -> None:
    data = orjson.dumps({"response": response}).decode()
    await _answer(line, _short(headers), data)


async def _answer(line: _Line, headers: Mapping[str, Any], data: Any) -> None:
    """One frame up. A connection that ended meanwhile takes nothing: the callback comes again."""
    from websockets.exceptions import ConnectionClosed

    frame = {"code": 200, "headers": dict(headers), "message": "OK", "data": data}
    try:
        await line.socket.send(orjson.dumps(frame).decode())
    except ConnectionClosed:
        log.info("dingtalk_answer_lost")
