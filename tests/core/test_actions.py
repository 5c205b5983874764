"""Buttons: one table, one winner, permission at press time, inputs as the card asked for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from api.engine_steps import open_dead_letter
from core.actions import ACTIONS, Press, perform, press_token
from core.catalog import NewPartner, add_partner
from core.clock import DAY, HOUR, ManualClock
from core.db import Database, Tx
from core.errors import AppError
from core.outbox.letters import DeadLetter
from core.outbox.messages import find_message, messages_of
from core.outbox.tables import DEAD, messages
from core.outbox.tokens import token_of
from core.people import ENGINE, NewPerson, add_person
from core.tasks import hold
from core.tasks.policies import policy_of, save_policy
from core.tasks.queries import comments_of
from core.tasks.task import Task
from tests.core.orders_world import BASE, CUP, Trader, q, trader


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


def token(t: Trader, task: Task, action: str, who: str) -> str:
    """The token that this person's card in chat carries."""
    query = (
        select(messages.c.card_id, messages.c.generation)
        .where(messages.c.task_id == task.id)
        .where(messages.c.person_id == t.people[who].person_id)
    )
    row = t.db.read_now(lambda conn: conn.execute(query.limit(1)).one())
    return token_of(row.card_id, row.generation, action)


def test_every_button_that_a_card_shows_has_a_verb(t: Trader) -> None:
    t.order((BASE, "24"), ask=True)
    t.fail_a_lot()
    made = t.order((CUP, "5"))
    t.arrive(made, t.bring(made, 0, "5"))
    kinds = ("receive", "confirm_order", "inspect", "putaway", "qc_decide", "qc_legal", "qc_claim")
    shown = {
        (task.kind, button.key)
        for kind in kinds
        for task in t.tasks(kind, live=False)
        for button in task.card.buttons
    }
    assert shown <= set(ACTIONS)
    assert {key for key in ACTIONS if key[0] in kinds} == shown


def test_the_buyer_returns_the_goods_from_chat(t: Trader) -> None:
    t.fail_a_lot()
    task = t.task("qc_decide")
    done = t.press("陈晨", task, "return", reason="异味，整批退")
    assert done.sentence == "退回供应商 · 低糖基料 24 箱"
    assert done.task["state"] == "done"
    assert done.task["result"].startswith("已由 陈晨 在企业微信处理")
    assert "退回供应商" in done.task["result"]
    assert t.stands(BASE) == {}


def test_who_comes_second_hears_who_won(t: Trader) -> None:
    made = t.order((CUP, "10"))
    t.arrive(made, t.bring(made, 0, "10"))
    task = t.task("putaway")
    t.press("李某", task, "put_away", face="pda")
    refusal = t.press_refused("王师傅", task, "put_away")
    assert refusal.code == "already_done"
    assert "已由 李某 在扫码枪处理" in refusal.say("zh")
    assert "已上架" in refusal.say("zh")
    assert t.stands(CUP) == {"ZJ-A-1/ok": "10"}


def test_a_decision_by_one_tap_stands_on_what_the_inspection_found(t: Trader) -> None:
    t.fail_a_lot()
    t.press("陈晨", t.task("qc_decide"), "return")
    [decided] = t.events("inspection.decided")
    assert decided.payload["reason"] == "依据质检结论：有异味"


def test_the_same_press_twice_is_one_press(t: Trader) -> None:
    t.fail_a_lot()
    task = t.task("qc_decide")
    first = t.press("陈晨", task, "scrap", op="press-0001", reason="不能用")
    assert t.press("陈晨", task, "scrap", op="press-0001", reason="不能用") == first
    with pytest.raises(AppError) as refusal:
        t.press("陈晨", task, "return", op="press-0001", reason="不能用")
    assert refusal.value.code == "key_reused"


def test_only_the_people_of_the_task_press_its_buttons(t: Trader) -> None:
    t.fail_a_lot()
    task = t.task("qc_decide")
    for name in ("李某", "周律", "赵主管", "王老板"):
        assert t.press_refused(name, task, "return", reason="x").code == "forbidden"
    assert t.stands(BASE) == {"ZJ-DOCK/hold": "288"}


def test_a_refused_verb_leaves_the_task_open(t: Trader) -> None:
    made = t.order((CUP, "400"))
    t.arrive(made, t.bring(made, 0, "400"))
    task = t.task("putaway")
    assert t.press_refused("李某", task, "put_away", bin="ZJ-C-1").code == "bin_full"
    assert t.task("putaway").generation == task.generation
    t.press("李某", task, "put_away", bin=task.context["bin"])


def test_inputs_are_what_the_card_asked_for(t: Trader) -> None:
    made = t.order((BASE, "24"))
    t.arrive(made, t.bring(made, 0, "24", "L-1"))
    task = t.task("inspect")
    assert t.press_refused("李某", task, "fail", rejected="4").code == "invalid"
    refusal = t.press_refused("李某", task, "fail", rejected="四", reason="破")
    assert refusal.code == "bad_quantity"
    odd = {"check.seal": "maybe", "check.temp": "4"}
    assert t.press_refused("李某", task, "pass", **odd).code == "invalid"
    assert t.press_refused("李某", task, "burn").code == "no_such_button"
    checks = {"check.seal": "ok", "check.temp": "4"}
    done = t.press("李某", task, "fail", rejected="4", reason="破", **checks)
    assert done.sentence == "低糖基料 合格 20 件，不合格 4 件"
    [closed] = t.tasks("inspect", live=False)
    assert closed.outcome is not None
    assert closed.outcome["inputs"]["reason"] == "破"


def test_passing_from_chat_opens_the_putaway(t: Trader) -> None:
    made = t.order((BASE, "24"))
    t.arrive(made, t.bring(made, 0, "24", "L-1"))
    t.press("李某", t.task("inspect"), "pass", **{"check.seal": "ok", "check.temp": "4"})
    t.press("李某", t.task("putaway"), "put_away")
    assert t.stands(BASE) == {"ZJ-C-1/ok": "24"}


def test_receiving_the_rest_from_chat(t: Trader) -> None:
    made = t.order((BASE, "24"))
    line_id = made.lines[0].id
    task = t.task("receive")
    inputs = {f"lot.{line_id}": "L-1", f"expires.{line_id}": "2026-12-31"}
    assert t.press("李某", task, "receive_rest", **inputs).task["state"] == "done"
    assert t.stands(BASE) == {"ZJ-DOCK/inspect": "24"}


def test_closing_short_from_chat(t: Trader) -> None:
    t.order((CUP, "24"))
    t.press("李某", t.task("receive"), "close_short", reason="供应商停产")
    assert t.tasks("receive") == []


def test_the_supplier_confirms_or_proposes_a_date(t: Trader) -> None:
    made = t.order((CUP, "24"), ask=True)
    task = t.task("confirm_order")
    assert t.press_refused("王老板", task, "propose", date="下周").code == "invalid"
    done = t.press("王老板", task, "propose", face="portal", date="2026-03-09")
    assert done.sentence == "已提出 2026-03-09 交货，采购会看到"
    assert t.again(made).promised_on == "2026-03-09"
    late = t.order((CUP, "24"), ask=True)
    t.press("王老板", t.task("confirm_order"), "propose", face="portal", date="20260310")
    assert t.again(late).promised_on == "2026-03-10"
    other = t.order((CUP, "24"), ask=True)
    t.press("王老板", t.task("confirm_order"), "confirm", face="portal")
    assert t.again(other).promised_on == "2026-03-05"


def test_legal_and_the_supplier_answer_under_the_buyers_task(t: Trader) -> None:
    t.fail_a_lot()
    photo = t.photo("检测报告.pdf")
    t.press("周律", t.task("qc_legal"), "keep_claim", reason="按合同第 8 条")
    t.press("王老板", t.task("qc_claim"), "dispute", face="portal", reason="运输所致", photo=photo)
    said = t.db.read_now(lambda conn: comments_of(conn, t.task("qc_decide").id))
    assert [each.body for each in said] == [
        "周律 保留索赔：按合同第 8 条",
        "王老板 有异议：运输所致",
    ]
    assert t.inbox("陈晨") == ["qc_decide"]


def test_another_supplier_cannot_answer(t: Trader) -> None:
    t.fail_a_lot()

    def join(tx: Tx) -> tuple[int, int]:
        other = add_partner(tx, ENGINE, NewPartner("SUP-2", "别家食品"))
        return other, add_person(
            tx, ENGINE, NewPerson("bie", "别家", ("supplier",), partner_id=other)
        )

    other, stranger = t.do(join)
    t.people["别家"] = replace(t.people["王老板"], person_id=stranger, partner_id=other)
    assert t.press_refused("别家", t.task("qc_claim"), "accept").code == "forbidden"


def test_a_token_is_one_persons_and_goes_stale_with_its_card(t: Trader) -> None:
    t.fail_a_lot()
    task = t.task("qc_decide")
    mine = token(t, task, "return", "陈晨")

    def press(who: str, text: str, op: str) -> object:
        actor = t.people[who]
        return t.do(lambda tx: press_token(tx, actor, text, {"reason": "退"}, op))

    with pytest.raises(AppError) as refusal:
        press("周律", mine, "click-00001")
    assert refusal.value.code == "not_yours"
    assert "发给陈晨" in refusal.value.say("zh")
    with pytest.raises(AppError) as refusal:
        press("陈晨", "a1:nothingofours", "click-00002")
    assert refusal.value.code == "card_unknown"
    first = press("陈晨", mine, "click-00003")
    assert press("陈晨", mine, "click-00003") == first
    with pytest.raises(AppError) as refusal:
        press("陈晨", mine, "click-00004")
    assert refusal.value.code == "already_done"


def test_an_old_token_is_refused(t: Trader) -> None:
    t.fail_a_lot()
    old = token(t, t.task("qc_decide"), "return", "陈晨")
    t.clock.advance(31 * DAY)
    actor = t.people["陈晨"]
    refusal = t.refused(lambda tx: press_token(tx, actor, old, {"reason": "退"}, "click-0009"))
    assert refusal.code == "card_unknown"


def test_a_button_of_an_older_generation_is_refused(t: Trader) -> None:
    t.fail_a_lot()
    task = t.task("qc_decide")
    press = Press(task.id, task.generation - 1, "return", t.op(), {"reason": "退"})
    refusal = t.refused(lambda tx: perform(tx, t.people["陈晨"], press))
    assert refusal.code == "stale_card"


def lost_card(t: Trader) -> tuple[str, Task]:
    """The buyer's card could not be delivered; the administrator's task about it."""
    t.fail_a_lot()
    task = t.task("qc_decide")
    [message] = t.db.read_now(lambda conn: messages_of(conn, task.id))
    letter = DeadLetter(
        message_id=message.id,
        task_id=task.id,
        generation=task.generation,
        person_id=message.person_id,
        channel=message.channel,
        recipient=message.recipient,
        title=task.title,
        code="40003",
        reason="账号停用",
        tries=1,
        group="",
    )

    def lose(tx: Tx) -> None:
        tx.execute(messages.update().where(messages.c.id == message.id).values(state=DEAD))
        open_dead_letter(tx, letter)

    t.do(lose)
    return message.id, t.task("dead_letter")


@pytest.mark.parametrize(
    ("action", "inputs", "said", "state"),
    [
        ("resend", {}, "已重发", "pending"),
        ("drop", {"why": "人已离职"}, "不再发", "superseded"),
    ],
)
def test_an_undelivered_card_is_resent_or_dropped(
    t: Trader, action: str, inputs: dict[str, str], said: str, state: str
) -> None:
    message_id, task = lost_card(t)
    assert t.press_refused("陈晨", task, action, **inputs).code == "forbidden"
    assert t.press("管理员", task, action, face="desk", **inputs).sentence == said
    query = select(messages.c.state).where(messages.c.id == message_id)
    assert t.db.read_now(lambda conn: conn.execute(query).scalar()) == state


@pytest.mark.parametrize(("action", "inputs"), [("resend", {}), ("reassign", {"person_id": "5"})])
def test_a_dead_letter_of_a_task_that_has_ended_goes_nowhere(
    t: Trader, action: str, inputs: dict[str, str]
) -> None:
    """It stood on a phone with live buttons for ever (simulation, seed 199)."""
    message_id, task = lost_card(t)
    t.press("陈晨", t.task("qc_decide"), "return", reason="退")
    done = t.press("管理员", task, action, face="desk", **inputs)
    assert done.sentence == "没有再发：那件事已经结束，或已经不归收件人"
    query = select(messages.c.state).where(messages.c.id == message_id)
    assert t.db.read_now(lambda conn: conn.execute(query).scalar()) == "superseded"


def test_a_dead_letter_of_somebody_who_lost_the_task_goes_nowhere(t: Trader) -> None:
    """A card with live buttons came to a director after the hand-over (simulation, seed 202272)."""
    message_id, task = lost_card(t)
    decide, other = t.task("qc_decide"), t.people["赵主管"].person_id
    t.do(lambda tx: hold.hand_over(tx, t.people["陈晨"], decide.id, other, "出差"))
    done = t.press("管理员", task, "resend", face="desk")
    assert done.sentence == "没有再发：那件事已经结束，或已经不归收件人"
    letter = t.db.read_now(lambda conn: find_message(conn, message_id))
    assert letter is not None
    assert letter.state == "superseded"


def test_a_dead_letter_that_is_sent_again_says_what_is_true_now(t: Trader) -> None:
    message_id, task = lost_card(t)
    decide = t.task("qc_decide")
    t.do(lambda tx: hold.claim(tx, t.people["陈晨"], decide.id))
    t.press("管理员", task, "resend", face="desk")
    letter = t.db.read_now(lambda conn: find_message(conn, message_id))
    assert letter is not None
    assert letter.generation == decide.generation + 1
    assert "陈晨 正在处理" in str(letter.card)


def test_an_undelivered_card_goes_to_somebody_else(t: Trader) -> None:
    message_id, task = lost_card(t)
    assert t.press_refused("管理员", task, "reassign", person_id="赵").code == "invalid"
    other = t.people["赵主管"].person_id
    done = t.press("管理员", task, "reassign", face="desk", person_id=str(other))
    assert done.sentence == "已改发给赵主管"
    query = select(messages.c.person_id).where(messages.c.id == message_id)
    assert t.db.read_now(lambda conn: conn.execute(query).scalar()) == other


def test_a_failing_verb_after_the_close_undoes_everything(t: Trader) -> None:
    """The goods vanish between card and press: the refusal names it, the task stays."""
    made = t.order((BASE, "24"))
    line = t.arrive(made, t.bring(made, 0, "24", "L-1")).lines[0]
    t.judge(line, "20", "4")

    def steal(tx: Tx) -> None:
        from core import stock

        lost = stock.Line(
            t.items[BASE], q("4"), t.places["ZJ-DOCK"], t.places["COUNT"], lot_id=line.lot_id,
            from_status="hold", to_status="hold",
        )  # fmt: skip
        stock.post(tx, ENGINE, stock.Posting(t.op(), "count", (lost,), reason="盘亏"))

    t.do(steal)
    task = t.task("qc_decide")
    assert t.press_refused("陈晨", task, "return", reason="退").code == "not_enough"
    assert t.task("qc_decide").is_live


def two_persons(t: Trader) -> Task:
    """A failed lot whose scrapping a supervisor must confirm."""
    policy = t.db.read_now(lambda conn: policy_of(conn, "qc_failed_natural"))
    stricter = replace(policy, second=(("scrap", "role:supervisor"),))
    t.db.write_now(lambda tx: save_policy(tx, ENGINE, stricter))
    t.fail_a_lot()
    return t.task("qc_decide")


def test_two_pairs_of_eyes(t: Trader) -> None:
    """The first press asks, somebody else's answer does it, as the first person."""
    task = two_persons(t)
    asked = t.press("陈晨", task, "scrap", reason="不能用")
    assert asked.sentence == "已请赵主管确认「报废」，同意后才会办。"
    assert t.task("qc_decide").generation == task.generation, "nothing is decided yet"
    assert t.stands(BASE) == {"ZJ-DOCK/hold": "288"}
    second = t.task("second_person")
    assert [fact.value for fact in second.card.facts[:2]] == ["陈晨", "不能用"]
    assert t.press("陈晨", task, "scrap", reason="不能用").sentence == asked.sentence
    assert len(t.tasks("second_person")) == 1, "asking twice is asking once"
    done = t.press("赵主管", second, "confirm")
    assert done.sentence == "报废 · 低糖基料 24 箱"
    [decided] = t.tasks("qc_decide", live=False)
    assert decided.result.startswith("已由 陈晨 在企业微信处理：报废，赵主管确认")
    assert t.stands(BASE) == {"SCRAP/rejected": "288"}


def test_who_does_not_agree_leaves_the_task_open(t: Trader) -> None:
    task = two_persons(t)
    t.press("陈晨", task, "scrap", reason="不能用")
    denied = t.press("赵主管", t.task("second_person"), "deny", reason="还能退")
    assert denied.sentence == "不同意：还能退"
    said = t.db.read_now(lambda conn: comments_of(conn, task.id))
    assert [each.body for each in said] == ["要选「报废」，已请人确认", "不同意：还能退"]
    t.press("陈晨", t.task("qc_decide"), "return", reason="退货")
    assert t.stands(BASE) == {}


def test_what_was_answered_otherwise_meanwhile_is_not_done_again(t: Trader) -> None:
    task = two_persons(t)
    t.press("陈晨", task, "scrap", reason="不能用")
    t.press("陈晨", task, "return", reason="供应商来拉")
    late = t.press("赵主管", t.task("second_person"), "confirm")
    assert late.sentence.startswith("没有再办，那件事已经结束：已由 陈晨")
    assert t.stands(BASE) == {}


def test_nobody_is_the_second_person_to_himself(t: Trader) -> None:
    policy = t.db.read_now(lambda conn: policy_of(conn, "qc_failed_natural"))
    alone = replace(policy, second=(("scrap", "role:buyer"),))
    t.db.write_now(lambda tx: save_policy(tx, ENGINE, alone))
    t.fail_a_lot()
    t.press("陈晨", t.task("qc_decide"), "scrap", reason="不能用")
    refusal = t.press_refused("陈晨", t.task("second_person"), "confirm")
    assert refusal.code == "another_person"
    assert t.stands(BASE) == {"ZJ-DOCK/hold": "288"}


def test_who_corrects_what_he_filled_in_has_the_corrected_confirmed(t: Trader) -> None:
    """Whoever confirmed the first one would have confirmed what nobody means any more."""
    task = two_persons(t)
    t.press("陈晨", task, "scrap", reason="写错了")
    first = t.task("second_person")
    again = t.press("陈晨", task, "scrap", reason="发霉")
    assert again.sentence == "已请赵主管确认「报废」，同意后才会办。"
    second = t.task("second_person")
    assert second.card.facts[1].value == "发霉"
    [gone] = [each for each in t.tasks("second_person", live=False) if each.id == first.id]
    assert (gone.state, gone.sentence) == ("cancelled", "陈晨改了填的内容，以新的一件为准")
    assert t.press_refused("赵主管", first, "confirm").code == "already_done"
    t.press("赵主管", second, "confirm")
    assert t.stands(BASE) == {"SCRAP/rejected": "288"}
    [decided] = t.tasks("qc_decide", live=False)
    assert decided.outcome == {"action": "scrap", "inputs": {"reason": "发霉"}}


def test_a_button_of_an_older_generation_asks_nobody(t: Trader) -> None:
    task = two_persons(t)
    t.do(lambda tx: hold.claim(tx, t.people["陈晨"], task.id))
    assert t.press_refused("陈晨", task, "scrap", reason="不能用").code == "stale_card"
    assert t.tasks("second_person") == []
    typed = Press(task.id, None, "scrap", t.op(), {"reason": "不能用"})
    said = t.do(lambda tx: perform(tx, t.people["陈晨"], typed)).sentence
    assert said.startswith("已请赵主管确认"), "a typed command knows no generation"


def test_who_was_denied_may_ask_again_with_the_same_button(t: Trader) -> None:
    """DingTalk's presses carry no number: pressing again comes under the same operation id."""
    task = two_persons(t)
    pressed = "dingtalk:scrap-of-chen"
    asked = t.press("陈晨", task, "scrap", op=pressed, reason="不能用")
    assert t.press("陈晨", task, "scrap", op=pressed, reason="不能用") == asked
    assert len(t.tasks("second_person")) == 1
    t.press("赵主管", t.task("second_person"), "deny", reason="再想想")
    t.clock.advance(HOUR)
    again = t.press("陈晨", task, "scrap", op=pressed, reason="不能用")
    assert again.sentence == asked.sentence
    t.press("赵主管", t.task("second_person"), "confirm")
    assert t.stands(BASE) == {"SCRAP/rejected": "288"}
    said = t.db.read_now(lambda conn: comments_of(conn, task.id))
    words = "要选「报废」，已请人确认"
    assert [each.body for each in said] == [words, "不同意：再想想", words]
