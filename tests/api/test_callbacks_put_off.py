"""What people say in chat and cannot be done at once: tried again, and never given up silently."""

from __future__ import annotations

import pytest

from api.callbacks import inbox_step
from bots.simulator.telegram import Fault
from core.clock import MINUTE, SECOND
from core.db import Tx
from core.outbox import inbox
from core.people import ENGINE, bind_chat, unbind_chat
from tests.api.chat_room import ChatRoom
from tests.api.test_alerts import figures
from tests.api.test_chat_photos import attached, picture

TELEGRAM = "70000001"
HALF_A_CLICK = {"kind": "click", "user_id": "buyer"}  # as a vendor may send it after an update


@pytest.fixture
async def phoned(chat: ChatRoom) -> ChatRoom:
    """The buyer is reached through Telegram and has something to decide."""

    def rebind(tx: Tx) -> None:
        unbind_chat(tx, ENGINE, "wecom", "buyer")
        bind_chat(tx, ENGINE, chat.ids.people["buyer"], "telegram", TELEGRAM)

    chat.jieli.db.write_now(rebind)
    chat.stage.telegram.add_person(TELEGRAM, "王芳")
    await chat.stage.register()
    await chat.fail_inspection()
    return chat


async def given_up(chat: ChatRoom) -> float:
    page = (await chat.http.get("/metrics")).text
    assert "jieli_callbacks_given_up_total" in await figures(chat)
    (line,) = [each for each in page.splitlines() if each.startswith("jieli_callbacks_given_up_t")]
    return float(line.split()[1])


async def tries(chat: ChatRoom) -> list[int]:
    """The engine tries for as long as it is due; after how many seconds each time."""
    step, waits = inbox_step(chat.jieli), []
    while (due := chat.jieli.db.read_now(step.next_due)) is not None:
        waits.append((due - chat.clock.now()) // SECOND)
        assert waits[-1] > 0, "the engine would turn without a pause"
        assert await step.run() == 0
        chat.clock.move_to(due)
        assert await step.run() == 1
    return waits


def texts(chat: ChatRoom, login: str) -> list[str]:
    views = chat.stage.simulator.pane(login)
    return [str(view.content) for view in views if view.kind == "text"]


async def test_a_callback_that_is_put_off_lets_the_engine_sleep_and_then_says_so(
    chat: ChatRoom,
) -> None:
    chat.jieli.db.write_now(lambda tx: inbox.store(tx, "wecom", "wecom:x", HALF_A_CLICK))
    assert await given_up(chat) == 0
    assert await tries(chat) == [6, 1, 2, 4, 8]
    (told,) = texts(chat, "buyer")
    assert "没办成" in told
    assert "再按一次，或再发一次" in told
    assert await given_up(chat) == 1


async def test_a_fresh_callback_does_not_hide_one_that_was_put_off(chat: ChatRoom) -> None:
    step, db = inbox_step(chat.jieli), chat.jieli.db
    db.write_now(lambda tx: inbox.store(tx, "wecom", "wecom:x", HALF_A_CLICK))
    chat.clock.advance(6 * SECOND)
    await step.run()
    chat.clock.advance(SECOND // 2)
    for n in range(25):  # more than one look takes
        key = f"wecom:fresh-{n}"
        db.write_now(lambda tx, key=key: inbox.store(tx, "wecom", key, HALF_A_CLICK))  # type: ignore[misc]
    due = db.read_now(step.next_due)
    assert due == chat.clock.now() + SECOND // 2
    chat.clock.move_to(due)
    assert await step.run() == 1


async def test_one_that_nobody_sent_is_given_up_without_words(chat: ChatRoom) -> None:
    chat.jieli.db.write_now(lambda tx: inbox.store(tx, "wecom", "wecom:x", {"kind": "click"}))
    await tries(chat)
    assert await given_up(chat) == 1


async def test_what_was_given_up_may_be_pressed_again(phoned: ChatRoom) -> None:
    body = HALF_A_CLICK | {"user_id": TELEGRAM}
    phoned.jieli.db.write_now(lambda tx: inbox.store(tx, "telegram", "telegram:x", body))
    await tries(phoned)
    await phoned.stage.telegram.press(TELEGRAM, "退回供应商")
    found = await phoned.ask("admin", "/api/tasks", kind="qc_decide", state=["done"])
    assert len(found["items"]) == 1


@pytest.mark.parametrize("outage", [Fault("getFile", http=502), Fault("getFile", silent="connect")])
async def test_a_photo_sent_while_the_vendor_is_away_arrives_minutes_later(
    phoned: ChatRoom, outage: Fault
) -> None:
    task = await phoned.task_of("buyer", "qc_decide")
    outage.times = 8
    phoned.stage.telegram.order(outage)
    await phoned.stage.telegram.photo(TELEGRAM, picture())
    waits = await tries(phoned)
    assert sum(waits) > MINUTE // SECOND
    assert len(await attached(phoned, task["id"])) == 1
    pane = str([phoned.stage.telegram.wire(e) for e in phoned.stage.telegram.pane(TELEGRAM)])
    assert "照片已附到" in pane
    assert await given_up(phoned) == 0


async def test_a_photo_that_never_arrives_is_asked_for_again(phoned: ChatRoom) -> None:
    phoned.stage.telegram.order(Fault("getFile", http=502, times=99))
    await phoned.stage.telegram.photo(TELEGRAM, picture())
    assert sum(await tries(phoned)) > 8 * MINUTE // SECOND
    pane = str([phoned.stage.telegram.wire(e) for e in phoned.stage.telegram.pane(TELEGRAM)])
    assert "再发一次" in pane
    assert await given_up(phoned) == 1
