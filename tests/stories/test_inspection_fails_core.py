"""Story B5 over the core: an inspection fails, three people are asked, silence climbs."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from core.clock import HOUR, MINUTE, ManualClock
from core.db import Database
from core.outbox.messages import messages_of
from tests.core.orders_world import BASE, Trader, trader


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


def cards_of(t: Trader, name: str) -> int:
    """How many cards of the failed inspection this person was ever sent."""
    person_id = t.people[name].person_id
    kinds = ("qc_decide", "qc_legal", "qc_claim")
    found = [task for kind in kinds for task in t.tasks(kind, live=False)]

    def sent(conn: Connection) -> int:
        messages = [each for task in found for each in messages_of(conn, task.id)]
        return sum(each.person_id == person_id and each.intent == "send" for each in messages)

    return t.db.read_now(sent)


def test_a_failed_inspection_holds_the_lot_and_asks_three_people_at_once(t: Trader) -> None:
    found = t.fail_a_lot("L-7")
    assert t.lot(BASE, "L-7").state == "held"
    assert t.stands(BASE) == {"ZJ-DOCK/hold": "288"}
    assert t.inbox("陈晨") == ["qc_decide"]
    assert t.inbox("周律") == ["qc_legal"]
    assert t.inbox("王老板") == ["qc_claim"]
    kinds = ("qc_decide", "qc_legal", "qc_claim")
    assert {t.task(kind).group for kind in kinds} == {f"inspection:{found.id}"}
    assert {t.task(kind).opened_at for kind in kinds} == {t.clock.now()}
    card = t.task("qc_decide").card
    facts = {fact.label: fact.value for fact in card.facts}
    assert (card.title, card.lead) == ("质检不合格", "低糖基料 24 箱")
    assert facts["谁在等"] == "张江仓等结果"
    assert facts["数量"] == "24 箱 = 288 件"
    assert [button.label for button in card.buttons] == ["退回供应商", "让步接收", "报废"]
    assert all(button.inputs[0].key == "reason" for button in card.buttons)


def test_its_inbound_is_suspended_until_somebody_decides(t: Trader) -> None:
    t.fail_a_lot("L-7")
    made = t.order((BASE, "24"))
    t.arrive(made, t.bring(made, 0, "24", "L-7"))
    other = t.order((BASE, "12"))
    t.arrive(other, t.bring(other, 0, "12", "L-8"))
    assert t.stands(BASE) == {"ZJ-DOCK/hold": "312", "ZJ-DOCK/inspect": "12"}


def test_after_48_hours_of_silence_the_director_gets_it_once(t: Trader) -> None:
    t.fail_a_lot()
    t.after(47 * HOUR + 59 * MINUTE)
    assert t.inbox("孙总") == []
    assert cards_of(t, "孙总") == 0
    t.after(1 * MINUTE)
    assert t.inbox("孙总") == ["qc_claim", "qc_decide", "qc_legal"]
    assert cards_of(t, "孙总") == 1, "three tasks of one failure are one card"
    done = t.press("孙总", t.task("qc_decide"), "return", reason="不再等，整批退回")
    assert done.sentence == "退回供应商 · 低糖基料 24 箱"
    assert t.stands(BASE) == {}
    t.proven()


def test_an_answer_in_time_keeps_the_director_out_of_it(t: Trader) -> None:
    t.fail_a_lot()
    t.after(10 * HOUR)
    t.press("陈晨", t.task("qc_decide"), "concession", reason="客户同意降级使用")
    for kind in ("qc_legal", "qc_claim"):
        [sibling] = t.tasks(kind, live=False)
        assert sibling.state == "cancelled"
        assert "让步接收" in sibling.result
    t.after(100 * HOUR)
    assert cards_of(t, "孙总") == 0
    assert t.stands(BASE) == {"ZJ-DOCK/ok": "288"}


def test_after_a_return_legal_and_the_supplier_still_owe_an_answer(t: Trader) -> None:
    t.fail_a_lot()
    t.press("陈晨", t.task("qc_decide"), "return", reason="异味")
    t.press("王老板", t.task("qc_claim"), "accept", face="portal")
    t.press("周律", t.task("qc_legal"), "no_claim", reason="供应商已认可")
    t.after(100 * HOUR)
    assert cards_of(t, "孙总") == 0
    said = [event.payload["answer"] for event in t.events("inspection.answered")]
    assert said == ["accept", "no_claim"]


def test_buyer_and_director_press_in_the_same_second_and_one_wins(t: Trader) -> None:
    t.fail_a_lot()
    t.after(48 * HOUR)
    task = t.task("qc_decide")
    t.press("孙总", task, "scrap", reason="不退了")
    refusal = t.press_refused("陈晨", task, "return", reason="退")
    assert refusal.code == "already_done"
    assert "孙总" in refusal.say("zh")
    assert "报废" in refusal.say("zh")
    assert t.stands(BASE) == {"SCRAP/rejected": "288"}
    t.proven()


def test_a_supplier_without_people_is_answered_for_by_the_buyer(t: Trader) -> None:
    from core.people import ENGINE, deactivate

    t.do(lambda tx: deactivate(tx, ENGINE, t.people["王老板"].person_id))
    t.fail_a_lot()
    assert t.inbox("陈晨") == ["qc_claim", "qc_decide"]
    t.press("陈晨", t.task("qc_claim"), "accept", reason="电话里认了")
