"""Long polling: nothing is lost, nothing is confirmed too early, and trouble is waited out."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from bots.said import Answer, Other, Received, Word
from bots.simulator.telegram import Fault
from tests.bots.conftest import CARD, delivery
from tests.bots.telegram_world import HOOK, LI, WANG, TelegramWorld


def _words(telegram: TelegramWorld) -> list[str]:
    return [each.said.text for each in telegram.received if isinstance(each.said, Word)]


async def test_what_waited_while_nobody_listened_comes_in_order(telegram: TelegramWorld) -> None:
    for number in range(3):
        await telegram.sim.say(WANG, str(number))
    async with telegram.listening():
        await telegram.sim.taken()
        await telegram.sim.say(WANG, "3")
        await telegram.sim.taken()
    assert _words(telegram) == ["0", "1", "2", "3"]
    assert telegram.pauses.asked == []


async def test_an_update_that_was_not_stored_comes_again_and_those_behind_it_wait(
    telegram: TelegramWorld,
) -> None:
    telegram.broken = [RuntimeError("database away")] * 2
    await telegram.sim.say(WANG, "一")
    await telegram.sim.say(WANG, "二")
    async with telegram.listening():
        await telegram.pauses.reach(1)
        assert _words(telegram) == []
        assert len(telegram.sim.updates.waiting) == 2, "nothing was confirmed"
        assert await telegram.pauses.reach(2) == [1.0, 2.0]
        await telegram.pauses.end()
        await telegram.sim.taken()
    assert _words(telegram) == ["一", "二"]


async def test_one_persons_trouble_keeps_nobody_else_waiting_nor_handles_them_twice(
    telegram: TelegramWorld,
) -> None:
    async def handle(received: Received) -> Answer:
        if received.said.user_id == WANG and not seen:
            seen.append("refused")
            raise RuntimeError("not this one yet")
        seen.append(received.said.user_id)
        return Answer("nothing")

    seen: list[str] = []
    await telegram.sim.say(WANG, "一")
    await telegram.sim.say(LI, "二")
    task = asyncio.create_task(telegram.channel.listen(handle))
    await telegram.pauses.reach(1)
    assert seen == ["refused", LI]
    await telegram.pauses.end()
    await telegram.sim.taken()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert seen == ["refused", LI, WANG]


async def test_different_persons_are_handled_side_by_side(telegram: TelegramWorld) -> None:
    both = asyncio.Barrier(2)  # only reached when two are inside at once

    async def handle(_: Received) -> Answer:
        await both.wait()
        return Answer("nothing")

    await telegram.sim.say(WANG, "一")
    await telegram.sim.say(LI, "二")
    task = asyncio.create_task(telegram.channel.listen(handle))
    async with asyncio.timeout(10):
        await telegram.sim.taken()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_same_update_twice_is_handled_once(telegram: TelegramWorld) -> None:
    telegram.sim.updates.copies = 2
    await telegram.sim.say(WANG, "一")
    async with telegram.listening():
        await telegram.sim.taken()
    assert _words(telegram) == ["一"]


async def test_oncall_5178_an_update_that_cannot_be_read_does_not_stop_the_next(
    telegram: TelegramWorld,
) -> None:
    """Buttons missing at random with polling: one odd update held up all that followed."""
    bring: Any = telegram.sim.updates.bring
    await bring({"update_id": 800_000_001, "message": {"message_id": "odd"}})
    await bring({"update_id": 800_000_002, "thing_of_the_future": {"id": 1}})
    telegram.sim.updates._last = 800_000_002
    await telegram.sim.say(WANG, "一")
    async with telegram.listening():
        await telegram.sim.taken()
    assert [each.said for each in telegram.received] == [
        Other("", "thing_of_the_future"),
        Word(WANG, "一"),
    ]


async def test_a_tap_that_nobody_answered_comes_as_a_new_press(telegram: TelegramWorld) -> None:
    """tdlib/telegram-bot-api#699, openclaw#1349: two presses, two keys, one token."""
    await telegram.sent(delivery(user=WANG))
    await telegram.sim.press(WANG, "让步接收", again=1)
    async with telegram.listening():
        await telegram.sim.taken()
    one, two = telegram.received
    assert one.said == two.said
    assert one.dedupe_key != two.dedupe_key


async def test_updates_in_another_order_are_taken_as_they_come(telegram: TelegramWorld) -> None:
    telegram.sim.updates.keep_back = True
    await telegram.sim.say(WANG, "一")
    await telegram.sim.say(WANG, "二")
    await telegram.sim.updates.release()
    async with telegram.listening():
        await telegram.sim.taken()
    assert _words(telegram) == ["二", "一"]


async def test_a_webhook_of_earlier_times_is_ended_once(telegram: TelegramWorld) -> None:
    await telegram.channel.register_webhook(HOOK)
    telegram.statuses = [500] * 3
    await telegram.sim.say(WANG, "一")
    for _ in range(2):
        async with telegram.listening():
            await telegram.sim.taken()
            await asyncio.sleep(0)
    assert _words(telegram) == ["一"], "what the webhook could not deliver was kept"
    assert telegram.sim.calls("deleteWebhook") == 1


async def test_hermes_18513_two_pollers_back_off_and_the_log_says_what_to_stop(
    telegram: TelegramWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """oncall#5186 too: two instances with one token, and nobody was told."""
    caplog.set_level(logging.ERROR)
    async with telegram.listening():
        await telegram.sim.say(WANG, "一")
        await telegram.sim.taken()
        other = asyncio.create_task(telegram.sim.updates.get({"timeout": 50}))
        assert await telegram.pauses.reach(1) == [30.0]
        other.cancel()
        await telegram.pauses.end()
        await telegram.sim.say(WANG, "二")
        await telegram.sim.taken()
    assert _words(telegram) == ["一", "二"]
    (line,) = [each for each in caplog.records if each.message == "telegram_conflict"]
    assert "停掉另一个" in str(line.__dict__["why"])


async def test_a_network_that_fails_is_asked_ever_more_rarely(telegram: TelegramWorld) -> None:
    telegram.sim.order(Fault("getWebhookInfo", silent="connect"))
    telegram.sim.order(Fault("getUpdates", silent="before", times=3))
    telegram.sim.order(Fault("getUpdates", http=502, times=3))
    await telegram.sim.say(WANG, "一")
    async with telegram.listening():
        assert await telegram.pauses.reach(7) == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        await telegram.pauses.end()
        await telegram.sim.taken()
    assert _words(telegram) == ["一"]


async def test_a_limit_is_waited_out_as_told_and_a_refused_token_for_a_minute(
    telegram: TelegramWorld, caplog: pytest.LogCaptureFixture
) -> None:
    telegram.sim.order(Fault("getUpdates", retry_after=17))
    telegram.sim.order(Fault("getUpdates", code=401, description="Unauthorized"))
    async with telegram.listening():
        assert await telegram.pauses.reach(2) == [17.0, 60.0]
    assert "JIELI_TELEGRAM_TOKEN" in str(caplog.records[-1].__dict__["why"])


async def test_a_listener_that_is_cancelled_leaves_nothing_confirmed_that_is_not_stored(
    telegram: TelegramWorld,
) -> None:
    inside = asyncio.Event()

    async def handle(_: Received) -> Answer:
        inside.set()
        await asyncio.Event().wait()
        raise AssertionError

    await telegram.sim.say(WANG, "一")
    task = asyncio.create_task(telegram.channel.listen(handle))
    await inside.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with telegram.listening():
        await telegram.sim.taken()
    assert _words(telegram) == ["一"]


async def test_after_a_quiet_week_smaller_numbers_are_heard(telegram: TelegramWorld) -> None:
    """Telegram then goes on at a random number; an offset kept for ever would be deaf to it."""
    async with telegram.listening():
        await telegram.sim.say(WANG, "一")
        await telegram.sim.taken()
        await telegram.sim.updates.be_quiet()
        telegram.sim.updates._last = 1000
        await telegram.sim.say(WANG, "二")
        await telegram.sim.taken()
    assert _words(telegram) == ["一", "二"]


async def test_a_card_that_is_pressed_is_answered_though_the_next_poll_runs(
    telegram: TelegramWorld,
) -> None:
    await telegram.sent(delivery(user=WANG, card=CARD))
    telegram.answers = [Answer("pressed", "已由 李四 处理")]
    async with telegram.listening():
        await telegram.sim.press(WANG, "让步接收")
        await telegram.sim.taken()
    assert telegram.sim.pane(WANG)[0].toast == "已由 李四 处理"
