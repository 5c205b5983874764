"""Shortcuts over the core: the form arrives filled and says why, is launched once, and is measured.

李某 works in 松江仓 unless a test says otherwise; 张江仓 and 昆山仓 have what he lacks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core import calendar, catalog, stock
from core.clock import HOUR, MINUTE, ManualClock, iso
from core.db import Database
from core.errors import AppError
from core.orders.transfer import transfer_by_code
from core.people import ENGINE, Actor
from core.quantity import Factor
from core.shortcuts.book import all_shortcuts, save_shortcut, shortcut_of, usable_by, versions_of
from core.shortcuts.definition import Shortcut
from core.shortcuts.facts import Situation
from core.shortcuts.launch import Launch, Launched, Open, launch, open_form
from core.shortcuts.proposal import Offered, Proposal
from core.shortcuts.usage import usage
from core.tasks.escalation import fire
from core.tasks.policies import policy_of, save_policy
from tests.core.orders_world import BASE, CUP, SCALE, Trader, q, trader

URGENT = "urgent_transfer"


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    found = trader(db, clock)

    def more(tx: Any) -> None:
        found.warehouses["昆山仓"] = catalog.add_warehouse(tx, ENGINE, "KS", "昆山仓")
        new = catalog.NewLocation("KS-A-1", "bin", "", found.warehouses["昆山仓"])
        found.places["KS-A-1"] = catalog.add_location(tx, ENGINE, new)
        catalog.add_pack(tx, ENGINE, found.items[CUP], "箱", Factor(12))

    found.do(more)
    return found


def at(t: Trader, *houses: str, who: str = "李某") -> Actor:
    """This person, bound to these warehouses."""
    ids = frozenset(t.warehouses[each] for each in houses)
    return replace(t.people[who], warehouse_ids=ids)


def opened(t: Trader, who: Actor, key: str = URGENT, **situation: Any) -> Proposal:
    given = situation.pop("given", {})
    again = situation.pop("again", "")
    if "missing" in situation:
        situation["missing"] = q(situation["missing"])
    ask = Open(t.op(), key, Situation(**situation), given, again)
    return t.do(lambda tx: open_form(tx, who, ask))


def launched(t: Trader, who: Actor, form: Proposal, op: str = "", **changed: str) -> Launched:
    ask = Launch(op or t.op(), form.run_id, changed)
    return t.do(lambda tx: launch(tx, who, ask))


def refused(t: Trader, who: Actor, form: Proposal, **changed: str) -> AppError:
    return t.refused(lambda tx: launch(tx, who, Launch(t.op(), form.run_id, changed)))


def field(form: Proposal, key: str) -> Offered:
    return next(each for each in form.fields if each.key == key)


def near(t: Trader, **codes: tuple[str, ...]) -> Shortcut:
    """Who is supplied from whom, nearest first, as an administrator says."""
    now = t.db.read_now(lambda conn: shortcut_of(conn, URGENT))
    new = replace(now, settings=replace(now.settings, near=codes))
    return t.do(lambda tx: save_shortcut(tx, t.people["管理员"], new))


def month(t: Trader) -> str:
    return iso(t.clock.now())[:7]


# -- the form ------------------------------------------------------------------------------------
def test_everything_is_filled_with_its_reason(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    form = opened(t, at(t, "松江仓"), item="C-001", place="SJ-A-1", missing="45")
    shown = {each.key: (each.value, each.text, each.why) for each in form.fields}
    assert shown == {
        "item": ("C-001", CUP, "你扫的就是它"),
        "to": ("SJ", "松江仓", "你站在 SJ-A-1"),
        "from": ("ZJ", "张江仓", "张江仓可用 100 件，够发，各仓里最多"),
        "unit": ("箱", "箱", "正好是整箱"),
        "quantity": ("4", "4 箱 = 48 件", "缺 45 件，凑成整包"),
        "reason": ("现场（SJ-A-1）缺 45 件", "现场（SJ-A-1）缺 45 件", "按你刚看到的写"),
        "requester": (str(t.people["李某"].person_id), "李某", "就是你"),
        "deadline": (
            "2026-03-02T03:00:00Z",
            "3月2日 周一 11:00 前（按工作时间）",
            "升级规则：2 小时（工作时间，下班暂停）内要处理",
        ),
        "approver": (
            "赵主管",
            "赵主管",
            "不用另批；30 分钟（工作时间，下班暂停）没人处理就找第一级",
        ),
    }
    assert form.ready
    assert all(each.why_en for each in form.fields)
    assert not any(each.guess for each in form.fields)
    assert {each.key for each in form.fields if not each.changeable} == {
        "requester",
        "deadline",
        "approver",
    }


def test_the_preview_says_what_then_happens(t: Trader) -> None:
    """Who is pushed, on which surface, and when it climbs: as the task then does."""
    t.put(CUP, "100", "ZJ-A-1")
    li = at(t, "松江仓")
    form = opened(t, li, item="C-001", place="SJ-A-1", missing="12")
    assert [each.partition("（")[0] for each in form.told] == ["李某", "王师傅"]
    done = launched(t, li, form)
    assert done.told == form.told
    task = t.task("transfer")
    assert field(form, "deadline").value == iso(task.due_at or 0)
    t.after(29 * MINUTE)
    assert t.inbox("赵主管") == []
    t.after(1 * MINUTE)
    assert t.inbox("赵主管") == ["transfer"]
    assert [each.at for each in form.climbs][:1] == ["2026-03-02T01:30:00Z"]
    assert "赵主管" in form.climbs[0].sentence
    assert "孙总" in form.climbs[1].sentence


def test_a_second_person_is_named_when_the_policy_asks_for_one(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    now = t.db.read_now(lambda conn: policy_of(conn, "transfer"))
    new = replace(now, second=(("send", "role:director"),))
    t.do(lambda tx: save_policy(tx, t.people["赵主管"], new))
    approver = field(opened(t, at(t, "松江仓"), item="C-001", missing="12"), "approver")
    assert (approver.value, approver.why) == ("孙总", "规则要第二人确认")


def test_the_nearest_that_has_enough_comes_before_the_richest(t: Trader) -> None:
    near(t, SJ=("KS", "ZJ"))
    t.put(CUP, "500", "ZJ-A-1")
    t.put(CUP, "60", "KS-A-1")
    li = at(t, "松江仓")
    small = opened(t, li, item="C-001", place="SJ-A-1", missing="60")
    assert field(small, "from").value == "KS"
    assert field(small, "from").why == "昆山仓可用 5 箱，离这里最近且够发"
    assert [each.value for each in field(small, "from").alternatives] == ["ZJ"]
    large = opened(t, li, item="C-001", place="SJ-A-1", missing="61")
    assert (field(large, "from").value, field(large, "quantity").value) == ("ZJ", "6")


def test_no_donor_has_enough_then_the_most_is_proposed_and_said_so(t: Trader) -> None:
    t.put(CUP, "30", "ZJ-A-1")
    t.put(CUP, "8", "KS-A-1")
    form = opened(t, at(t, "松江仓"), item="C-001", place="SJ-A-1", missing="100")
    donor, quantity = field(form, "from"), field(form, "quantity")
    assert (donor.value, donor.guess) == ("ZJ", True)
    assert donor.why == "张江仓可用 30 件，只够一部分"
    assert quantity.text == "2 箱 = 24 件"
    assert quantity.why.endswith("对方只发得出这些")


def test_goods_that_others_were_promised_or_asked_for_are_not_proposed(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    li = at(t, "松江仓")
    launched(t, li, opened(t, li, item="C-001", place="SJ-A-1", missing="60"))
    form = opened(t, li, item="C-001", place="SJ-A-1", missing="60")
    assert field(form, "from").why == "张江仓可用 40 件，只够一部分"


def test_expired_goods_are_no_donor(t: Trader) -> None:
    t.put(BASE, "120", "ZJ-A-1", "old", expires_on="2026-03-01")
    form = opened(t, at(t, "松江仓"), item="J-001", place="SJ-A-1", missing="12")
    assert field(form, "from").value == ""
    assert not form.ready
    assert form.sentence == "还差：调出仓。"
    refusal = refused(t, at(t, "松江仓"), form)
    assert refusal.code == "shortcut_lacking"
    assert "调出仓" in refusal.say("zh")


def test_what_nobody_said_is_a_guess_and_says_so(t: Trader) -> None:
    """Nothing but an item was scanned, by somebody who works everywhere."""
    t.put(CUP, "100", "ZJ-A-1")
    t.put(CUP, "50", "KS-A-1")
    form = opened(t, t.people["李某"], item="C-001")
    assert (field(form, "to").value, field(form, "to").guess) == ("SJ", True)
    assert field(form, "quantity").why == "没有说缺多少，先按 1 箱"
    launched(t, t.people["李某"], form, quantity="3")
    again = opened(t, t.people["李某"], item="C-001", warehouse="SJ")
    assert field(again, "quantity").text == "3 箱 = 36 件"
    assert field(again, "quantity").why.startswith("上次要了 3 箱")
    assert field(again, "quantity").guess
    known = opened(t, t.people["李某"], item="C-001", warehouse="SJ", missing="20")
    others = [(each.text, each.why) for each in field(known, "quantity").alternatives]
    assert others == [
        ("3 箱 = 36 件", "上次要了 3 箱，照旧"),
        ("1 箱 = 12 件", "没有说缺多少，先按 1 箱"),
    ]


def test_the_deadline_is_that_of_the_task_on_the_working_calendar(t: Trader) -> None:
    """Friday half past five: what may take two working hours is due on Monday."""
    t.do(calendar.seed)
    t.put(CUP, "100", "ZJ-A-1")
    t.clock.advance(4 * 24 * HOUR + 8 * HOUR + 30 * MINUTE)
    li = at(t, "松江仓")
    form = opened(t, li, item="C-001", place="SJ-A-1", missing="12")
    assert field(form, "deadline").text.startswith("3月9日 周一 ")
    launched(t, li, form)
    assert field(form, "deadline").value == iso(t.task("transfer").due_at or 0)


def test_whoever_stands_in_is_named(t: Trader) -> None:
    """The follow-up is somebody else's while the supervisor is away: the rota's or the deputy's."""
    t.put(CUP, "100", "ZJ-A-1")
    boss, deputy = t.people["赵主管"].person_id, t.people["孙总"].person_id
    until = t.clock.now() + 24 * HOUR
    t.do(
        lambda tx: calendar.add_leave(
            tx, t.people["管理员"], boss, from_us=tx.now, to_us=until, substitute_id=deputy
        )
    )
    form = opened(t, at(t, "松江仓"), item="C-001", missing="12")
    assert field(form, "approver").value == "孙总"
    assert "孙总" in form.climbs[0].sentence


def test_a_task_on_the_screen_says_what_is_missing(t: Trader) -> None:
    """张江仓 is to send 96 and has 30: whoever looks at that task asks 昆山仓 for the rest."""
    t.put(CUP, "96", "ZJ-A-1")
    li = at(t, "松江仓")
    launched(t, li, opened(t, li, item="C-001", place="SJ-A-1", missing="96"))
    t.put(CUP, "200", "KS-A-1")
    gone = stock.Line(t.items[CUP], q("66"), t.places["ZJ-A-1"], t.places["SCRAP"])
    scrap = stock.Posting(t.op(), "scrap", (gone,), reason="水浸")
    t.do(lambda tx: stock.post(tx, ENGINE, scrap))
    task = t.task("transfer")
    form = opened(t, at(t, "张江仓", who="王师傅"), task_id=task.id)
    assert (field(form, "item").value, field(form, "item").source) == ("C-001", "task_item")
    assert (field(form, "to").value, field(form, "from").value) == ("ZJ", "KS")
    assert field(form, "quantity").text == "6 箱 = 72 件", "66 are missing, in whole boxes"
    assert field(form, "reason").value.startswith(task.title)


def test_goods_by_serial_have_no_boxes(t: Trader) -> None:
    t.put(SCALE, "3", "ZJ-A-1", serials=("A", "B", "C"))
    form = opened(t, at(t, "松江仓"), item="S-001", place="SJ-A-1", missing="2")
    assert (field(form, "unit").value, field(form, "quantity").value) == ("台", "2")
    launched(t, at(t, "松江仓"), form)
    assert t.task("transfer").title == "紧急调拨发出 · 电子秤 2 台"


# -- launching -----------------------------------------------------------------------------------
def test_one_tap_opens_the_urgent_transfer_once(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    li = at(t, "松江仓")
    form = opened(t, li, item="C-001", place="SJ-A-1", missing="12")
    done = launched(t, li, form, op="tap-00001")
    assert launched(t, li, form, op="tap-00001") == done, "a doubled tap is one deed"
    again = refused(t, li, form)
    assert again.code == "shortcut_launched"
    assert done.code in again.say("zh")
    assert len(t.events("transfer.asked")) == 1
    task = t.task("transfer")
    assert (task.title, task.priority) == ("紧急调拨发出 · 纸杯 1 箱", "high")
    assert task.warehouse_id == t.warehouses["张江仓"]
    made = t.db.read_now(lambda conn: transfer_by_code(conn, done.code))
    assert made is not None
    assert (made.urgent, made.reason) == (True, "现场（SJ-A-1）缺 1 箱")
    assert done.task_id == task.id
    assert done.sentence.startswith(
        f"已发起紧急调拨 {done.code}：纸杯 1 箱 = 12 件，张江仓 → 松江仓。已推送给 李某"
    )
    assert t.press("王师傅", task, "send").sentence == f"{done.code} 已发出，对方等收"
    t.proven()


def test_whoever_is_second_is_refused_with_a_fresh_form_and_loses_nothing(t: Trader) -> None:
    t.put(CUP, "48", "ZJ-A-1")
    t.put(CUP, "36", "KS-A-1")
    li, wang = at(t, "松江仓"), at(t, "松江仓", who="王师傅")
    mine = opened(t, li, item="C-001", place="SJ-A-1", missing="30")
    yours = opened(t, wang, item="C-001", place="SJ-A-1", missing="30")
    assert field(mine, "from").value == field(yours, "from").value == "ZJ"
    launched(t, li, mine)
    late = refused(t, wang, yours, reason="客户在门口等")
    assert late.code == "shortcut_stale"
    assert "张江仓的 纸杯 现在只给得出 1 箱，你要 3 箱" in late.say("zh")
    fresh = {each["key"]: each["value"] for each in late.facts["fresh"]["fields"]}
    assert (fresh["from"], fresh["quantity"], fresh["unit"]) == ("KS", "3", "箱")
    assert fresh["reason"] == "客户在门口等", "what was typed is still there"
    assert late.facts["fresh"]["run_id"] == yours.run_id
    again = opened(
        t, wang, item="C-001", place="SJ-A-1", missing="30",
        given=late.facts["kept"], again=yours.run_id,
    )  # fmt: skip
    assert again.run_id == yours.run_id
    done = launched(t, wang, again)
    made = t.db.read_now(lambda conn: transfer_by_code(conn, done.code))
    assert made is not None
    assert (made.from_warehouse, made.reason) == (t.warehouses["昆山仓"], "客户在门口等")
    [used] = t.db.read_now(lambda conn: usage(conn, month(t)))
    assert (used.opened, used.launched) == (2, 2)
    touched = [each.field for each in used.by_field if each.untouched < each.launched]
    assert touched == ["reason"], "what the form changed by itself is nobody's touch"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"quantity": "9"}, "shortcut_stale"),
        ({"quantity": "0"}, "bad_quantity"),
        ({"quantity": "一箱"}, "bad_quantity"),
        ({"unit": "托盘"}, "invalid"),
        ({"from": "MARS"}, "invalid"),
        ({"from": "SJ"}, "shortcut_stale"),
        ({"from": ""}, "shortcut_lacking"),
        ({"item": "NO-SUCH"}, "not_found"),
        ({"approver": "我自己"}, "invalid"),
        ({"deadline": "2026-03-09T00:00:00Z"}, "invalid"),
        ({"nonsense": "1"}, "invalid"),
        ({"reason": "长" * 401}, "invalid"),
        ({"reason": ""}, "shortcut_lacking"),
    ],
)
def test_what_cannot_be_launched_says_so_and_does_nothing(
    t: Trader, changed: dict[str, str], code: str
) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    li = at(t, "松江仓")
    form = opened(t, li, item="C-001", place="SJ-A-1", missing="12")
    refusal = refused(t, li, form, **changed)
    assert refusal.code == code
    assert len(refusal.say("zh")) > 10
    assert t.events("transfer.asked") == []
    assert launched(t, li, form).code, "the form is still there to launch"


def test_somebody_elses_form_and_an_unknown_one_are_refused(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    li = at(t, "松江仓")
    form = opened(t, li, item="C-001", place="SJ-A-1", missing="12")
    assert refused(t, t.people["王师傅"], form).code == "shortcut_gone"
    assert refused(t, li, replace(form, run_id="0" * 32)).code == "shortcut_gone"


def test_a_person_may_only_use_what_its_verb_allows(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    assert [each.key for each in t.db.read_now(lambda c: usable_by(c, t.people["陈晨"]))] == [
        "buy_request"
    ]
    assert len(t.db.read_now(lambda c: usable_by(c, t.people["李某"]))) == 3
    ask = Open(t.op(), URGENT, Situation(item="C-001"))
    for name in ("陈晨", "王老板"):
        refusal = t.refused(lambda tx, n=name: open_form(tx, t.people[n], ask))  # type: ignore[misc]
        assert refusal.code == "forbidden"


def test_what_is_asked_of_a_buyer_is_a_task_with_two_answers(t: Trader) -> None:
    li = at(t, "松江仓")
    form = opened(t, li, "buy_request", item="C-001", place="SJ-A-1", missing="45")
    assert [each.partition("（")[0] for each in form.told] == ["陈晨"]
    done = launched(t, li, form)
    task = t.task("request")
    assert (done.kind, done.task_id) == ("task", task.id)
    assert task.title == "请采购补货 · 纸杯 4 箱"
    second = launched(t, li, opened(t, li, "buy_request", item="C-001", missing="45"))
    assert second.task_id == task.id, "one live request for one item and warehouse"
    said = t.press("陈晨", t.task("request"), "decline", reason="已经在路上")
    assert said.sentence == "陈晨不安排：已经在路上"
    third = launched(t, li, opened(t, li, "buy_request", item="C-001", missing="45"))
    assert t.press("陈晨", t.task("request"), "take").sentence == "陈晨来跟进"
    assert third.task_id != task.id


def test_stock_that_does_not_look_right_is_counted(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    t.put(CUP, "30", "ZJ-A-2")
    li = at(t, "张江仓")
    form = opened(t, li, "count_request", item="C-001", place="ZJ-A-2")
    done = launched(t, li, form)
    assert done.code.startswith("PD-")
    assert (done.kind, done.task_id) == ("count", t.task("count").id)
    assert t.task("count").title == "盘点 · 张江仓 1 格"


# -- definitions ---------------------------------------------------------------------------------
def test_an_administrator_changes_a_shortcut_and_open_forms_are_filled_anew(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    t.put(CUP, "60", "KS-A-1")
    li = at(t, "松江仓")
    form = opened(t, li, item="C-001", place="SJ-A-1", missing="12")
    saved = near(t, SJ=("KS",))
    assert saved.version == 1
    late = refused(t, li, form)
    assert (late.code, late.facts["fresh"]["version"]) == ("shortcut_stale", 1)
    fresh = {each["key"]: each["value"] for each in late.facts["fresh"]["fields"]}
    assert fresh["from"] == "KS"
    found = t.db.read_now(lambda conn: versions_of(conn, URGENT))
    assert [each.version for each in found] == [1, 0]
    assert t.events("shortcut.published")[0].payload["version"] == 1


def test_a_shortcut_of_ones_own_needs_no_code(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    shipped = t.db.read_now(lambda conn: shortcut_of(conn, URGENT))
    own = replace(
        shipped,
        key="shop_refill",
        title="门店补货",
        title_en="Shop refill",
        settings=replace(shipped.settings, urgent=False),
        fields=tuple(
            replace(each, sources=("stock_left",)) if each.key == "reason" else each
            for each in shipped.fields
        ),
    )
    t.do(lambda tx: save_shortcut(tx, t.people["管理员"], own))
    assert "shop_refill" in [each.key for each in t.db.read_now(all_shortcuts)]
    li = at(t, "松江仓")
    done = launched(t, li, opened(t, li, "shop_refill", item="C-001", missing="12"))
    made = t.db.read_now(lambda conn: transfer_by_code(conn, done.code))
    assert made is not None
    assert (made.urgent, made.reason) == (False, "松江仓可用只剩 0 件")
    off = replace(own, active=False)
    t.do(lambda tx: save_shortcut(tx, t.people["管理员"], off))
    ask = Open(t.op(), "shop_refill", Situation(item="C-001"))
    assert t.refused(lambda tx: open_form(tx, li, ask)).code == "invalid"


def body(**changed: Any) -> dict[str, Any]:
    from core.shortcuts.book import shipped

    return shipped()[URGENT].to_json() | changed


def fields(**changed: Any) -> list[dict[str, Any]]:
    """The fields, with the first changed."""
    first, *rest = body()["fields"]
    return [first | changed, *rest]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (body(key="Urgent!"), "编号"),
        (body(title=""), "名称"),
        (body(verb="os.system"), "动作"),
        (body(fields=[]), "栏位"),
        (body(fields=body()["fields"] * 2), "栏位"),
        (body(fields=body()["fields"][1:]), "少不了「item」"),
        (body(fields=fields(kind="text", sources=[])), "应是必填的 item"),
        (body(fields=fields(sources=["__import__"])), "没有来源"),
        (body(fields=fields(sources=["nearest_donor"])), "给的是 warehouse"),
        (body(fields=fields(kind="colour")), "种类"),
        (body(fields=[*fields(), fields(key="colour", kind="text", sources=[])[0]]), "用不到"),
        (body(settings={"near": {"MARS": ["ZJ"]}}), "没有仓库 MARS"),
        (body(settings={"near": {"ZJ": "SJ"}}), "没有仓库"),
        (body(settings={"to": ["everybody"]}), "收件人"),
        (body(settings={"code": "rm"}), "读不成"),
        (body(settings={"urgent": "yes"}), "读不成"),
        (body(fields="all"), "读不成"),
        (body(surprise=1), "读不成"),
        (body(verb="task.open", fields=body()["fields"][:1]), "少不了"),
    ],
)  # fmt: skip
def test_a_definition_that_could_never_be_launched_is_refused(
    t: Trader, wrong: dict[str, Any], why: str
) -> None:
    boss = t.people["管理员"]
    refusal = t.refused(lambda tx: save_shortcut(tx, boss, Shortcut.from_json(wrong)))
    assert refusal.code == "invalid"
    assert why in refusal.say("zh")


def test_what_we_ship_would_be_accepted(t: Trader) -> None:
    for each in t.db.read_now(all_shortcuts):
        assert Shortcut.from_json(each.to_json()) == each
        t.do(lambda tx, e=each: save_shortcut(tx, t.people["赵主管"], e))  # type: ignore[misc]
    refusal = t.refused(lambda tx: save_shortcut(tx, t.people["李某"], each))
    assert refusal.code == "forbidden"


# -- how well they arrive filled -----------------------------------------------------------------
def test_touches_and_the_time_from_opening_are_measured_by_month(t: Trader) -> None:
    t.put(CUP, "1000", "ZJ-A-1")
    li = at(t, "松江仓")
    for seconds, changed in ((10, {}), (20, {"quantity": "2"}), (60, {"quantity": "1"})):
        form = opened(t, li, item="C-001", place="SJ-A-1", missing="12")
        t.clock.advance(seconds * 1_000_000)
        launched(t, li, form, **changed)
    opened(t, li, item="C-001", place="SJ-A-1", missing="12")  # and never launched
    [used] = t.db.read_now(lambda conn: usage(conn, month(t)))
    assert (used.opened, used.launched) == (4, 3)
    assert (used.fields, used.untouched, used.percent) == (27, 26, 96)
    assert (used.changeable, used.changeable_untouched, used.changeable_percent) == (18, 17, 94)
    assert (used.median_seconds, used.p90_seconds) == (20, 60)
    quantity = next(each for each in used.by_field if each.field == "quantity")
    assert (quantity.source, quantity.filled, quantity.untouched) == ("missing", 3, 2)
    t.clock.advance(31 * 24 * HOUR)
    assert t.db.read_now(lambda conn: usage(conn, month(t))) == []
    assert t.refused(lambda tx: usage(tx.conn, "März")).code == "invalid"


def test_nobody_is_called_while_the_form_is_only_open(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    opened(t, at(t, "松江仓"), item="C-001", place="SJ-A-1", missing="12")
    t.clock.advance(48 * HOUR)
    assert t.do(fire) == 0
    assert t.tasks("transfer") == []
