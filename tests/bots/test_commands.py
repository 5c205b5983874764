"""Typed words: what is understood, what is done, and what is said when it is not."""

from __future__ import annotations

import pytest

from bots import commands
from bots.words import (
    EXAMPLES,
    Command,
    Escalate,
    Help,
    Mine,
    Stock,
    ToDo,
    Transfer,
    Unknown,
    understand,
)
from core import stock
from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.people import ENGINE
from core.quantity import ONE
from core.tasks import hold
from tests.core.orders_world import BASE, CUP, MILK, Trader, q, trader


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("库存 JL-203", Stock("JL-203")),
        ("库存JL-203", Stock("JL-203")),
        (" 查库存\u3000低糖 基料。", Stock("低糖 基料")),
        ("查 6901234567892", Stock("6901234567892")),
        ("待办", ToDo()),
        ("我的待办！", ToDo()),
        ("我的", Mine()),
        ("调拨 JL-203 2 箱 到松江仓", Transfer("JL-203", "2", "箱", "松江仓")),
        ("调拨 JL-203 2箱到 松江仓", Transfer("JL-203", "2", "箱", "松江仓")),
        ("调拨 纸杯 1,500 到 SJ", Transfer("纸杯", "1,500", "", "SJ")),
        ("调拨　香料　2.5kg　至　SJ", Transfer("香料", "2.5", "kg", "SJ")),
        ("升级", Escalate("", "")),
        ("升级 3F2a", Escalate("3f2a", "")),
        ("升级 3f2a 客户在门口", Escalate("3f2a", "客户在门口")),
        ("升级 客户在门口", Escalate("", "客户在门口")),
        ("帮助", Help()),
        ("？", Help()),
        ("HELP", Help()),
    ],
)
def test_what_is_meant(text: str, command: Command) -> None:
    assert understand(text) == command


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("调波 JL-203", "调拨"),
        ("库纯 x", "库存"),
        ("待班", "待办"),
        ("代办", "待办"),
        ("我地", "我的"),
    ],
)
def test_a_slip_of_the_finger_gets_the_likeliest_first(text: str, first: str) -> None:
    found = understand(text)
    assert isinstance(found, Unknown)
    assert len(found.likely) == 3
    assert found.likely[0].startswith(first)


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    found = trader(db, clock)
    for name, place, quantity in ((CUP, "ZJ-A-1", "500"), (CUP, "SJ-A-1", "40")):
        line = stock.Line(
            found.items[name], q(quantity), found.places["SUPPLIER"], found.places[place]
        )
        op = f"opening-{place}"
        found.do(lambda tx, op=op, line=line: stock.post(  # type: ignore[misc]
            tx, ENGINE, stock.Posting(op, "opening", (line,))
        ))  # fmt: skip
    return found


def say(t: Trader, who: str, text: str, op: str = "") -> str:
    op = op or t.op()
    return t.do(lambda tx: commands.answer(tx, t.people[who], text, op))


def refused(t: Trader, who: str, text: str) -> AppError:
    return t.refused(lambda tx: commands.answer(tx, t.people[who], text, t.op()))


def test_stock_of_an_item_by_code_name_or_a_part_of_it(t: Trader) -> None:
    code = t.db.read_now(lambda conn: commands._goods(conn, CUP)).code
    for words in (f"库存 {code}", f"库存 {code.lower()}", f"库存 {CUP}", "查 杯", code):
        said = say(t, "陈晨", words)
        assert said.splitlines()[0] == f"{CUP}（{code}）"
        assert "张江仓：可用 500" in said
        assert "松江仓：可用 40" in said
    assert say(t, "陈晨", f"库存 {MILK}").endswith("各仓都没有库存")
    assert refused(t, "陈晨", "库存 不存在的东西").code == "no_such_goods"
    assert refused(t, "陈晨", "库存 料").code in ("which_goods", "no_such_goods")


def test_reserved_and_held_goods_are_not_called_available(t: Trader) -> None:
    t.do(lambda tx: stock.reserve(tx, ENGINE, stock.Reserve(t.op(), t.items[CUP], 100 * ONE)))
    assert say(t, "陈晨", f"库存 {CUP}").splitlines()[1:] == [
        "松江仓：可用 0 件，已预留 40",
        "张江仓：可用 440 件，已预留 60",
    ]


def test_what_waits_for_me_and_what_i_asked_of_others(t: Trader) -> None:
    assert say(t, "王师傅", "待办") == "现在没有事等你处理。"
    made = t.order((BASE, "24"))
    assert "收货" in say(t, "王师傅", "待办")
    task = t.task("receive")
    assert say(t, "王师傅", "我的").startswith("在你手上：没有")
    t.do(lambda tx: hold.claim(tx, t.people["王师傅"], task.id))
    mine = say(t, "王师傅", "我的")
    assert mine.startswith("在你手上（1 件）：")
    assert task.title in mine
    assert task.title in say(t, "陈晨", "我的"), "who ordered it asked for it"
    assert made.code in task.title or made.code in str(task.card.facts)


def test_goods_asked_for_by_typing_open_a_transfer_once(t: Trader) -> None:
    said = say(t, "李某", f"调拨 {CUP} 30 到松江仓", op="chat-00001")
    assert "张江仓 → 松江仓" in said
    assert say(t, "李某", f"调拨 {CUP} 30 到松江仓", op="chat-00001") == said
    assert len(t.events("transfer.asked")) == 1
    assert t.task("transfer").warehouse_id == t.warehouses["张江仓"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"调拨 {CUP} 900 到松江仓", "nowhere_enough"),
        (f"调拨 {CUP} 0 到松江仓", "bad_quantity"),
        (f"调拨 {CUP} 1.2.3 到松江仓", "bad_quantity"),
        (f"调拨 {CUP} 3 托盘 到松江仓", "which_unit"),
        (f"调拨 {CUP} 3 到火星仓", "which_warehouse"),
        ("调拨 火星货 3 到松江仓", "no_such_goods"),
        ("天气怎么样", "words_not_understood"),
        ("", "words_not_understood"),
        ("库存", "words_not_understood"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_done(t: Trader, text: str, code: str) -> None:
    refusal = refused(t, "李某", text)
    assert refusal.code == code
    assert len(refusal.say("zh")) > 10
    assert t.events("transfer.asked") == []


def test_what_waits_can_be_raised_by_typing(t: Trader) -> None:
    assert refused(t, "王师傅", "升级").code == "nothing_to_raise"
    t.order((BASE, "24"))
    said = say(t, "王师傅", "升级 司机在等")
    assert "现在由 赵主管 处理" in said
    assert t.events("task.raised")[0].payload["why"] == "司机在等"
    t.order((MILK, "24"))
    which = refused(t, "李某", "升级")
    assert which.code == "which_task"
    number = t.tasks("receive")[-1].id[-4:]
    assert f"〔{number}〕" in which.say("zh")
    assert f"〔{number}〕" in say(t, "李某", "待办")
    assert "现在由 赵主管 处理" in say(t, "李某", f"升级 {number}")
    assert refused(t, "周律", f"升级 {number}").code == "nothing_to_raise"


def test_a_buyer_may_not_move_goods_by_typing_either(t: Trader) -> None:
    assert refused(t, "陈晨", f"调拨 {CUP} 3 到松江仓").code == "forbidden"


def test_help_fits_a_text_message(t: Trader) -> None:
    said = say(t, "陈晨", "帮助")
    assert all(words in said for words, _ in EXAMPLES)
    assert len(said.encode()) < 2048
