"""Regression museum, scanning: bugs that other systems shipped, each replayed at our own door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio
from sqlalchemy import Engine, event

from core import catalog, events
from core.catalog import NewItem, ensure_lot
from core.catalog.tables import locations
from core.clock import ManualClock
from core.db import Tx
from core.orders.purchase import NewLine, NewPurchase, create_order
from core.people import ENGINE, actor_of
from core.quantity import ONE, Factor
from core.stock import on_hand
from tests.conftest import MONDAY_0900
from tests.pda.floor import MILK_BOX, SYRUP_LABEL, Floor, Scanner, open_floor, seed_template

GS = "\x1d"
CARTON = "4006381333931"
BIIP_137 = "1021072911172405310100693570007182"


@pytest.fixture(scope="module")
def seeded() -> str:
    return seed_template(ManualClock(MONDAY_0900))


@pytest_asyncio.fixture
async def floor(seeded: str, clock: ManualClock) -> AsyncIterator[Floor]:
    async with open_floor(seeded, clock) as found:
        yield found


@pytest_asyncio.fixture
async def gun(floor: Floor) -> AsyncIterator[Scanner]:
    scanner = await floor.scanner().connect()
    yield scanner
    await scanner.leave()


@pytest.mark.parametrize(
    "label",
    [
        f"{GS}01{MILK_BOX}1726123110L-7",  # odoo PR 187875: leading FNC1
        f"]C1{GS}01{MILK_BOX}1726123110L-7",  # odoo PR 163404: symbology identifier and FNC1
        f"]d201{MILK_BOX}1726123110L-7",  # odoo PR 177958: DataMatrix
        f"01{MILK_BOX}{GS}17261231{GS}10L-7",  # odoo PR 157179: separator after a fixed field
        f"10L-7{GS}01{MILK_BOX}17261231",
    ],
    ids=ascii,
)
async def test_separators_and_prefixes_read_the_same(gun: Scanner, label: str) -> None:
    line = await gun.scan(label, flow="receive")
    data = line["data"]
    assert (data["quantity"], data["lot"], data["expires_on"]) == ("12", "L-7", "2026-12-31")


async def test_an_eight_digit_lot_is_not_a_date(gun: Scanner) -> None:
    """odoo #118144: the lot 20260101 was parsed as a date and crashed."""
    line = await gun.scan(f"01{MILK_BOX}172612311020260199", flow="receive")
    assert line["data"]["lot"] == "20260199"


def _order_for_biip_137(floor: Floor, known_lot: str) -> None:
    """An order for the goods of the photographed label, which expire in 2024: no shelf life."""
    buyer = floor.person("buyer")

    def command(tx: Tx) -> None:
        house = catalog.warehouse_by_code(tx.conn, "ZJ").id
        supplier = catalog.partner_by_code(tx.conn, "S-1").id
        goods = catalog.add_item(tx, ENGINE, NewItem("E-005", "纱布", tracking="lot"))
        catalog.add_pack(tx, ENGINE, goods, "盒", Factor(1), gtin="00693570007182")
        lines = (NewLine(goods, 50 * ONE),)
        new = NewPurchase(
            "po-137-0001", "PO-137", supplier, house, lines, "2026-03-02", buyer.person_id
        )
        create_order(tx, actor_of(tx.conn, buyer.person_id, "desk"), new)
        if known_lot:
            ensure_lot(tx, goods, known_lot)

    floor.db.write_now(command)


async def test_a_label_without_fnc1_is_one_tap(floor: Floor, gun: Scanner) -> None:
    """biip #137: two readings, the right one first, one tap decides."""
    _order_for_biip_137(floor, "")
    asked = await gun.scan(BIIP_137, flow="receive")
    assert asked["next_state"] == "choose_label"
    options = asked["data"]["options"]
    assert [each["lot"] for each in options] == ["21072911", "2107291117240531"]
    line = await gun.tap("choose", asked, choice=options[0]["text"])
    assert (line["data"]["lot"], line["data"]["quantity"]) == ("21072911", "1")
    assert line["data"]["expires_on"] == "2024-05-31"


async def test_a_label_without_fnc1_and_a_known_lot_is_no_question(
    floor: Floor, gun: Scanner
) -> None:
    _order_for_biip_137(floor, "21072911")
    line = await gun.scan(BIIP_137, flow="receive")
    assert line["next_state"] == "line"
    assert line["data"]["lot"] == "21072911"


async def test_ten_scans_in_two_seconds_are_ten(gun: Scanner) -> None:
    """odoo #3564: fast scans were skipped while the interface waited for the server."""
    before: str | None = None
    for _ in range(10):
        frame = {"t": "scan", "code": CARTON} | (
            {"after": before} if before else {"flow": "receive"}
        )
        before = gun.post(frame)
    while gun.waiting:
        await gun.hear()
    assert before is not None
    assert gun.replies[before]["data"]["quantity"] == "10"
    assert sorted(int(each["data"]["quantity"]) for each in gun.replies.values()) == [*range(1, 11)]


async def test_a_doubled_scan_frame_counts_once(gun: Scanner) -> None:
    """openboxes-mobile PR 444: one pull of the trigger arrived twice."""
    line = await gun.scan(CARTON, flow="receive")
    frame = {"t": "scan", "id": "same-pull-1", "code": CARTON, "flow": "receive"}
    frame |= {"state": "line", "context": line["context"]}
    first = await gun.do(dict(frame))
    second = await gun.do(dict(frame))
    assert first == second
    assert first["data"]["quantity"] == "2"


async def test_a_doubled_confirmation_posts_once(floor: Floor, gun: Scanner) -> None:
    line = await gun.scan(CARTON, flow="receive")
    frame = {"t": "scan", "id": "same-shelf-1", "code": "B-01", "flow": "receive"}
    frame |= {"state": "line", "context": line["context"]}
    assert await gun.do(dict(frame)) == await gun.do(dict(frame))
    assert [row.on_hand for row in floor.db.read_now(on_hand)] == [ONE]


async def test_a_wrong_product_creates_nothing(floor: Floor, gun: Scanner) -> None:
    """OCA/wms PR 950: scanning a product that is not on the receipt created a line."""
    start = await gun.scan("PO-1")
    head = floor.db.read_now(events.head)
    wrong = await gun.scan("96385074", start)
    assert wrong["message"]["code"] == "not_on_order"
    assert wrong["sound"] == "error"
    assert wrong["context"] == start["context"]
    line = await gun.scan(CARTON, start)
    wrong = await gun.scan("96385074", line)
    assert wrong["message"]["code"] == "not_on_order"
    assert wrong["context"] == line["context"]
    assert floor.db.read_now(events.head) == head


async def test_a_second_scan_increments_the_row_that_began_at_zero(gun: Scanner) -> None:
    """erpnext #53589: a scan added a duplicate row and pre-filled the expected quantity."""
    start = await gun.scan("PO-1")
    opened = await gun.tap("line", start, line_id=start["data"]["lines"][1]["id"])
    assert opened["data"]["quantity"] == "0"
    one = await gun.scan(CARTON, opened)
    two = await gun.scan(CARTON, one)
    assert (one["data"]["quantity"], two["data"]["quantity"]) == ("1", "2")
    assert one["data"]["line"]["id"] == two["data"]["line"]["id"]


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every SQL statement that any engine runs meanwhile."""
    seen: list[str] = []

    def note(_c: object, _cur: object, sql: str, *_rest: object) -> None:
        seen.append(sql)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_a_scan_costs_the_same_among_15_000_places(floor: Floor, gun: Scanner) -> None:
    """odoo #8344: every scan read all 15,000 locations."""
    line = await gun.scan(SYRUP_LABEL, flow="receive")
    with statements() as few:
        line = await gun.scan(SYRUP_LABEL, line)

    def build(tx: Tx) -> None:
        house = catalog.warehouse_by_code(tx.conn, "ZJ").id
        row = {"kind": "bin", "name": "", "warehouse_id": house, "zone": "A", "active": True}
        tx.execute(locations.insert(), [row | {"code": f"Z-{n:05d}"} for n in range(15_000)])

    floor.db.write_now(build)
    with statements() as many:
        line = await gun.scan(SYRUP_LABEL, line)
    assert line["data"]["quantity"] == "36"
    assert len(many) <= len(few)
    assert len(few) <= 40
    with statements() as shelved:
        done = await gun.scan("Z-14999", line, inputs={"accepted": "36", "checks": {"temp": "4"}})
    assert done["ok"], done
    assert len(shelved) <= 150
