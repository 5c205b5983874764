"""WeCom's callbacks at our door: real crypto, real wire format, the simulator as the vendor."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random  # noqa: TID251  # seeded: a failure is the same again
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from api.callbacks import inbox_step
from api.demo.stage import AES_KEY, AGENT, CORP, TOKEN
from bots.said import Received, Word
from bots.simulator.wecom.envelope import Envelope
from core.clock import HOUR, MINUTE, SECOND
from core.outbox import inbox
from core.outbox.tables import callbacks
from core.tasks.policy import Rung
from tests.api.chat_room import ChatRoom
from tests.api.room import Room
from tests.api.test_rules_in_chat import changed, policy


async def deeds(room: ChatRoom, task_id: str) -> list[str]:
    """What the log says happened to a task."""
    found = await room.ask("admin", f"/api/subjects/task:{task_id}/events")
    return [str(each["kind"]) for each in found["items"]]


async def state_of(room: ChatRoom, kind: str = "qc_decide") -> dict[str, Any]:
    found = await room.ask("admin", "/api/tasks", kind=kind, state=["open", "claimed", "done"])
    item: dict[str, Any] = found["items"][0]
    return item


async def test_the_console_may_save_our_address(chat: ChatRoom) -> None:
    assert await chat.stage.simulator.verify_callback()


async def test_a_press_decides_and_the_card_is_closed(chat: ChatRoom) -> None:
    await chat.fail_inspection()
    posted = await chat.stage.simulator.press("buyer", "退回供应商")
    assert posted.statuses == (200,)
    assert posted.reply == "", "a passive reply would spend the code that closes the card"
    done = await state_of(chat)
    assert done["state"] == "done"
    await chat.settle()
    assert "退回供应商" in str(chat.cards("buyer")[-1])


async def test_a_doubled_callback_has_one_effect(chat: ChatRoom) -> None:
    await chat.fail_inspection()
    chat.stage.simulator.pressing.copies = 3
    posted = await chat.stage.simulator.press("buyer", "退回供应商")
    assert set(posted.statuses) == {200}
    kinds = await deeds(chat, (await state_of(chat))["id"])
    assert kinds.count("task.done") == 1, kinds
    proof = await chat.do("admin", "/api/prove")
    assert proof["ok"], proof["problems"]


async def test_presses_that_overtake_each_other_have_one_effect(chat: ChatRoom) -> None:
    """The thumb slipped and corrected itself, and the network turned the two round."""
    await chat.fail_inspection()
    pressing = chat.stage.simulator.pressing
    pressing.keep_back = True
    await chat.stage.simulator.press("buyer", "退回供应商")
    await chat.stage.simulator.press("buyer", "让步接收")
    first, second = await pressing.release()
    assert first.statuses == second.statuses == (200,)
    done = await state_of(chat)
    assert (await deeds(chat, done["id"])).count("task.done") == 1
    assert "让步接收" in done["result"], "what arrived first is done"
    assert "buyer 某" in second.spoken, "and the other one is told"


async def test_who_presses_late_reads_who_won(chat: ChatRoom) -> None:
    await chat.fail_inspection()
    task = await chat.task_of("buyer", "qc_decide")
    press = {"action": "return", "generation": task["generation"], "inputs": {"reason": "发霉"}}
    await chat.do("buyer", f"/api/tasks/{task['id']}/act", press)
    chat.clock.advance(3 * SECOND)
    posted = await chat.stage.simulator.press("buyer", "让步接收")
    assert "buyer 某" in posted.spoken
    assert "退回供应商" in posted.spoken
    assert (await state_of(chat))["result"].startswith("已由")


async def test_an_account_nobody_bound_is_told_what_to_do(chat: ChatRoom) -> None:
    posted = await chat.stage.simulator.say("stranger", "你好")
    assert posted.statuses == (200,)
    assert "绑定" in posted.spoken


async def test_typed_words_are_verbs(chat: ChatRoom) -> None:
    """What waits is read, a slip gets the likeliest words, and permission is the desk's."""
    await chat.fail_inspection()
    say = chat.stage.simulator.say
    todo = (await say("buyer", "待办")).spoken
    assert todo.startswith("等你处理（1 件）：")
    assert "质检不合格" in todo
    chat.stage.simulator.pressing.copies = 2
    unknown = await say("buyer", "把货给我弄过来")
    assert unknown.statuses == (200, 200)
    assert unknown.spoken.startswith("没看懂「把货给我弄过来」。你是不是想：\n· ")
    assert "没有「调拨」的权限" in (await say("buyer", "调拨 JL-203 1 到 SJ")).spoken
    assert "待办（" in (await say("buyer", "帮助")).spoken


async def test_words_that_two_workers_find_are_done_and_answered_once(chat: ChatRoom) -> None:
    """They came while the database was away: no request does them, so both engines look."""
    rungs = (Rung(HOUR, ("role:director",)), Rung(HOUR, ("role:admin",)))
    changed(chat, replace(policy(chat), rungs=rungs))
    await chat.fail_inspection()
    said = Received(Word("buyer", "升级"), "wecom:" + "a" * 40, "", chat.clock.now())
    chat.jieli.db.write_now(lambda tx: inbox.store(tx, "wecom", said.dedupe_key, said.body()))
    chat.clock.advance(7 * SECOND)
    before = len(chat.stage.simulator.pane("buyer"))
    await asyncio.gather(inbox_step(chat.jieli).run(), inbox_step(chat.jieli).run())
    task = await chat.task_of("buyer", "qc_decide")
    assert task["level"] == 1
    told = [view for view in chat.stage.simulator.pane("buyer")[before:] if view.kind == "text"]
    assert len(told) == 1, told
    assert "已升级" in str(told[0].content)


async def test_a_press_by_an_unbound_account_changes_nothing(chat: ChatRoom) -> None:
    await chat.fail_inspection()
    person = chat.ids.people["buyer"]
    body = {"channel": "wecom", "user_id": "buyer"}
    await chat.do("admin", f"/api/people/{person}/chats/unbind", body)
    posted = await chat.stage.simulator.press("buyer", "退回供应商")
    assert posted.statuses == (200,)
    assert "绑定" in posted.spoken
    assert (await state_of(chat))["state"] == "open"


async def test_a_slow_press_is_answered_in_time_and_done_behind(chat: ChatRoom) -> None:
    await chat.fail_inspection()
    chat.jieli.callback_seconds = 0.0
    posted = await chat.stage.simulator.press("buyer", "退回供应商")
    assert posted.statuses == (200,)
    assert posted.reply == ""
    await asyncio.gather(*chat.jieli.late)
    assert (await state_of(chat))["state"] == "done"


async def test_a_press_whose_request_died_is_finished_by_the_engine(chat: ChatRoom) -> None:
    """The callback is stored, the process dies: the inbox step does it after the restart."""
    await chat.fail_inspection()
    view = chat.cards("buyer")[-1]
    key = next(each["key"] for each in view.content["button_list"] if each["text"] == "退回供应商")
    body = {
        "kind": "click",
        "user_id": "buyer",
        "task_id": view.content["task_id"],
        "token": key,
        "inputs": {},
        "response_code": "RC-1",
        "agent_id": AGENT,
    }
    chat.jieli.db.write_now(lambda tx: inbox.store(tx, "wecom", "wecom:died-in-between", body))
    await chat.settle()
    assert (await state_of(chat))["state"] == "open", "left to its request for a moment"
    due = await chat.jieli.engine.next_due()
    assert due is not None
    assert due <= chat.clock.now() + 10 * SECOND
    chat.clock.move_to(due)
    await chat.settle()
    assert (await state_of(chat))["state"] == "done"


async def test_a_card_nobody_could_deliver_becomes_an_admins_task(chat: ChatRoom) -> None:
    """The buyer's account is not in WeCom's scope; that is mended there, and the card resent."""
    del chat.stage.simulator.vendor.people["buyer"]
    await chat.fail_inspection()
    task = await chat.task_of("admin", "dead_letter")
    assert "buyer 某" in str(task["facts"])
    dead = (await chat.ask("admin", "/api/outbox/dead"))["items"]
    assert [each["person_id"] for each in dead] == [chat.ids.people["buyer"]]
    chat.stage.simulator.add_person("buyer", "buyer")
    press = {"action": "resend", "generation": task["generation"]}
    await chat.do("admin", f"/api/tasks/{task['id']}/act", press)
    await chat.settle()
    assert len(chat.cards("buyer")) == 1
    assert (await chat.ask("admin", "/api/outbox/dead"))["items"] == []


class Forger:
    """Makes envelopes with chosen keys, times and contents."""

    def __init__(self, room: ChatRoom, aes_key: str = AES_KEY, token: str = TOKEN) -> None:
        self.room = room
        self.envelope = Envelope(CORP, token, aes_key)

    async def post(
        self,
        *,
        at: int | None = None,
        agent: int = AGENT,
        change: dict[str, str] | None = None,
        says: str = "<MsgType>text</MsgType><Content>hi</Content><MsgId>77</MsgId>",
    ) -> httpx.Response:
        seconds = str((self.room.clock.now() if at is None else at) // SECOND)
        xml = (
            f"<xml><ToUserName>{CORP}</ToUserName><FromUserName>buyer</FromUserName>"
            f"<CreateTime>{seconds}</CreateTime>{says}<AgentID>{agent}</AgentID></xml>"
        )
        query, body = self.envelope.post(xml, seconds, agent)
        self.sent = (query | (change or {}), body)
        return await self.again()

    async def again(self) -> httpx.Response:
        query, body = self.sent
        return await self.room.http.post("/callbacks/wecom", params=query, content=body)


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        ({"msg_signature": "0" * 40}, "callback_bad_signature"),
        ({"nonce": ""}, "callback_malformed"),
        ({"timestamp": "soon"}, "callback_malformed"),
    ],
)
async def test_a_forged_envelope_is_refused(
    chat: ChatRoom, forge: dict[str, str], code: str
) -> None:
    answer = await Forger(chat).post(change=forge)
    assert answer.status_code in (400, 403)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert stored(chat) == 0


async def test_foreign_keys_old_times_and_other_apps_are_refused(chat: ChatRoom) -> None:
    other = "QQcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    answers = [
        await Forger(chat, aes_key=other).post(),
        await Forger(chat, token="OtherToken").post(),
        await Forger(chat).post(at=chat.clock.now() - 6 * MINUTE),
        await Forger(chat).post(at=chat.clock.now() + 6 * MINUTE),
        await Forger(chat).post(agent=AGENT + 1),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    assert len({answer.json()["code"] for answer in answers}) >= 4
    assert stored(chat) == 0


async def test_a_replayed_request_is_taken_once(chat: ChatRoom) -> None:
    forger = Forger(chat)
    first = await forger.post()
    again = await forger.again()
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == b""
    assert stored(chat) == 1


@pytest.mark.parametrize(
    "says",
    [
        "<MsgType>event</MsgType><Event>enter_agent</Event><EventKey/>",
        "<MsgType>image</MsgType><PicUrl>http://x</PicUrl><MsgId>78</MsgId>",
        "<MsgType>location</MsgType><MsgId>79</MsgId>",
    ],
)
async def test_what_we_do_not_act_on_is_taken_and_laid_aside(chat: ChatRoom, says: str) -> None:
    """Whoever opened the application made the door fail, three times each (WeCom repeats)."""
    answer = await Forger(chat).post(says=says)
    assert (answer.status_code, answer.content) == (200, b"")
    assert waiting(chat) == 0


async def test_a_huge_body_is_refused_before_it_is_read(chat: ChatRoom) -> None:
    query, _ = Forger(chat).envelope.post("<xml/>", "1", AGENT)
    answer = await chat.http.post("/callbacks/wecom", params=query, content=b"<" * 200_000)
    assert answer.status_code == 413


async def test_without_wecom_the_door_does_not_exist(room: Room) -> None:
    assert (await room.http.get("/callbacks/wecom")).status_code == 404
    assert (await room.http.post("/callbacks/wecom", content=b"")).status_code == 404


def waiting(room: ChatRoom) -> int:
    """How many callbacks nobody has understood yet."""
    query = select(func.count()).select_from(callbacks).where(callbacks.c.state != "done")
    return int(room.jieli.db.read_now(lambda conn: conn.execute(query).scalar_one()))


def stored(room: ChatRoom) -> int:
    """How many callbacks the inbox holds."""
    query = select(func.count()).select_from(callbacks)
    return int(room.jieli.db.read_now(lambda conn: conn.execute(query).scalar_one()))


NAMES = ("MsgType", "Event", "EventKey", "TaskId", "ResponseCode", "Content", "MsgId", "CardType")
WORDS = (
    "event", "text", "image", "template_card_event", "template_card_menu_event", "", "0", "-",
    "a1:" + "A" * 22, "a1:", "甲" * 2000, "x" * 5000, "\t\n", "\u202e\ufffd😀", "9" * 400, "null",
)  # fmt: skip


async def test_no_envelope_of_a_real_vendor_makes_the_door_fail(chat: ChatRoom) -> None:
    """Well-signed nonsense: fields missing, doubled, endless and strange; never a 500."""
    rng, forger = Random("nonsense"), Forger(chat)
    for _ in range(150):
        fields = [(rng.choice(NAMES), rng.choice(WORDS)) for _ in range(rng.randrange(7))]
        chosen = "".join(
            f"<SelectedItem><QuestionKey>{rng.choice(WORDS)}</QuestionKey><OptionIds>"
            f"<OptionId>{rng.choice(WORDS)}</OptionId></OptionIds></SelectedItem>"
            for _ in range(rng.randrange(3))
        )
        says = "".join(f"<{name}>{words}</{name}>" for name, words in fields)
        answer = await forger.post(says=f"{says}<SelectedItems>{chosen}</SelectedItems>")
        assert answer.status_code in (200, 400), (answer.text, fields)
    await chat.settle()
    assert waiting(chat) == 0
