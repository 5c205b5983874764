"""P3 in small: no network, a killed page, two tabs, a refusal; and then the books are right."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from core import people
from core.audit import Filter, search
from core.catalog import location_by_code
from core.db import Tx
from core.orders.move import Move, move
from core.quantity import ONE
from core.stock import BalanceRow, on_hand
from core.tasks.queries import attachments_of
from tests.web.house import UNIT, Gun, House, label

pytestmark = pytest.mark.sqlite  # about the page; the flows behind it run on both databases


def start(gun: Gun, order: str) -> None:
    card = gun.page.locator(".task", has_text=order)
    card.get_by_role("button", name="开始收货").click()
    gun.page.locator("h1", has_text="扫货品标签").wait_for()


def one_line(gun: Gun, item: str, place: str) -> None:
    """A line without inspection: goods, bin."""
    gun.scan(UNIT[item])
    gun.scan(place)
    gun.page.locator("h1", has_text="扫货品标签").wait_for()


def test_a_line_received_without_a_network_is_booked_later_once(gun: Gun, house: House) -> None:
    start(gun, "CG-0303")
    gun.offline()
    one_line(gun, "JL-201", "ZJ-D-01-3")
    gun.says("ok", "已记录")
    expect(gun.page.locator("#strip")).to_contain_text("1 条待传")
    assert ("ZJ-D-01-3", "ok") not in house.stock("JL-201")
    gun.offline(False)
    gun.settled()
    assert house.stock("JL-201")[("ZJ-D-01-3", "ok")] == 1


def test_the_page_opens_again_without_a_network_and_nothing_is_lost(
    gun: Gun, house: House, tmp_path: Path
) -> None:
    picture = tmp_path / "torn.jpg"
    Image.new("RGB", (800, 600), "#8a1c00").save(picture)
    gun.in_charge()
    start(gun, "CG-0301")
    gun.offline()
    gun.scan(label("JL-001"))
    gun.tap("✕ 不合格")
    gun.tap("破损")
    gun.page.locator("input[type=file]").set_input_files(picture)
    expect(gun.page.locator(".thumb img")).to_be_visible()
    gun.tap("记不合格，隔离")
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    gun.page.reload()
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    expect(gun.page.locator("#strip")).to_contain_text("1 条待传")
    gun.scan(label("JL-001"))
    expect(gun.page.locator("[data-test=quantity]")).to_have_text("12 袋")
    gun.offline(False)
    gun.settled()
    assert sum(house.stock("JL-001").values()) == 12
    gun.photos_up()
    assert len(house.photos()) == 1
    decide = next(each for each in house.tasks() if each.kind == "qc_decide")
    assert len(house.db.read_now(lambda conn: attachments_of(conn, decide.id))) == 1


def test_a_photo_whose_work_was_given_up_is_hung_on_a_task_by_hand(
    gun: Gun, house: House, tmp_path: Path
) -> None:
    start(gun, "CG-0301")
    gun.offline()
    gun.scan(label("JL-001"))
    gun.tap("✕ 不合格")
    gun.tap("破损")
    picture = tmp_path / "box.jpg"
    Image.new("RGB", (800, 600), "#0b5d3b").save(picture)
    gun.page.locator("input[type=file]").set_input_files(picture)
    expect(gun.page.locator(".thumb img")).to_be_visible()
    gun.tap("记不合格，隔离")
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    roles(house, "buyer")
    gun.offline(False)
    expect(gun.page.locator("#strip")).to_contain_text("1 条被拒")
    gun.page.locator("#strip").click()
    gun.tap("放弃")
    gun.tap("已在电脑上补录")
    gun.tap("放弃")
    gun.sees("照片还没有任务")
    [line] = house.db.read_now(lambda conn: search(conn, Filter(verb="operation.abandoned")))
    assert (line.why, "低糖基料" in str(line.after)) == ("已在电脑上补录", True)
    gun.page.get_by_role("button", name="挂到任务").first.click()
    expect(gun.page.get_by_text("照片还没有任务")).to_have_count(0)
    gun.photos_up()
    assert sum(attachments(house, each.id) for each in house.tasks()) == 1


def roles(house: House, *names: str) -> None:
    """赵刚 works elsewhere from now on."""

    def command(tx: Tx) -> None:
        found = people.person_by_login(tx.conn, "zhaogang")
        assert found is not None
        people.update_person(tx, people.ENGINE, found.id, {"roles": names})

    house.db.write_now(command)


def attachments(house: House, task_id: str) -> int:
    return len(house.db.read_now(lambda conn: attachments_of(conn, task_id)))


def test_two_tabs_send_one_queue_once(gun: Gun, house: House) -> None:
    start(gun, "CG-0303")
    gun.offline()
    one_line(gun, "JL-201", "ZJ-D-01-3")
    one_line(gun, "JL-203", "ZJ-D-02-3")
    gun.in_charge()
    second = gun.context.new_page()
    gun.watch(second)
    second.goto(f"{house.url}/pda/")
    expect(second.locator("#strip")).to_contain_text("2 条待传")
    gun.context.set_offline(False)
    for page in (gun.page, second):
        expect(page.locator("#strip")).not_to_contain_text("离线")
        expect(page.locator("#strip")).not_to_contain_text("待传")
    assert house.stock("JL-201")[("ZJ-D-01-3", "ok")] == 1
    assert house.stock("JL-203")[("ZJ-D-02-3", "ok")] == 1


def colleague_takes(house: House, row: BalanceRow, amount: int) -> None:
    """Somebody else moves goods away meanwhile."""
    boss, away = house.boss(), amount * ONE
    target = house.db.read_now(lambda conn: location_by_code(conn, "ZJ-D-03-3"))
    ask = Move("p-colleague-1", row.item_id, away, row.location_id, target.id, row.lot_id or 0)
    house.db.write_now(lambda tx: move(tx, boss, ask))


def take_from(gun: Gun, source: str) -> None:
    gun.tap("移库")
    gun.page.locator("h1", has_text="扫拿货的库位").wait_for()
    gun.scan(source)
    gun.page.locator("h1", has_text="扫货品").wait_for()
    gun.scan(UNIT["JL-201"])


def test_a_refusal_is_never_silent_and_can_be_mended(gun: Gun, house: House) -> None:
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    row = next(row for row in rows if row.item_code == "JL-201")
    take_from(gun, row.location_code)
    gun.sees("这里有 20,000 只")
    colleague_takes(house, row, 19_000)
    gun.tap("改数量")
    gun.type("2000")
    gun.scan("ZJ-D-04-3")
    expect(gun.page.locator("#strip")).to_contain_text("1 条被拒")
    gun.page.locator("#strip").click()
    gun.sees("被拒")
    gun.tap("改好重发")
    gun.type("500")
    expect(gun.page.locator("#strip")).not_to_contain_text("被拒")
    gun.settled()
    assert house.stock("JL-201")[("ZJ-D-04-3", "ok")] == 500


def test_what_the_books_refuse_of_offline_work_is_a_supervisors(gun: Gun, house: House) -> None:
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    row = next(row for row in rows if row.item_code == "JL-201")
    take_from(gun, row.location_code)
    gun.sees("这里有 20,000 只")
    gun.offline()
    gun.tap("改数量")
    gun.type("2000")
    gun.scan("ZJ-D-04-3")
    gun.page.locator("h1", has_text="扫货品").wait_for()
    colleague_takes(house, row, 19_000)
    gun.offline(False)
    expect(gun.page.locator("#strip")).to_contain_text("1 条转主管")
    gun.page.locator("#strip").click()
    gun.sees("已转主管")
    sides = gun.page.locator("[data-test=sides]")
    expect(sides).to_contain_text(f"2000 只 从 {row.location_code} 到 ZJ-D-04-3")
    expect(sides).to_contain_text("1,000")
    gun.sees("等主管答复")
    assert ("ZJ-D-04-3", "ok") not in house.stock("JL-201")
    gun.tap("知道了")
    expect(gun.page.locator("#strip")).not_to_contain_text("转主管")
    assert gun.page.get_by_role("button", name="重发").count() == 0


def test_what_is_given_up_needs_a_reason_and_can_be_copied_before(gun: Gun) -> None:
    start(gun, "CG-0303")
    gun.offline()
    one_line(gun, "JL-201", "ZJ-D-01-3")
    gun.page.locator("#strip").click()
    gun.tap("导出")
    text = gun.page.locator("#export").input_value()
    assert "ZJ-D-01-3" in text
    gun.sees("待传")


def test_a_question_is_never_queued(gun: Gun) -> None:
    start(gun, "CG-0303")
    gun.scan("4000000000006")
    gun.band("error")
    assert gun.page.evaluate(QUEUED) == []


QUEUED = """() => new Promise(resolve => {
  const open = indexedDB.open('jieli');
  open.onsuccess = () => {
    const all = open.result.transaction('ops').objectStore('ops').getAll();
    all.onsuccess = () => { open.result.close(); resolve(all.result.map(row => row.op.action)); };
  };
})"""


def test_codes_nobody_here_knows_are_kept_until_there_is_a_network(gun: Gun) -> None:
    gun.offline()
    gun.scan(UNIT["JL-301"])
    gun.sees("还没认出的码")
    gun.sees(UNIT["JL-301"])
    gun.offline(False)
    gun.tap("问服务器")
    gun.sees("商用摇杯机")
