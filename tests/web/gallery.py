"""Pictures of every screen of the scanner's app at its real size, for docs/screens.

`python -m tests.web.gallery` drives the real server and Chromium through a day and keeps what it
sees; look at them. Not a test: the stories beside this file are.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from shutil import which

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from api.demo.selling import open_sales
from core.orders.count import OpenCount, open_count
from core.orders.sales.book import Wave, waves
from core.orders.sales.book import wave as wave_of
from core.orders.sales.pack import PackRest, pack_rest
from core.orders.sales.pick import PickRest, pick_rest
from core.orders.sales.ship import Ship, ship
from core.stock import on_hand
from tests.web.house import UNIT, Gun, House, furnished, label, serving

FOLDER = Path(__file__).parents[2] / "docs/screens"
COLOURS = 96  # flat screens need no more, and the files stay small


class Album:
    """Keeps pictures under names, in the order of the day."""

    def __init__(self, gun: Gun, prefix: str = "") -> None:
        self.gun, self.prefix, self.count = gun, prefix, 0

    def keep(self, name: str) -> None:
        self.count += 1
        picture = Image.open(BytesIO(self.gun.page.screenshot()))
        small = picture.convert("RGB").quantize(COLOURS)
        small.save(FOLDER / f"{self.prefix}{self.count:02d}-{name}.png", optimize=True)


def begin(house: House, browser: Browser, colours: str = "light") -> tuple[Gun, Album]:
    """A new scanner, from binding to its first screen."""
    gun = Gun.take(house, browser, color_scheme=colours)
    album = Album(gun, "" if colours == "light" else "dark-")
    gun.sees("登记这台扫码枪")
    if colours == "light":
        album.keep("bind")
    gun.scan(house.code())
    gun.sees("扫工牌")
    gun.scan("B1001")
    gun.page.get_by_role("button", name="2", exact=True).wait_for()
    if colours == "light":
        album.keep("sign-in")
    for digit in "2580":
        gun.page.get_by_role("button", name=digit, exact=True).click()
    gun.tap("开始作业")
    gun.sees("扫任意码开始")
    gun.page.locator(".task").first.wait_for()
    album.keep("home")
    return gun, album


def receiving(gun: Gun, album: Album) -> None:
    """Goods in: the lines, a scan, a rejection, booked."""
    card = gun.page.locator(".task", has_text="CG-0301")
    card.get_by_role("button", name="开始收货").click()
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    album.keep("receive-lines")
    gun.scan(label("JL-001"))
    gun.page.locator("[data-test=quantity]").wait_for()
    album.keep("receive-scanned")
    gun.tap("✕ 不合格")
    gun.tap("破损")
    album.keep("receive-rejected")
    gun.tap("记不合格，隔离")
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    gun.settled()
    album.keep("receive-booked")


def home(gun: Gun) -> None:
    gun.page.evaluate("location.hash = '#/'")
    gun.sees("扫任意码开始")


def moving(gun: Gun, album: Album, house: House) -> None:
    """Transfer, and a stop that must be seen."""
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    place = next(row.location_code for row in rows if row.item_code == "JL-201")
    home(gun)
    gun.tap("移库")
    gun.page.locator("h1", has_text="扫拿货的库位").wait_for()
    gun.scan(place)
    gun.page.locator("h1", has_text="扫货品").wait_for()
    gun.scan(UNIT["JL-201"])
    album.keep("transfer")
    gun.scan(label("JL-101"))
    gun.page.locator("#stop").wait_for()
    album.keep("stop")
    gun.tap("知道了")


def counting(gun: Gun, album: Album, house: House) -> None:
    """A blind count of one place."""
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    here = next(row for row in rows if row.item_code == "JL-002")
    assert here.warehouse_id is not None
    boss, ask = house.boss(), OpenCount("g-count-1", "PD-9", here.warehouse_id, (here.location_id,))
    house.db.write_now(lambda tx: open_count(tx, boss, ask))
    home(gun)
    card = gun.page.locator(".task", has_text="盘点").first
    card.get_by_role("button", name="开始盘点").click()
    gun.page.locator("h1", has_text="扫一个库位").wait_for()
    gun.scan(here.location_code)
    gun.scan(UNIT["JL-002"])
    album.keep("count")


def picking(gun: Gun, album: Album, wave: Wave) -> None:
    """A wave, bin by bin; what is wrong; what is missing."""
    home(gun)
    gun.scan(wave.code)
    place = gun.page.locator("[data-test=bin]")
    place.wait_for()
    album.keep("pick-bin")
    gun.scan(place.inner_text())
    album.keep("pick-goods")
    gun.tap("货不够")
    album.keep("pick-short")


def going(gun: Gun, album: Album, house: House, wave: Wave) -> None:
    """Packed, handed over, and back again."""
    boss = house.boss()
    sale_id = next(each.sale_id for each in wave.lines if each.sale_code == "XS-0302")
    house.db.write_now(lambda tx: pick_rest(tx, boss, PickRest("g-picked-1", wave.id)))
    home(gun)
    gun.scan("XS-0301")
    gun.page.locator("h1", has_text="XS-0301").wait_for()
    gun.scan(UNIT["JL-201"])
    album.keep("pack")
    house.db.write_now(lambda tx: pack_rest(tx, boss, PackRest("g-packed-1", sale_id)))
    home(gun)
    gun.scan("XS-0302")
    gun.sees("等交接")
    album.keep("ship")
    house.db.write_now(lambda tx: ship(tx, boss, Ship("g-gone-1", sale_id)))
    home(gun)
    gun.scan("XS-0302")
    gun.page.locator("h1", has_text="客户退货").wait_for()
    gun.scan(UNIT["JL-201"])
    album.keep("return")


def asking(gun: Gun, album: Album) -> None:
    """What an item is, and the form that arrives filled."""
    home(gun)
    gun.scan(UNIT["JL-102"])
    gun.sees("▲ 紧急调拨")
    album.keep("look-item")
    gun.tap("▲ 紧急调拨")
    gun.page.locator("[data-test=preview]").wait_for()
    album.keep("urgent")


def seldom(gun: Gun, album: Album) -> None:
    """Photo, look-up, offline, queue, settings."""
    home(gun)
    gun.scan("ZJ-D-04-1")
    gun.page.locator("h1").first.wait_for()
    album.keep("look-place")
    home(gun)
    gun.tap("更多")
    album.keep("more")
    gun.tap("拍异常")
    gun.sees("拍一张")
    album.keep("photo")
    home(gun)
    gun.offline()
    album.keep("offline")
    gun.page.locator("#strip").click()
    gun.page.wait_for_timeout(200)
    album.keep("queue")
    gun.offline(False)
    home(gun)
    gun.tap("更多")
    gun.tap("设置与自检")
    gun.page.locator("[data-test=scan-test]").wait_for()
    gun.scan(label("JL-001"))
    gun.sees("配置正确")
    album.keep("settings")


def day(house: House, browser: Browser) -> None:
    """Everything once in light, the first screens again in dark."""
    house.db.write_now(open_sales)
    wave = house.db.read_now(lambda conn: waves(conn, state="open"))[0]
    wave = house.db.read_now(lambda conn: wave_of(conn, wave.id))
    gun, album = begin(house, browser)
    steps: tuple[Callable[[], None], ...] = (
        lambda: receiving(gun, album),
        lambda: moving(gun, album, house),
        lambda: counting(gun, album, house),
        lambda: picking(gun, album, wave),
        lambda: going(gun, album, house, wave),
        lambda: asking(gun, album),
        lambda: seldom(gun, album),
    )
    for step in steps:
        step()
    gun.leave()
    night, dark = begin(house, browser, "dark")
    receiving_dark(night, dark)
    night.leave()


def receiving_dark(gun: Gun, album: Album) -> None:
    card = gun.page.locator(".task", has_text="CG-0301")
    card.get_by_role("button", name="开始收货").click()
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    gun.scan(label("JL-001"))
    gun.page.locator("[data-test=quantity]").wait_for()
    album.keep("receive-scanned")


def main() -> int:
    """Draw them anew."""
    path = which("chromium") or which("chromium-browser")
    assert path, "chromium is missing: apt-get install chromium fonts-noto-cjk"
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(furnished(), Path(folder)) as house,
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=path)
        day(house, browser)
        browser.close()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
