"""The long connection over real sockets: stored before acknowledged, back at once, never blind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bots.dingtalk import Account, DingTalk, Pace
from bots.said import Answer, Photo, Received, Word
from bots.simulator.dingtalk import DingTalkSimulator, Fault
from core.clock import SECOND, Clock, ManualClock, SystemClock, perf
from tests.bots.conftest import delivery
from tests.bots.dingtalk_firm import CLIENT_ID, SECRET, TEMPLATE, exported, served

PACE = Pace(answer=0.2, idle=5.0, opening=5.0, first_pause=0.01, longest_pause=0.05, linger=0.5)
PATIENCE = 20.0


@dataclass
class Line:
    """A listening adapter and its vendor."""

    clock: Clock
    sim: DingTalkSimulator
    channel: DingTalk
    received: asyncio.Queue[Received] = field(default_factory=asyncio.Queue)
    answer: Answer = field(default_factory=lambda: Answer("nothing"))
    before: Callable[[Received], Awaitable[None]] | None = None

    async def handle(self, received: Received) -> Answer:
        if self.before is not None:
            await self.before(received)
        self.received.put_nowait(received)
        return self.answer

    async def next(self) -> Received:
        async with asyncio.timeout(PATIENCE):
            return await self.received.get()

    async def live(self, count: int = 1) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.sim.gateway.until_live(count)

    async def opened(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.sim.gateway.until_open(count)

    async def pass_by(self, seconds: int) -> None:
        """Time at the vendor, with whatever it does by then."""
        assert isinstance(self.clock, ManualClock)
        self.clock.advance(seconds * SECOND)
        await self.sim.gateway.tick()


@asynccontextmanager
async def listening(clock: Clock, pace: Pace = PACE) -> AsyncIterator[Line]:
    sim = DingTalkSimulator(
        clock=clock,
        client_id=CLIENT_ID,
        client_secret=SECRET,
        templates={TEMPLATE: exported()},
    )
    sim.add_person("WangFang", "王芳")
    app = Starlette(routes=[Mount("/dingtalk", routes=sim.routes())])
    async with served(app) as address:
        base = f"{address}/dingtalk"
        account = Account(CLIENT_ID, SECRET, template_id=TEMPLATE, api_base=base, oapi_base=base)
        client = httpx.AsyncClient(trust_env=False)
        channel = DingTalk(account, client, clock, page_of=lambda _: "https://p", pace=pace)
        line = Line(clock, sim, channel)
        task = asyncio.create_task(channel.listen(line.handle))
        try:
            yield line
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await channel.aclose()


@pytest.fixture
async def line(clock: ManualClock) -> AsyncIterator[Line]:
    async with listening(clock) as found:
        await found.live()
        yield found


async def test_a_press_is_stored_acknowledged_and_noted_on_the_card(line: Line) -> None:
    await line.channel.send(delivery())
    line.answer = Answer("pressed", "李四 已经在处理")
    posted = await line.sim.press("WangFang", "让步接收")
    assert posted.statuses == (200,)
    assert posted.spoken == "李四 已经在处理"
    assert (await line.next()).said.user_id == "WangFang"
    line.answer = Answer("nothing")
    again = await line.sim.press("WangFang", "让步接收")
    assert (again.statuses, again.reply) == ((200,), {})


async def test_words_are_answered_where_they_were_said(line: Line) -> None:
    await line.channel.tell("WangFang", "在的")
    line.answer = Answer("text", "JL-203：可用 24 箱")
    posted = await line.sim.say("WangFang", "库存 JL-203")
    assert posted.statuses == (200,)
    assert (await line.next()).said == Word("WangFang", "库存 JL-203")
    await _until(lambda: line.sim.calls("robot/sendBySession") == 1)
    assert line.sim.pane("WangFang")[-1].content == {"content": "JL-203：可用 24 箱"}


async def test_a_message_that_comes_twice_is_answered_once(line: Line) -> None:
    await line.channel.tell("WangFang", "在的")
    line.answer = Answer("text", "好")
    line.sim.fingers.copies = 2
    posted = await line.sim.say("WangFang", "待办")
    assert posted.statuses == (200, 200)
    assert (await line.next()).dedupe_key == (await line.next()).dedupe_key
    await _until(lambda: line.sim.calls("robot/sendBySession") == 1)
    line.sim.fingers.copies = 1
    await line.sim.say("WangFang", "还有吗")
    await _until(lambda: line.sim.calls("robot/sendBySession") == 2)


async def test_a_dead_session_webhook_is_no_reason_to_be_silent(line: Line) -> None:
    await line.channel.tell("WangFang", "在的")
    line.answer = Answer("text", "好")
    line.sim.order(Fault("sendBySession", errcode=300001))
    await line.sim.say("WangFang", "待办")
    await _until(lambda: line.sim.calls("robot/oToMessages/batchSend") == 2)
    assert line.sim.pane("WangFang")[-1].content == {"content": "好"}


async def test_words_in_a_group_are_answered_to_the_person_alone(line: Line) -> None:
    await line.channel.tell("WangFang", "在的")
    line.answer = Answer("text", "可用 24 箱")
    await line.sim.fingers.say("WangFang", "库存 JL-203", group=True)
    await _until(lambda: line.sim.calls("robot/oToMessages/batchSend") == 2)
    assert line.sim.calls("robot/sendBySession") == 0


async def test_a_photo_comes_and_can_be_fetched(line: Line) -> None:
    await line.sim.photo("WangFang", b"\xff\xd8damage", "外箱破损")
    said = (await line.next()).said
    assert isinstance(said, Photo)
    assert said.caption == "外箱破损"
    assert await line.channel.fetch(said.media) == b"\xff\xd8damage"


# -- stored or not -------------------------------------------------------------------------------
async def test_what_was_not_stored_is_not_acknowledged_and_comes_again(line: Line) -> None:
    broken = [RuntimeError("disk full"), RuntimeError("disk full")]

    async def before(_: Received) -> None:
        if broken:
            raise broken.pop()

    line.before = before
    line.sim.fingers.answer_seconds = 0.3
    posted = await line.sim.say("WangFang", "待办")
    assert posted.statuses == (0,)
    await line.pass_by(59)
    assert line.received.empty()
    await line.pass_by(1)  # broken still
    await _until(lambda: not broken)
    await line.pass_by(60)
    assert (await line.next()).said == Word("WangFang", "待办")


async def test_a_repetition_has_the_same_key_although_its_frame_is_new(line: Line) -> None:
    line.sim.fingers.answer_seconds = 0.3
    line.sim.fingers.copies = 2
    await line.channel.send(delivery())
    await line.sim.press("WangFang", "让步接收")
    first, second = await line.next(), await line.next()
    assert first.dedupe_key == second.dedupe_key


async def test_what_is_slow_to_store_is_acknowledged_when_it_is(line: Line) -> None:
    """Not before: an acknowledgement is a promise. The answer then comes as words."""
    stored = asyncio.Event()

    async def before(_: Received) -> None:
        await stored.wait()

    line.before = before
    line.answer = Answer("pressed", "已处理")
    line.sim.fingers.answer_seconds = 0.4  # the presser waits twice as long as we do
    await line.channel.send(delivery())
    posted = await line.sim.press("WangFang", "让步接收")
    assert posted.statuses == (0,)
    stored.set()
    await line.next()
    await _until(lambda: line.sim.calls("robot/oToMessages/batchSend") == 1)
    assert line.sim.pane("WangFang")[-1].content == {"content": "已处理"}
    await line.pass_by(61)
    assert line.received.empty(), "it was acknowledged late, so it does not come again"


async def test_a_slow_one_holds_up_nobody(line: Line) -> None:
    gate = asyncio.Event()

    async def before(received: Received) -> None:
        if received.said == Word("WangFang", "慢"):
            await gate.wait()

    line.before = before
    line.sim.fingers.answer_seconds = 0.3
    await line.sim.say("WangFang", "慢")
    line.sim.fingers.answer_seconds = 10.0
    assert (await line.sim.say("WangFang", "快")).statuses == (200,)
    await line.sim.gateway.ping()
    await _until(lambda: line.sim.gateway.pongs == 1)
    gate.set()
    assert {(await line.next()).said, (await line.next()).said} == {
        Word("WangFang", "快"),
        Word("WangFang", "慢"),
    }


async def test_what_cannot_be_read_is_acknowledged_or_it_would_come_for_ever(line: Line) -> None:
    pushed = await line.sim.gateway.push("CALLBACK", "/v1.0/im/bot/messages/get", {"x": 1})
    async with asyncio.timeout(PATIENCE):
        await pushed.answered.wait()
    assert line.received.empty()


# -- the connection ------------------------------------------------------------------------------
async def test_a_ping_is_answered_with_its_own_opaque(line: Line) -> None:
    await line.sim.gateway.ping()
    await _until(lambda: line.sim.gateway.pongs == 1)


async def test_with_a_real_clock_the_vendor_pings_and_repeats_by_itself() -> None:
    """As in the demo, where nobody calls `tick`."""
    async with listening(SystemClock()) as line:
        await line.live()
        pushed = await line.sim.gateway.push("EVENT", "*", {})
        pushed.due = 0
        (connection,) = line.sim.gateway.connections
        connection.topics.add(("EVENT", "*"))
        connection.pinged_at = 0
        await line.sim.say("WangFang", "在吗")  # its acknowledgement wakes the vendor
        async with asyncio.timeout(PATIENCE):
            await pushed.answered.wait()
            await line.sim.gateway.until_answered_pings(1)


async def test_sdk_python_63_a_dropped_connection_is_back_within_three_seconds(
    clock: ManualClock,
) -> None:
    """The official client sleeps ten seconds first. At the product's own pace."""
    async with listening(clock, Pace()) as line:
        await line.live()
        for number in range(2, 5):
            began = perf()
            await line.sim.gateway.drop()
            await line.opened(number)
            posted = await line.sim.say("WangFang", f"第 {number} 次")
            assert posted.statuses == (200,)
            assert perf() - began < 3.0
        assert line.received.qsize() == 3


async def test_sdk_nodejs_16_a_press_during_the_gap_comes_after_it(line: Line) -> None:
    await line.channel.send(delivery())
    line.sim.order(Fault("connections/open", status=503, times=3))
    await line.sim.gateway.drop()
    await _until(lambda: line.sim.gateway.connections == [])
    posted = await line.sim.press("WangFang", "让步接收")
    assert posted.statuses == ()
    await line.live()
    await line.pass_by(60)
    assert (await line.next()).said.user_id == "WangFang"


async def test_openclaw_308_a_disconnect_loses_nothing(line: Line) -> None:
    """Told to disconnect, a new connection is there before the old one closes, and an answer that
    was under way on the old one still goes out on it."""
    gate, begun = asyncio.Event(), asyncio.Event()

    async def before(received: Received) -> None:
        if received.said == Word("WangFang", "早"):
            begun.set()
            await gate.wait()

    line.before = before
    line.sim.fingers.answer_seconds = 10.0
    early = asyncio.create_task(line.sim.say("WangFang", "早"))
    await begun.wait()
    await line.sim.gateway.disconnect()
    await line.live()
    assert len(line.sim.gateway.connections) == 2, "the old one is still open and read"
    assert (await line.sim.say("WangFang", "晚")).statuses == (200,)
    gate.set()
    assert (await early).statuses == (200,)
    await line.pass_by(10)
    await _until(lambda: len(line.sim.gateway.connections) == 1)
    await _until(lambda: line.channel.stream.connected)


async def test_sdk_python_65_a_silent_connection_is_replaced(clock: ManualClock) -> None:
    """Half open, or forgotten by the vendor: TCP is well and no frame ever comes."""
    pace = Pace(answer=0.2, idle=0.1, first_pause=0.01, longest_pause=0.05, linger=0.05)
    async with listening(clock, pace) as line:
        await line.opened(4)
        assert (await line.sim.say("WangFang", "还在吗")).statuses == (200,)


async def test_sdk_nodejs_13_it_comes_back_however_long_the_vendor_is_away(
    clock: ManualClock,
) -> None:
    async with listening(clock) as line:
        line.sim.order(Fault("connections/open", status=500, times=12))
        await _until(lambda: line.sim.calls("gateway/connections/open") >= 12)
        assert "长连接" in line.channel.stream.trouble
        await line.live()
        await _until(lambda: line.channel.stream.connected)
        assert line.channel.stream.trouble == ""


async def test_a_wrong_secret_is_named_and_asked_for_with_pauses(clock: ManualClock) -> None:
    pace = Pace(first_pause=0.02, longest_pause=0.2)
    async with listening(clock, pace) as line:
        line.sim.vendor.client_secret = "changed"
        await line.sim.gateway.drop()
        await _until(lambda: bool(line.channel.stream.trouble))
        assert not line.channel.stream.connected
        line.sim.vendor.client_secret = SECRET
        await line.live()


async def test_a_connection_that_never_speaks_is_not_asked_for_in_a_storm(
    clock: ManualClock,
) -> None:
    pace = Pace(first_pause=0.05, longest_pause=0.4)
    async with listening(clock, pace) as line:
        began = perf()
        for number in range(1, 6):
            await line.opened(number)
            await line.sim.gateway.drop()
            await _until(lambda: line.sim.gateway.connections == [])
        assert perf() - began >= 0.05 + 0.1 + 0.2 + 0.4, "each pause is twice the one before"


async def test_rubbish_frames_are_passed_over(line: Line) -> None:
    (connection,) = line.sim.gateway.connections
    for raw in ("", "[]", "{}", "not json", '{"type":"SYSTEM","headers":{}}', '{"headers":7}'):
        await connection.socket.send_text(raw)
    await connection.socket.send_bytes(b"\xff\xfe")
    assert (await line.sim.say("WangFang", "在吗")).statuses == (200,)
    assert line.sim.gateway.opened == 1


async def test_an_event_is_done_with_at_once(line: Line) -> None:
    (connection,) = line.sim.gateway.connections
    connection.topics.add(("EVENT", "*"))
    pushed = await line.sim.gateway.push("EVENT", "user_add_org", {"userId": ["x"]})
    async with asyncio.timeout(PATIENCE):
        await pushed.answered.wait()
    assert pushed.answer["status"] == "SUCCESS"


async def test_stopping_lets_what_is_under_way_be_stored(clock: ManualClock) -> None:
    done: list[Received] = []
    begun = asyncio.Event()
    async with listening(clock) as line:
        await line.live()

        async def before(received: Received) -> None:
            begun.set()
            for _ in range(50):
                await asyncio.sleep(0)
            done.append(received)

        line.before = before
        said = asyncio.create_task(line.sim.say("WangFang", "最后一句"))
        await begun.wait()
    assert [each.said for each in done] == [Word("WangFang", "最后一句")]
    await said


async def test_an_unencrypted_address_is_not_connected_to(clock: ManualClock) -> None:
    def vendor(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"endpoint": "ws://evil.example/connect", "ticket": "t"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(vendor)) as client:
        pace = Pace(first_pause=0.01)
        channel = DingTalk(Account("c", "s"), client, clock, page_of=lambda _: "", pace=pace)
        task = asyncio.create_task(channel.listen(_nobody))
        await _until(lambda: "没有加密" in channel.stream.trouble)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _nobody(_: Received) -> Answer:
    return Answer("nothing")


async def _until(holds: Callable[[], bool]) -> None:
    """Let everything else run until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  # what is waited for is no event of ours
            await asyncio.sleep(0)
