"""What a person must know now is on the screen, can be read, and covers nothing; real server."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from core import people
from core.people.tables import devices
from tests.web.house import UNIT, Gun, House
from tests.web.test_look import measure

pytestmark = pytest.mark.sqlite  # about the page


def test_a_scanner_that_is_stopped_in_the_hands_says_so(gun: Gun, house: House) -> None:
    gun.scan(UNIT["JL-101"])
    gun.sees("可用 480")
    [mine] = house.db.read_now(lambda conn: conn.execute(select(devices.c.id)).scalars().all())
    boss = house.boss()
    house.db.write_now(lambda tx: people.revoke_device(tx, boss, mine, "丢了"))
    card = gun.page.get_by_role("alert").filter(has_text="这台枪已停用")
    expect(card).to_contain_text("请主管重新登记")
    measure(gun, "stopped")
    strip, shown = gun.page.locator("#strip").bounding_box(), card.bounding_box()
    assert strip
    assert shown
    assert shown["y"] >= strip["y"] + strip["height"]
