"""The one-tap form on the scanner: opened from the screen, changed, launched, filled anew."""

from __future__ import annotations

from typing import Any

import pytest_asyncio

from core import catalog
from core.db import Tx
from core.orders.transfer_book import transfers
from core.people import ENGINE
from core.quantity import ONE
from core.shortcuts.facts import Situation
from core.shortcuts.launch import Open, open_form
from core.stock import Line, Posting, post
from core.tasks.queries import Filters, board
from tests.pda.floor import MILK_BOX, Floor, Scanner
from tests.pda.test_outgoing import CARTON, sold


@pytest_asyncio.fixture
async def stocked(floor: Floor) -> Floor:
    """松江仓 has 100 cartons and 40 bases (by lot); 张江仓, where the scanner is, has none."""

    def goods(tx: Tx) -> None:
        house = catalog.add_warehouse(tx, ENGINE, "SJ", "松江仓")
        new = catalog.NewLocation("SJ-A-1", "bin", warehouse_id=house)
        place = catalog.add_location(tx, ENGINE, new)
        start = catalog.location_by_code(tx.conn, "SUPPLIER").id
        carton = catalog.item_by_code(tx.conn, "B-002").id
        syrup = catalog.item_by_code(tx.conn, "A-001").id
        lot = catalog.ensure_lot(tx, syrup, "L-1", expires_on="2026-12-31")
        lines = (
            Line(carton, 100 * ONE, start, place),
            Line(syrup, 40 * ONE, start, place, lot_id=lot),
        )
        post(tx, ENGINE, Posting("opening-sj", "opening", lines))

    floor.db.write_now(goods)
    return floor


def shown(screen: dict[str, Any]) -> dict[str, str]:
    return {each["key"]: each["value"] for each in screen["data"]["fields"]}


def asked(floor: Floor) -> list[tuple[str, int, bool]]:
    """Reason, micro and urgency of every transfer, newest first."""
    found = floor.db.read_now(transfers)
    return [(each.reason, each.lines[0].quantity // ONE, each.urgent) for each in found]


async def test_from_the_item_on_the_screen_two_taps(stocked: Floor, gun: Scanner) -> None:
    looked = await gun.scan(CARTON)
    assert "urgent" in looked["data"]["actions"]
    form = await gun.scan(CARTON, flow="urgent")
    assert (form["flow"], form["next_state"], form["ok"]) == ("urgent", "form", True)
    assert form["data"]["ready"]
    assert (shown(form)["to"], shown(form)["from"]) == ("ZJ", "SJ")
    assert "会推送给" in form["data"]["sentence"]
    done = await gun.tap("launch", form)
    assert (done["next_state"], done["ok"]) == ("done", True)
    assert done["message"]["text"].startswith("已发起紧急调拨 TR-0302-")
    assert asked(stocked) == [("张江仓可用只剩 0 件", 1, True)]
    while "transfer" not in {each["kind"] for each in gun.inbox.values()}:
        await gun.hear()


async def test_from_a_short_pick_with_how_much_is_missing(stocked: Floor, gun: Scanner) -> None:
    wish = {"item": "A-001", "place": "A-01", "missing": "30"}
    form = await gun.tap("open", {"flow": "urgent", "next_state": "", "context": {}}, **wish)
    assert (shown(form)["quantity"], shown(form)["unit"]) == ("3", "箱")
    quantity = next(each for each in form["data"]["fields"] if each["key"] == "quantity")
    assert (quantity["text"], quantity["why"]) == ("3 箱 = 36 件", "缺 30 件，凑成整包")
    done = await gun.tap("launch", form, values={"quantity": "2"})
    assert done["ok"], done
    assert asked(stocked) == [("现场（A-01）缺 30 件", 24, True)]


async def test_a_short_pick_offers_it_with_everything_filled(stocked: Floor, gun: Scanner) -> None:
    """Fifty of sixty cartons are in the bin: the rest is asked of 松江仓 by two taps, no typing."""
    stocked.db.write_now(lambda tx: _shelve(tx, 60))
    wave = sold(stocked, ("B-002", 60))
    walk = await gun.scan(wave.code)
    stop = walk["data"]["lines"][0]
    short = await gun.tap("short", walk, line_id=stop["id"], quantity="50", reason="missing")
    assert short["data"]["urgent"] == {"item": "B-002", "place": "B-01", "missing": "10"}
    opening = {"flow": "urgent", "next_state": "", "context": {}}
    form = await gun.tap("open", opening, **short["data"]["urgent"])
    assert form["data"]["ready"]
    assert (shown(form)["to"], shown(form)["quantity"]) == ("ZJ", "10")
    assert (await gun.tap("launch", form))["next_state"] == "done"
    assert asked(stocked) == [("现场（B-01）缺 10 件", 10, True)]


async def test_the_buyers_question_about_an_order_says_what_it_lacks(
    stocked: Floor, gun: Scanner
) -> None:
    """A supervisor looks at 缺货: the same form, filled from the customer's order."""
    stocked.db.write_now(lambda tx: _shelve(tx, 5))
    sold(stocked, ("B-002", 30))
    boss = stocked.person("boss")
    found = stocked.db.read_now(lambda conn: board(conn, Filters(kinds=("shortage",)))).tasks
    form = stocked.db.write_now(
        lambda tx: open_form(
            tx, boss, Open("form-0001", "urgent_transfer", Situation(task_id=found[0].task.id))
        )
    )
    assert (form.value("item"), form.value("to"), form.value("quantity")) == ("B-002", "ZJ", "25")


def _shelve(tx: Tx, pieces: int) -> None:
    source = catalog.location_by_code(tx.conn, "SUPPLIER").id
    carton = catalog.item_by_code(tx.conn, "B-002").id
    place = catalog.location_by_code(tx.conn, "B-01").id
    line = Line(carton, pieces * ONE, source, place)
    post(tx, ENGINE, Posting("opening-zj", "opening", (line,)))


async def test_a_place_and_an_item_fill_it_anew(stocked: Floor, gun: Scanner) -> None:
    here = await gun.scan("A-02", flow="urgent")
    assert here["next_state"] == "start"
    form = await gun.scan(CARTON, here)
    place = next(each for each in form["data"]["fields"] if each["key"] == "to")
    assert place["why"] == "你站在 A-02"
    typed = await gun.tap("set", form, values={"reason": "装车在等", "quantity": "7", "unit": "件"})
    assert (shown(typed)["reason"], shown(typed)["quantity"]) == ("装车在等", "7")
    assert typed["data"]["run_id"] == form["data"]["run_id"]
    other = await gun.scan(MILK_BOX, typed)
    assert (shown(other)["item"], shown(other)["unit"]) == ("A-001", "箱")
    dropped = await gun.tap("drop", other)
    assert (dropped["next_state"], dropped["context"]) == ("start", {})
    assert asked(stocked) == []


async def test_somebody_was_faster_and_the_same_tap_sends_what_is_left(
    stocked: Floor, gun: Scanner
) -> None:
    rival = await stocked.scanner("li").connect()
    opening = {"flow": "urgent", "next_state": "", "context": {}}
    wish = {"item": "B-002", "place": "A-01", "missing": "80"}
    mine = await gun.tap("open", opening, **wish)
    yours = await rival.tap("open", opening, **wish, note="客户在门口")
    assert (await gun.tap("launch", mine))["ok"]
    late = await rival.tap("launch", yours)
    assert (late["next_state"], late["message"]["code"]) == ("form", "shortcut_stale")
    assert late["sound"] == "again"
    assert "现在只给得出 20 件，你要 80 件" in late["message"]["text"]
    assert (shown(late)["quantity"], shown(late)["reason"]) == ("20", "客户在门口")
    done = await rival.tap("launch", late)
    assert done["next_state"] == "done"
    assert asked(stocked) == [("客户在门口", 20, True), ("现场（A-01）缺 80 件", 80, True)]
    await rival.leave()


async def test_a_lost_answer_is_sent_again_and_nothing_twice(stocked: Floor, gun: Scanner) -> None:
    form = await gun.scan(CARTON, flow="urgent")
    frame: dict[str, Any] = {"t": "submit", "flow": "urgent", "state": "form", "action": "launch"}
    frame |= {"context": form["context"], "inputs": {}, "id": "launch-00001"}
    first = await gun.do(dict(frame))
    assert await gun.do(dict(frame)) == first
    assert len(asked(stocked)) == 1


async def test_what_nobody_has_cannot_be_sent_and_says_so(stocked: Floor, gun: Scanner) -> None:
    form = await gun.scan("D-004", flow="urgent")
    assert form["message"]["code"] == "form_open"
    assert "还差调出仓" in form["message"]["text"]
    refused = await gun.tap("launch", form)
    assert (refused["ok"], refused["message"]["code"]) == (False, "shortcut_lacking")
    assert refused["data"] is None, "the form stays as it is"
    unknown = await gun.scan("NIEMAND-1", form)
    assert unknown["message"]["code"] == "unknown_code"
