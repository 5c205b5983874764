"""The door of labels: who may print, what a file is called, and refusals one can act on.

That scanners read what is printed: tests/pda/test_printed.py.
"""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from core import catalog
from core.catalog import NewItem, NewLocation
from core.db import Tx
from core.people import ENGINE
from tests.api.room import Room
from tests.pda.printers import decoded, rasterised, tspl_printer, zpl_printer


async def ask(room: Room, login: str = "warehouse", **body: Any) -> httpx.Response:
    return await room.http.post("/api/labels", json=body, headers=room.auth(login))


async def ok(room: Room, **body: Any) -> httpx.Response:
    answer = await ask(room, **body)
    assert answer.status_code == 200, answer.text
    return answer


def name_of(answer: httpx.Response) -> str:
    return unquote(answer.headers["content-disposition"].partition("UTF-8''")[2])


def refused(answer: httpx.Response, code: str) -> str:
    """The sentence of a refusal."""
    assert answer.json()["code"] == code, answer.text
    return str(answer.json()["detail"])


@pytest.fixture
def lots(room: Room) -> dict[str, int]:
    """Two lots of milk, and a bin with a name no file may carry."""

    def command(tx: Tx) -> dict[str, int]:
        milk = room.ids.items["MILK"]
        house = room.ids.warehouses["N"]
        odd = NewLocation('冷藏/3:"*', "bin", warehouse_id=house)
        return {
            "L-7": catalog.ensure_lot(tx, milk, "L-7", expires_on="2026-12-31"),
            "L-8": catalog.ensure_lot(tx, milk, "L-8"),
            "odd": catalog.add_location(tx, ENGINE, odd),
        }

    return room.jieli.db.write_now(command)


FILES = [
    ("pdf", "application/pdf", b"%PDF-"),
    ("png", "image/png", b"\x89PNG"),
    ("zpl", "text/plain; charset=us-ascii", b"^XA"),
    ("tspl", "application/octet-stream", b"SIZE 60 mm,40 mm\r\n"),
]


@pytest.mark.parametrize(("format", "media", "begins"), FILES)
async def test_a_label_comes_as_a_file_with_a_name(
    room: Room, format: str, media: str, begins: bytes
) -> None:
    answer = await ok(room, kind="bin", codes=["N-A1"], format=format)
    assert answer.headers["content-type"] == media
    assert answer.content.startswith(begins)
    assert name_of(answer) == f"库位标签-N-A1-60x40.{format}"
    assert 'filename="labels.' in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_many_labels_come_in_the_order_they_were_asked_for(
    room: Room, lots: dict[str, int]
) -> None:
    ids = [lots["L-8"], lots["L-7"]]
    answer = await ok(room, kind="lot", ids=ids, format="zpl", copies=3, size="50x30", dpi=300)
    assert name_of(answer) == "批次标签-2张-50x30.zpl"
    papers = zpl_printer(answer.content)
    read = [paper.codes[0][1] for paper in papers]
    assert read == ["J1:IMILK:LL-8", "J1:IMILK:LL-7:E20261231"]
    assert [paper.copies for paper in papers] == [3, 3]
    assert papers[0].picture.size == (590, 354)
    pages = rasterised((await ok(room, kind="lot", ids=ids, copies=3)).content)
    assert [decoded(page).text for page in pages] == [read[0]] * 3 + [read[1]] * 3
    answer = await ok(room, kind="lot", ids=ids, format="png")
    assert name_of(answer) == "批次标签-2张-60x40.zip"
    archive = zipfile.ZipFile(BytesIO(answer.content))
    assert archive.namelist() == ["001-L-8.png", "002-L-7.png"]


async def test_a_file_name_is_one_everywhere(room: Room, lots: dict[str, int]) -> None:
    answer = await ok(room, kind="bin", ids=[lots["odd"]], format="png")
    assert name_of(answer) == "库位标签-冷藏_3-60x40.png"


async def test_what_can_be_printed(room: Room, lots: dict[str, int]) -> None:
    milk = room.ids.items["MILK"]
    for body in (
        {"kind": "item", "ids": [milk]},
        {"kind": "item", "codes": ["BOLT", "MILK"], "symbology": "qr"},
        {"kind": "lot", "codes": ["L-7"], "item_id": milk},
        {"kind": "serial", "codes": ["SN-1", "SN-2"], "item_id": room.ids.items["BOLT"]},
        {"kind": "box", "item_id": milk, "count": "24"},
        {"kind": "box", "ids": [lots["L-7"]], "count": "2.5"},
        {"kind": "bin", "codes": ["N-A1"], "arrow": "up", "symbology": "datamatrix"},
        {"kind": "bin", "codes": ["N-A1"], "sheet": "a4"},
        {"kind": "bin", "codes": ["N-A1"], "size": "25x20", "symbology": "qr"},
    ):
        await ok(room, **body)


async def test_a_screen_shows_the_label_dot_for_dot(room: Room) -> None:
    query = {"kind": "bin", "code": "N-A1", "size": "50x30", "dpi": 300}
    shown = await room.get("warehouse", "/api/labels/preview.png", **query)
    assert shown.status_code == 200, shown.text
    assert shown.headers["content-type"] == "image/png"
    printed = await ok(room, kind="bin", codes=["N-A1"], size="50x30", dpi=300, format="png")
    assert shown.content == printed.content
    nothing = await room.get("warehouse", "/api/labels/preview.png", kind="bin")
    assert "至少选一样" in refused(nothing, "invalid")


# -- refusals ------------------------------------------------------------------------------------
async def test_only_who_may_print_does(room: Room) -> None:
    for login in ("finance", "viewer", "supplier", "legal"):
        answer = await ask(room, login, kind="bin", codes=["N-A1"])
        assert "打印标签" in refused(answer, "forbidden")
    assert (await room.http.post("/api/labels", json={"kind": "bin"})).status_code == 401


async def test_bins_of_another_warehouse_are_not_printed(room: Room) -> None:
    assert (await ask(room, "north", kind="bin", codes=["N-A1"])).status_code == 200
    refused(await ask(room, "north", kind="bin", codes=["N-A1", "S-A1"]), "forbidden")
    refused(await ask(room, "north", kind="bin", ids=[room.ids.places["S-A1"]]), "forbidden")


async def test_badges_are_for_who_looks_after_people(room: Room) -> None:
    person = room.ids.people["warehouse"]
    refused(await ask(room, kind="badge", ids=[person]), "forbidden")
    sentence = refused(await ask(room, "admin", kind="badge", ids=[person]), "invalid")
    assert "还没有工牌号" in sentence
    room.jieli.db.write_now(lambda tx: _give_badge(tx, person, "B-77"))
    answer = await ask(room, "admin", kind="badge", ids=[person], format="tspl")
    assert tspl_printer(answer.content, 203)[0].codes == [("code128", "B-77")]
    room.jieli.db.write_now(lambda tx: _give_badge(tx, person, "工牌七号"))
    sentence = refused(await ask(room, "admin", kind="badge", ids=[person]), "label_unreadable")
    assert "换一个编号" in sentence


def _give_badge(tx: Tx, person_id: int, badge: str) -> None:
    from core.people import update_person

    update_person(tx, ENGINE, person_id, {"badge": badge})


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "bin", "codes": ["N-A9"]}, "not_found", "N-A9"),
    ({"kind": "lot", "ids": [99999]}, "not_found", "批次"),
    ({"kind": "bin"}, "invalid", "至少选一样"),
    ({"kind": "lot", "codes": ["L-7"]}, "invalid", "哪个货品"),
    ({"kind": "serial", "item_id": 1}, "invalid", "至少写一个"),
    ({"kind": "box", "item_id": 1}, "invalid", "一箱里装多少"),
    ({"kind": "box", "item_id": 1, "count": "-1"}, "invalid", "一箱里装多少"),
    ({"kind": "item", "codes": ["BOLT"], "pack": "箱"}, "not_found", "BOLT 箱"),
    ({"kind": "bin", "codes": ["N-A1"], "size": "10x10"}, "invalid", "20×15 到 160×200"),
    ({"kind": "bin", "codes": ["N-A1"], "copies": 500, "ids": [1]}, "too_many_labels", "500"),
    (
        {"kind": "bin", "codes": ["N-DOCK"], "size": "20x15", "symbology": "code128"},
        "label_too_small",
        "换大一号",
    ),
]


@pytest.mark.parametrize(("body", "code", "words"), REFUSED, ids=range(len(REFUSED)))
async def test_a_refusal_says_what_to_do(
    room: Room, body: dict[str, Any], code: str, words: str
) -> None:
    assert words in refused(await ask(room, **body), code)


async def test_one_that_does_not_fit_stops_all(room: Room) -> None:
    """Half a print run on the floor is worse than none."""
    long = NewItem("X" * 64, "很长的编号")
    room.jieli.db.write_now(lambda tx: catalog.add_item(tx, ENGINE, long))
    body: Any = {"kind": "item", "codes": ["BOLT", long.code], "size": "50x30", "format": "zpl"}
    answer = await ask(room, **body, symbology="code128")
    assert "X" * 64 in refused(answer, "label_too_small")
    answer = await ok(room, **body)
    kinds = [paper.codes[0][0] for paper in zpl_printer(answer.content)]
    assert kinds == ["code128", "datamatrix"], "left to us, the long one is a matrix"


async def test_500_labels_at_once(room: Room) -> None:
    codes = [f"N-B{number:03}" for number in range(500)]
    house = room.ids.warehouses["N"]
    many = [NewLocation(code, "bin", warehouse_id=house) for code in codes]
    room.jieli.db.write_now(lambda tx: catalog.add_locations(tx, ENGINE, many))
    answer = await ok(room, kind="bin", codes=codes, format="tspl", size="40x30")
    assert [paper.codes[0][1] for paper in tspl_printer(answer.content, 203)] == codes
    assert "一次最多 500 张" in refused(
        await ask(room, kind="bin", codes=codes, copies=2), "too_many_labels"
    )
