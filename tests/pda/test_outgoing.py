"""Picking, packing and handing over on a scanner: by scans, and by facts told later."""

from __future__ import annotations

from typing import Any

import pytest

from core import catalog
from core.catalog import NewPartner
from core.db import Tx
from core.orders.sales.book import Wave, sale
from core.orders.sales.order import NewSale, NewSaleLine, create_sale
from core.orders.sales.unpack import Unpack, unpack
from core.orders.sales.wave import Release, release
from core.people import ENGINE
from core.quantity import ONE
from core.stock import Line, Posting, post, prove
from tests.pda.floor import MILK_BOX, Floor, Scanner
from tests.pda.test_facts import stock, tell

CARTON = "4006381333931"
GUN = "06901234567892"


def shelve_goods(tx: Tx) -> None:
    """24 件 of syrup L-7 in A-02, 50 cartons in B-01 and 50 in A-01."""
    source = catalog.location_by_code(tx.conn, "SUPPLIER").id
    syrup, carton = (catalog.item_by_code(tx.conn, code).id for code in ("A-001", "B-002"))
    lot = catalog.ensure_lot(tx, syrup, "L-7", expires_on="2026-12-31")
    places = {code: catalog.location_by_code(tx.conn, code).id for code in ("A-01", "A-02", "B-01")}
    lines = (
        Line(syrup, 24 * ONE, source, places["A-02"], lot_id=lot),
        Line(carton, 2 * ONE, source, places["A-01"]),
        Line(carton, 50 * ONE, source, places["B-01"]),
    )
    post(tx, ENGINE, Posting("opening-0001", "opening", lines))


def sold(floor: Floor, *wanted: tuple[str, int], code: str = "SO-1") -> Wave:
    """A customer's order (item code, pieces), released to be picked."""
    boss = floor.person("boss")
    house = floor.db.read_now(lambda conn: catalog.warehouse_by_code(conn, "ZJ").id)

    def command(tx: Tx) -> Wave:
        known = catalog.partner_by_code_or_none(tx.conn, "CU-1")
        shop = NewPartner("CU-1", "徐汇便利店", "customer")
        customer = known.id if known else catalog.add_partner(tx, ENGINE, shop)
        lines = tuple(
            NewSaleLine(catalog.item_by_code(tx.conn, item).id, pieces * ONE)
            for item, pieces in wanted
        )
        new = NewSale(f"sale-{code}", code, customer, house, lines, "2026-03-02", boss.person_id)
        made = create_sale(tx, boss, new)
        return release(tx, boss, Release(f"wave-{code}", house, (made.id,)))

    return floor.db.write_now(command)


@pytest.fixture
def shelved(floor: Floor) -> Floor:
    floor.db.write_now(shelve_goods)
    return floor


async def test_a_wave_is_picked_by_scanning_bins_and_goods(shelved: Floor, gun: Scanner) -> None:
    wave = sold(shelved, ("A-001", 12), ("B-002", 2))
    answer = await gun.scan(wave.code)
    assert (answer["flow"], answer["next_state"]) == ("pick", "walk")
    bins = [line["bin"] for line in answer["data"]["lines"]]
    assert bins == ["A-01", "A-02"]
    answer = await gun.scan("A-01", answer)
    answer = await gun.scan(CARTON, answer)
    assert answer["data"]["quantity"] == "1"
    answer = await gun.scan(CARTON, answer)
    assert answer["message"]["text"] == "纸箱 2 件 从 A-01 拣出"
    answer = await gun.scan("A-02", answer)
    answer = await gun.scan(f"01{MILK_BOX}1726123110L-7", answer)
    assert answer["next_state"] == "done"
    assert stock(shelved, "A-001") == {("A-02", "ok"): 12, ("ZJ-OUT", "ok"): 12}


async def test_what_is_not_wanted_counts_nothing(shelved: Floor, gun: Scanner) -> None:
    """A wrong bin, wrong goods, a wrong lot, too many: each says what is wanted."""
    wave = sold(shelved, ("A-001", 12))
    walk = await gun.scan(wave.code)

    async def code_of(code: str, before: dict[str, Any]) -> str:
        answer = await gun.scan(code, before)
        assert (answer["ok"], answer["sound"]) == (False, "error")
        return str(answer["message"]["code"])

    assert await code_of(f"01{MILK_BOX}1726123110L-7", walk) == "bin_first"
    assert await code_of("B-01", walk) == "wrong_bin"
    there = await gun.scan("A-02", walk)
    assert await code_of(CARTON, there) == "wrong_goods"
    assert await code_of(f"01{MILK_BOX}1726123110L-8", there) == "wrong_lot"
    small = sold(shelved, ("A-001", 6), code="SO-2")
    there = await gun.scan("A-02", await gun.scan(small.code))
    assert await code_of(f"01{MILK_BOX}1726123110L-7", there) == "pick_too_much"
    assert stock(shelved, "A-001") == {("A-02", "ok"): 24}


async def test_an_offline_walk_is_told_as_facts_and_a_repeat_changes_nothing(
    shelved: Floor, gun: Scanner
) -> None:
    sold(shelved, ("A-001", 12), ("B-002", 4))
    while not (asked := [each for each in gun.inbox.values() if each["kind"] == "pick"]):
        await gun.hear()
    [task] = asked
    pack = (await tell(gun, "pick", "open", task_id=task["id"]))["data"]
    assert pack["wave"]["version"] == "3.0"
    by_bin = {line["bin"]: line for line in pack["lines"]}
    assert {"code": f"0{CARTON}", "per_scan": "1"} in by_bin["A-01"]["barcodes"]
    seen = {"bin": "A-02", "goods": f"01{MILK_BOX}1726123110L-7"}
    facts = {"line_id": by_bin["A-02"]["id"], "quantity": "12", "scanned": seen}
    first = await gun.do(_fact("pick", "p-walk-0001", facts))
    again = await gun.do(_fact("pick", "p-walk-0001", facts))
    assert first == again
    assert (first["data"]["line"]["state"], first["data"]["stops_left"]) == ("picked", 2)
    other = {**facts, "line_id": by_bin["B-01"]["id"], "quantity": "2"}
    wrong = await gun.do(_fact("pick", "p-walk-0002", other))
    assert wrong["message"]["code"] == "pick_wrong_place"
    missing = {"line_id": by_bin["A-01"]["id"], "quantity": "1", "reason": "missing"}
    short = await gun.do(_fact("short", "p-walk-0003", missing))
    assert "改从别的库位拣 1" in short["message"]["text"]
    assert [line["bin"] for line in short["data"]["lines"] if line["state"] == "open"] == [
        "B-01",
        "B-01",
    ]


def _fact(action: str, op_id: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"t": "submit", "id": op_id, "flow": "pick", "action": action, "inputs": inputs}


async def test_an_order_is_packed_piece_by_piece_and_handed_over_by_its_labels(
    shelved: Floor, gun: Scanner
) -> None:
    wave = sold(shelved, ("B-002", 2))
    walk = await gun.scan(wave.code)
    await tell(gun, "pick", "pick", line_id=walk["data"]["lines"][0]["id"], quantity="2")
    packing = await gun.scan("SO-1")
    assert (packing["flow"], packing["next_state"]) == ("pack", "box")
    wrong = await gun.scan(f"01{MILK_BOX}1726123110L-7", packing)
    assert wrong["message"]["code"] == "not_what_was_picked"
    packing = await gun.scan(CARTON, packing)
    packing = await gun.tap("close", packing, weight="1.25")
    assert packing["message"]["text"] == "箱 SO-1-1 已关。贴上箱标。"
    packing = await gun.scan(CARTON, packing)
    packing = await gun.tap("close", packing)
    assert packing["next_state"] == "ship"
    packing = await gun.scan("SO-1-2", await gun.scan("SO-1-1"))
    assert packing["message"]["text"].endswith("箱子齐了，点「交给承运商」。")
    done = await gun.tap("ship", packing, tracking="SF1")
    assert done["next_state"] == "done"
    again = await gun.scan("SO-1-1", done)
    assert again["message"]["code"] == "box_shipped"
    assert stock(shelved, "B-002") == {("B-01", "ok"): 50}
    made = shelved.db.read_now(lambda conn: sale(conn, wave.lines[0].sale_id))
    assert made.state == "shipped"
    assert shelved.db.read_now(prove).problems == ()


async def test_every_step_of_packing_finds_another_version_also_after_a_box_was_opened(
    shelved: Floor, gun: Scanner
) -> None:
    """A device makes the id of its next step from it: what was once is never again."""
    wave = sold(shelved, ("B-002", 4))
    walk = await gun.scan(wave.code)
    for line in walk["data"]["lines"]:
        await tell(gun, "pick", "pick", line_id=line["id"], quantity=line["quantity"])
    sale_id = wave.lines[0].sale_id
    boss = shelved.person("boss")

    async def version() -> str:
        opened = await tell(gun, "pack", "open", sale_id=sale_id)
        return str(opened["data"]["sale"]["version"])

    async def close() -> str:
        packing = await gun.scan(CARTON, await gun.scan("SO-1"))
        await gun.tap("close", packing)
        return await version()

    def opened(code: str) -> None:
        ask = Unpack(f"unpack-{code}", sale_id, code)
        shelved.db.write_now(lambda tx: unpack(tx, boss, ask))

    seen = [await version(), await close()]
    opened("SO-1-1")
    seen += [await version(), await close(), await close()]
    await tell(gun, "pack", "ship", sale_id=sale_id, boxes=["SO-1-2"])
    seen.append(await version())
    opened("SO-1-3")
    seen += [await version(), await close()]
    assert sorted(seen, key=int) == seen
    assert len(set(seen)) == len(seen)


async def test_only_the_pieces_that_were_picked_lie_in_the_box(floor: Floor, gun: Scanner) -> None:
    floor.db.write_now(shelve_guns)
    walk = await gun.scan(sold(floor, ("C-003", 1)).code)
    line = walk["data"]["lines"][0]["id"]
    await tell(gun, "pick", "pick", line_id=line, quantity="1", serials=["SN-1"])
    packing = await gun.scan("SO-1")
    wrong = await gun.scan(f"01{GUN}21SN-2", packing)
    assert (wrong["ok"], wrong["message"]["code"]) == (False, "serial_not_picked")
    assert wrong["data"]["box"] == []
    packing = await gun.scan(f"01{GUN}21SN-1", wrong)
    assert packing["data"]["box"][0]["serials"] == ["SN-1"]
    packing = await gun.tap("close", packing)
    assert packing["message"]["text"] == "箱 SO-1-1 已关。贴上箱标。"


def shelve_guns(tx: Tx) -> None:
    """SN-1 and SN-2 in B-01."""
    source = catalog.location_by_code(tx.conn, "SUPPLIER").id
    place, item = catalog.location_by_code(tx.conn, "B-01"), catalog.item_by_code(tx.conn, "C-003")
    line = Line(item.id, 2 * ONE, source, place.id, serials=("SN-1", "SN-2"))
    post(tx, ENGINE, Posting("opening-0002", "opening", (line,)))
