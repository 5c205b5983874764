"""Picking a claimed wave without any network, on the page: the path, the hard stop, a short pick.

The wave's pack stands on the device as the server sends it; what is told afterwards is read from
the queue. The flow behind it is tested beside its own code.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.web.house import BOX, UNIT, Gun, label

pytestmark = pytest.mark.sqlite  # about the page


def line(step: int, place: str, item: str, quantity: str, codes: dict[str, str]) -> dict[str, Any]:
    return {
        "id": f"l{step}",
        "step": step,
        "version": 1,
        "bin": place,
        "item_code": item,
        "item_name": item,
        "unit": "盒",
        "lot": "",
        "expires_on": "",
        "tracking": "none",
        "quantity": quantity,
        "picked": "0",
        "state": "open",
        "order_code": "XS-0301",
        "barcodes": [{"code": code, "per_scan": each} for code, each in codes.items()],
    }


WAVE = {
    "wave": {"id": "w1", "code": "BC-1", "version": 1, "carrier": "顺丰", "cut_off": "16:00"},
    "short_reasons": [{"key": "empty", "label": "库位是空的"}],
    "lines": [
        line(2, "ZJ-B-03-1", "JL-101", "3", {UNIT["JL-101"]: "1"}),
        line(1, "ZJ-A-01-1", "JL-001", "24", {BOX["JL-001"]: "12"}),
    ],
}


def test_a_claimed_wave_is_picked_without_a_network(gun: Gun) -> None:
    gun.page.evaluate(PUT_PACK, WAVE)
    gun.page.reload()
    gun.sees("扫任意码开始")
    gun.offline()
    gun.page.evaluate("location.hash = '#/pick/t1'")
    place = gun.page.locator("[data-test=bin]")
    expect(place).to_have_text("ZJ-A-01-1")
    gun.scan(label("JL-001"))
    gun.says("error", "先扫库位 ZJ-A-01-1")
    gun.scan("ZJ-A-01-1")
    gun.scan(label("JL-001"))
    gun.scan(UNIT["JL-101"])
    expect(gun.page.locator("#stop")).to_contain_text("货错")
    gun.scan(label("JL-001"))  # heard, but nothing counts before somebody has seen the stop
    gun.tap("知道了")
    gun.sees("12 / 24")
    gun.scan(label("JL-001"))
    expect(place).to_have_text("ZJ-B-03-1")
    gun.scan("ZJ-B-03-1")
    gun.scan(UNIT["JL-101"])
    gun.tap("货不够")
    gun.tap("库位是空的")
    gun.tap("记短拣 1 盒")
    gun.sees("这一波拣完了")
    told = [each["op"] for each in json.loads(gun.page.evaluate(QUEUE))]
    assert [(each["flow"], each["action"]) for each in told] == [
        ("pick", "pick"),
        ("pick", "short"),
    ]
    goods = label("JL-001")
    assert told[0]["inputs"] == {
        "line_id": "l1",
        "quantity": "24",
        "scanned": {"bin": "ZJ-A-01-1", "goods": goods},
    }
    assert told[1]["inputs"] == {"line_id": "l2", "quantity": "1", "reason": "empty"}


PUT_PACK = """pack => new Promise(done => {
  const open = indexedDB.open('jieli');
  open.onsuccess = () => {
    const tx = open.result.transaction('shelf', 'readwrite');
    tx.objectStore('shelf').put({id: 'pack/pick/t1', kind: 'pack', key: 'pick/t1', at: 1,
      value: {flow: 'pick', data: pack}});
    tx.oncomplete = () => { open.result.close(); done(); };
  };
})"""

QUEUE = """() => new Promise(done => {
  const open = indexedDB.open('jieli');
  open.onsuccess = () => {
    const all = open.result.transaction('ops').objectStore('ops').getAll();
    all.onsuccess = () => { open.result.close();
      done(JSON.stringify(all.result.filter(each => each.state === 'waiting'))); };
  };
})"""
