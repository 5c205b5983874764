"""Every label the product prints, its scanner reads: printed, decoded from the paper, scanned.

Four kinds of printer, each kind of label, each symbology; then the scan goes through the real door.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import Connection

from api.labels.things import PREFERRED, Request, wanted
from api.labels.writing import Paper, write
from bots.pictures.labels import Size, Symbology
from core import catalog
from core.catalog import NewItem, NewLocation
from core.db import Tx
from core.errors import AppError
from core.people import ENGINE, NewPerson, add_person
from core.quantity import ONE, Factor
from pda.labels import read
from tests.pda.floor import MILK_BOX, PIN, Floor, Scanner
from tests.pda.printers import Seen, decoded, rasterised, tspl_printer, zpl_printer
from tests.pda.test_facts import tell
from tests.pda.test_outgoing import shelve_goods, sold

LARGE = Size(100, 50)
NASTY = '货^XA~"甲" 1/2\\'  # a code that would be commands to either printer
LONG = "低糖燕麦奶基料（无添加蔗糖、无香精）1kg×12 袋 张江冷链专供" * 3


def stock_up(tx: Tx) -> None:
    """Lots, awkward names, and places to label."""
    syrup = catalog.item_by_code(tx.conn, "A-001").id
    carton = catalog.item_by_code(tx.conn, "B-002").id
    house = catalog.warehouse_by_code(tx.conn, "ZJ").id
    catalog.add_pack(tx, ENGINE, carton, "托", Factor(40), gtin="012345678905")
    catalog.ensure_lot(tx, syrup, "L-7", made_on="2026-01-01", expires_on="2026-12-31")
    catalog.ensure_lot(tx, syrup, "批次 7/甲", expires_on="2026-11-30")
    catalog.ensure_lot(tx, carton, "20260101")
    catalog.ensure_lot(tx, carton, "C_7(甲)")
    catalog.add_item(tx, ENGINE, NewItem(NASTY, LONG, tracking="lot"))
    for code in ("01070356200521", NASTY, "冷藏 3 号", "4006381333931", "J1:PA-01"):
        catalog.add_location(tx, ENGINE, NewLocation(code, "bin", warehouse_id=house, zone="冷藏"))
    add_person(tx, ENGINE, NewPerson("wang", "王小二", ("warehouse",), badge="B/W-7"))


@pytest.fixture
def shelves(floor: Floor) -> Floor:
    floor.db.write_now(stock_up)
    return floor


def printed(floor: Floor, asked: Request, size: Size = LARGE) -> set[Seen]:
    """What is read from this label on every printer; also checks what the printers were told."""
    now = floor.clock.now()
    things = floor.db.read_now(lambda conn: wanted(conn, ENGINE, asked, now))
    seen: set[Seen] = set()
    for dpi in (203, 300):
        picture = Image.open(BytesIO(write(asked.kind, things, Paper("png", size, dpi)).content))
        seen.add(decoded(picture))
        zpl = write(asked.kind, things, Paper("zpl", size, dpi, copies=3)).content
        tspl = write(asked.kind, things, Paper("tspl", size, dpi, copies=3)).content
        for papers in (zpl_printer(zpl), tspl_printer(tspl, dpi)):
            assert len(papers) == 1
            assert papers[0].copies == 3
            seen.add(decoded(papers[0].picture))
            assert papers[0].codes[0][1] in {each.text for each in seen}
    (page,) = rasterised(write(asked.kind, things, Paper("pdf", size)).content)
    seen.add(decoded(page))
    return seen


# What is asked for, and what the first screen must then show.
GOODS: dict[str, tuple[Request, dict[str, str]]] = {
    "item by its GTIN": (Request("item", codes=("B-002",)), {"item_code": "B-002"}),
    "item by its own code": (Request("item", codes=("A-001",)), {"item_code": "A-001"}),
    "item by a short GTIN": (Request("item", codes=("D-004",)), {"item_code": "D-004"}),
    "item of a nasty name": (Request("item", codes=(NASTY,)), {"item_code": NASTY}),
    "box of an item": (Request("item", codes=("A-001",), pack="箱"), {"item_code": "A-001"}),
    "lot without a GTIN": (
        Request("lot", codes=("L-7",), item_id=1),
        {"item_code": "A-001", "lot": "L-7"},
    ),
    "lot of a box": (
        Request("lot", codes=("L-7",), item_id=1, pack="箱"),
        {"item_code": "A-001", "lot": "L-7"},
    ),
    "lot in Chinese": (
        Request("lot", codes=("批次 7/甲",), item_id=1, pack="箱"),
        {"item_code": "A-001", "lot": "批次 7/甲"},
    ),
    "lot that looks like a day": (
        Request("lot", codes=("20260101",), item_id=2),
        {"item_code": "B-002", "lot": "20260101"},
    ),
    "lot with an underscore": (
        Request("lot", codes=("C_7(甲)",), item_id=2),
        {"item_code": "B-002", "lot": "C_7(甲)"},
    ),
    "serial with a GTIN": (Request("serial", codes=("SN_1",), item_id=3), {"item_code": "C-003"}),
    "serial without": (Request("serial", codes=("序 1",), item_id=1), {"item_code": "A-001"}),
    "box of a lot": (
        Request("box", codes=("L-7",), item_id=1, count=24 * ONE),
        {"item_code": "A-001", "lot": "L-7"},
    ),
    "box with a GTIN": (
        Request("box", codes=("20260101",), item_id=2, count=24 * ONE),
        {"item_code": "B-002", "lot": "20260101"},
    ),
    "box of half kilos": (Request("box", item_id=1, count=ONE // 2), {"item_code": "A-001"}),
}


@pytest.mark.parametrize("symbology", list(Symbology))
@pytest.mark.parametrize("name", GOODS)
async def test_goods_scan_as_what_is_printed(
    shelves: Floor, name: str, symbology: Symbology
) -> None:
    asked, shown = GOODS[name]
    ids = {1: "A-001", 2: "B-002", 3: "C-003"}
    code = ids.get(asked.item_id or 0)
    item_id = shelves.db.read_now(lambda conn: _item_id(conn, code)) if code else None
    asked = Request(
        asked.kind,
        codes=asked.codes,
        item_id=item_id,
        pack=asked.pack,
        count=asked.count,
        symbology=symbology,
    )
    size = LARGE if symbology is not Symbology.CODE128 else Size(160, 60)
    if (name, symbology) == ("lot in Chinese", Symbology.CODE128):
        with pytest.raises(AppError, match=r"label_too_small.*改成二维码"):
            printed(shelves, asked, size)
        return
    gun = await shelves.scanner().connect()
    for seen in printed(shelves, asked, size):
        for prefix in (seen.prefix, None):
            answer = await gun.scan(seen.text, symbology=prefix)
            assert answer["next_state"] == "item", (seen, answer["message"])
            assert shown.items() <= answer["data"].items()
    await gun.leave()


def _item_id(conn: Connection, code: str) -> int:
    return catalog.item_by_code(conn, code).id


@pytest.mark.parametrize("symbology", list(Symbology))
@pytest.mark.parametrize(
    "code", ["A-01", "ZJ-DOCK", NASTY, "冷藏 3 号", "01070356200521", "4006381333931", "J1:PA-01"]
)
async def test_a_bin_scans_as_that_bin(shelves: Floor, code: str, symbology: Symbology) -> None:
    """Also one whose code is an item's barcode, a GS1 label, or looks like one of our own."""
    size = LARGE if symbology is not Symbology.CODE128 else Size(160, 60)
    gun = await shelves.scanner().connect()
    asked = Request("bin", codes=(code,), symbology=symbology, arrow="left")
    for seen in printed(shelves, asked, size):
        answer = await gun.scan(seen.text, symbology=seen.prefix)
        assert (answer["next_state"], answer["data"].get("place")) == ("place", code), seen
    await gun.leave()


@pytest.mark.parametrize("symbology", [Symbology.CODE128, Symbology.QR])
async def test_a_badge_signs_its_owner_in(shelves: Floor, symbology: Symbology) -> None:
    person = shelves.person("zhang").person_id
    (seen,) = printed(shelves, Request("badge", ids=(person,), symbology=symbology))
    scanner = Scanner(shelves, shelves.enrol(), "nobody")
    scanner.wire = await shelves.socket().__aenter__()
    scanner.wire.send({"t": "hello", "v": 1, "device_token": scanner.token, "client": "tests"})
    await scanner.take("welcome")
    scanner.wire.send({"t": "sign_in", "id": "sign-in-1", "badge": seen.text, "pin": PIN})
    assert (await scanner.take("signed_in"))["person"]["id"] == person
    await scanner.leave()


async def read_into_receiving(floor: Floor, asked: Request) -> dict[str, Any]:
    """The receiving screen after one scan of this label."""
    gun = await floor.scanner().connect()
    (seen,) = printed(floor, asked)
    line = await gun.scan(seen.text, flow="receive", symbology=seen.prefix)
    await gun.leave()
    assert line["next_state"] == "line", line
    return dict(line["data"])


async def test_a_lot_label_fills_in_lot_and_dates(shelves: Floor) -> None:
    item = shelves.db.read_now(lambda conn: _item_id(conn, "A-001"))
    own = await read_into_receiving(shelves, Request("lot", codes=("L-7",), item_id=item))
    wanted_facts = {"lot": "L-7", "made_on": "2026-01-01", "expires_on": "2026-12-31"}
    assert wanted_facts.items() <= own.items()
    assert own["quantity"] == "1"
    gs1 = Request("lot", codes=("L-7",), item_id=item, pack="箱")
    boxed = await read_into_receiving(shelves, gs1)
    assert wanted_facts.items() <= boxed.items()
    assert boxed["quantity"] == "12"


async def test_a_box_label_counts_what_is_in_it(shelves: Floor) -> None:
    item = shelves.db.read_now(lambda conn: _item_id(conn, "A-001"))
    asked = Request("box", codes=("L-7",), item_id=item, count=24 * ONE)
    assert (await read_into_receiving(shelves, asked))["quantity"] == "24"


async def test_a_serial_label_names_the_piece(shelves: Floor) -> None:
    item = shelves.db.read_now(lambda conn: _item_id(conn, "C-003"))
    asked = Request("serial", codes=("SN_1",), item_id=item)
    assert (await read_into_receiving(shelves, asked))["serials"] == ["SN_1"]


def test_what_others_read_too_is_preferred(shelves: Floor) -> None:
    """GS1 wherever there is a GTIN for it, then the bare code; our own form only for the rest."""

    def text(asked: Request) -> str:
        now = shelves.clock.now()
        (thing,) = shelves.db.read_now(lambda conn: wanted(conn, ENGINE, asked, now))
        return thing.codes[0].scanned

    syrup = shelves.db.read_now(lambda conn: _item_id(conn, "A-001"))
    carton = shelves.db.read_now(lambda conn: _item_id(conn, "B-002"))
    assert text(Request("item", codes=("B-002",))) == "0104006381333931"
    assert text(Request("item", codes=("B-002",), pack="托")) == "0100012345678905"
    assert text(Request("item", codes=("A-001",))) == "A-001"
    assert text(Request("item", codes=("A-001",), pack="箱")) == f"01{MILK_BOX}"
    boxed = Request("lot", codes=("L-7",), item_id=syrup, pack="箱")
    assert text(boxed) == f"01{MILK_BOX}112601011726123110L-7"
    single = Request("lot", codes=("L-7",), item_id=syrup)
    assert text(single) == "J1:IA-001:LL-7:M20260101:E20261231"
    box = Request("box", codes=("20260101",), item_id=carton, count=24 * ONE)
    assert text(box) == "02040063813339313724\x1d1020260101"
    link = Request("lot", codes=("20260101",), item_id=carton, symbology=Symbology.QR)
    assert text(link) == "https://id.gs1.org/01/04006381333931/10/20260101"
    assert text(Request("bin", codes=("A-01",))) == "A-01"
    assert text(Request("bin", codes=("4006381333931",))) == "J1:P4006381333931"


def test_every_kind_has_a_label() -> None:
    goods = {"bin", "item", "lot", "serial", "box", "badge"}
    assert set(PREFERRED) == goods | {"package", "wave"}


def test_an_a4_sheet_holds_every_label_in_order(shelves: Floor) -> None:
    now = shelves.clock.now()
    codes = ("A-01", "A-02", "B-01", "ZJ-DOCK", "冷藏 3 号")
    asked = Request("bin", codes=codes, symbology=Symbology.QR)
    things = shelves.db.read_now(lambda conn: wanted(conn, ENGINE, asked, now))
    paper = Paper("pdf", Size(60, 40), copies=5, sheet=True)
    pages = rasterised(write("bin", things, paper).content)
    assert [page.size for page in pages] == [(2481, 3508), (2481, 3508)]
    found: list[str] = []
    for page in pages:
        seen = zxingcpp.read_barcodes(page, text_mode=zxingcpp.TextMode.Plain)
        seen.sort(key=lambda each: (each.position.top_left.y // 100, each.position.top_left.x))
        found += [each.text for each in seen]
    places = [read(text).label.place if read(text).label else text for text in found]  # type: ignore[union-attr]
    assert places == [code for code in codes for _ in range(5)]


@pytest.mark.parametrize("symbology", [Symbology.CODE128, Symbology.QR])
async def test_the_labels_of_a_wave_and_a_box_open_their_screens(
    shelves: Floor, gun: Scanner, symbology: Symbology
) -> None:
    shelves.db.write_now(shelve_goods)
    wave = sold(shelves, ("B-002", 2))
    (seen,) = printed(shelves, Request("wave", codes=(wave.code,), symbology=symbology))
    walk = await gun.scan(seen.text)
    assert (walk["flow"], walk["data"]["wave"]["code"]) == ("pick", wave.code)
    facts = {"line_id": walk["data"]["lines"][0]["id"], "quantity": "2"}
    await tell(gun, "pick", "pick", **facts)
    packing = await gun.scan("4006381333931", await gun.scan("SO-1"))
    await gun.tap("close", await gun.scan("4006381333931", packing))
    (seen,) = printed(shelves, Request("package", codes=("SO-1-1",), symbology=symbology))
    answer = await gun.scan(seen.text)
    assert (answer["flow"], answer["data"]["scanned"]) == ("pack", ["SO-1-1"])
