"""Urgent transfer from the scanner, one tap: filled, explained, changed, stale."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from core import catalog, people
from core.db import Tx
from core.orders.transfer_book import Transfer, transfers
from core.people import ENGINE
from core.quantity import ONE
from core.stock import Line, Posting, on_hand, post
from tests.web.house import BOX, UNIT, Gun, House
from tests.web.outbound import books_are_right, home, sold

pytestmark = pytest.mark.sqlite  # about the page; the flow behind it runs on both databases
CREAM = "JL-102"


def shelve(house: House, pieces: int, place: str = "ZJ-B-01-1", lot: str = "L-CREAM") -> None:
    """Cream that stands in 张江 for once; the rest of it is in 松江."""

    def command(tx: Tx) -> None:
        item = catalog.item_by_code(tx.conn, CREAM).id
        source = catalog.location_by_code(tx.conn, "SUPPLIER").id
        at = catalog.location_by_code(tx.conn, place).id
        lot_id = catalog.ensure_lot(tx, item, lot, expires_on="2026-07-31")
        line = Line(item, pieces * ONE, source, at, lot_id=lot_id)
        post(tx, ENGINE, Posting("opening-cream", "opening", (line,)))

    house.db.write_now(command)


def asked(house: House) -> list[Transfer]:
    return list(house.db.read_now(transfers))


def open_from_the_item(gun: Gun) -> None:
    gun.scan(UNIT[CREAM])
    gun.sees("可用 144 盒")
    gun.tap("▲ 紧急调拨")
    gun.page.locator("[data-test=preview]").wait_for()


def field(gun: Gun, key: str) -> str:
    return gun.page.locator(f"[data-field={key}]").inner_text()


def usage(house: House) -> dict[str, Any]:
    """What the server counted of the form, asked as the supervisor asks."""
    boss = house.boss()
    token = house.db.write_now(
        lambda tx: people.open_session(tx, boss.person_id, "api", minutes=60)
    )
    found = httpx.get(
        f"{house.url}/api/shortcuts/usage", headers={"Authorization": f"Bearer {token}"}
    ).json()["items"]
    one: dict[str, Any] = next(each for each in found if each["shortcut"] == "urgent_transfer")
    return one


def test_from_the_item_on_the_screen_the_form_is_filled_and_one_tap_sends_it(
    gun: Gun, house: House
) -> None:
    open_from_the_item(gun)
    assert "张江仓" in field(gun, "to")
    assert "松江冷链仓" in field(gun, "from")
    assert "可用" in field(gun, "from"), "it says why"
    expect(gun.page.locator("[data-test=preview]")).to_contain_text("会推送给")
    gun.tap("发起")
    gun.sees("已发起")
    assert len(asked(house)) == 1
    counted = usage(house)
    assert (counted["opened"], counted["launched"]) == (1, 1)
    assert counted["percent"] == 100


def test_the_field_that_is_wrong_is_touched_and_the_rest_counts_as_prefilled(
    gun: Gun, house: House
) -> None:
    for _ in range(2):
        open_from_the_item(gun)
        gun.tap("发起")
        gun.sees("已发起")
        home(gun)
    open_from_the_item(gun)
    gun.page.locator("[data-field=quantity] button").click()
    gun.type("2")
    expect(gun.page.locator("[data-field=quantity]")).to_contain_text("2 箱 = 24 盒")
    gun.tap("发起")
    gun.sees("已发起")
    assert sorted(each.lines[0].quantity // ONE for each in asked(house)) == [12, 12, 24]
    counted = usage(house)
    assert counted["launched"] == 3
    by_field = {each["field"]: each for each in counted["by_field"]}
    assert by_field["quantity"]["launched"] - by_field["quantity"]["untouched"] == 1
    assert counted["percent"] >= 90


def test_a_short_pick_offers_it_filled_with_what_is_missing(gun: Gun, house: House) -> None:
    shelve(house, 24)
    walk = sold(house, "XS-9", (CREAM, 24))
    gun.scan(walk.code)
    gun.page.locator("[data-test=bin]").wait_for()
    gun.scan("ZJ-B-01-1")
    gun.page.locator(".card .tag.ok", has_text="✓").wait_for()
    gun.scan(f"01{BOX[CREAM]}1726073110L-CREAM")
    gun.tap("货不够")
    gun.tap("库位上没有")
    gun.page.get_by_role("button", name="记短拣 12 盒").click()
    gun.page.locator("[data-test=urgent]").click()
    gun.page.locator("[data-test=preview]").wait_for()
    assert "1 箱 = 12 盒" in field(gun, "quantity")
    assert "缺" in field(gun, "quantity")
    gun.tap("发起")
    gun.sees("已发起")
    assert asked(house)[0].lines[0].quantity // ONE == 12
    assert usage(house)["percent"] == 100
    books_are_right(house)


def test_when_the_goods_are_gone_the_form_comes_back_with_what_changed(
    gun: Gun, house: House
) -> None:
    open_from_the_item(gun)
    gun.page.locator("[data-field=reason] button").first.click()
    gun.page.locator("[data-field=reason] input").fill("门店断货")
    gun.page.locator("[data-field=reason] input").press("Enter")
    expect(gun.page.locator("[data-field=reason]")).to_contain_text("门店断货")
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    cream = [row for row in rows if row.item_code == CREAM]

    def take_away(tx: Tx) -> None:
        away = catalog.location_by_code(tx.conn, "SCRAP").id
        lines, left = [], 139 * ONE
        for row in cream:
            part = min(left, row.on_hand)
            left -= part
            if part:
                lines.append(Line(row.item_id, part, row.location_id, away, lot_id=row.lot_id))
        post(tx, ENGINE, Posting("gone-cream", "scrap", tuple(lines), reason="停电"))

    house.db.write_now(take_away)
    gun.tap("发起")
    assert "没有发起" in gun.band("ask")
    expect(gun.page.locator(".was").first).to_contain_text("变了，原来是")
    assert "门店断货" in field(gun, "reason"), "what was changed is kept"
    assert asked(house) == []
    gun.tap("发起")
    gun.sees("已发起")
    assert [each.reason for each in asked(house)] == ["门店断货"]
