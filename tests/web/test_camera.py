"""The camera as a scanner: a picture of a label is held before it, and the goods are counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.web.conftest import chromium
from tests.web.house import UNIT, Gun, House

pytestmark = pytest.mark.sqlite  # about the page


def film(folder: Path, code: str) -> Path:
    """Half a second of a label on a bench, as a camera sees it."""
    barcode = zxingcpp.create_barcode(code, zxingcpp.BarcodeFormat.EAN13)
    bars = Image.fromarray(zxingcpp.write_barcode_to_image(barcode, scale=4))
    frame = Image.new("RGB", (640, 480), "#d9d6cf")
    frame.paste(bars.convert("RGB"), ((640 - bars.width) // 2, (480 - bars.height) // 2))
    found = folder / "label.mjpeg"
    with found.open("wb") as file:
        for _ in range(15):
            frame.save(file, "JPEG", quality=90)
    return found


def test_a_label_before_the_camera_counts_as_a_scan(house: House, tmp_path: Path) -> None:
    seen = film(tmp_path, UNIT["JL-201"])
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    flags.append(f"--use-file-for-fake-video-capture={seen}")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=flags)
        gun = Gun.take(house, browser, permissions=["camera"]).begin()
        card = gun.page.locator(".task", has_text="CG-0303")
        card.get_by_role("button", name="开始收货").click()
        gun.page.locator("h1", has_text="扫货品标签").wait_for()
        gun.tap("更多")
        gun.tap("相机扫码")
        expect(gun.page.locator("[data-test=quantity]")).to_contain_text("只", timeout=20_000)
        gun.leave()
        browser.close()
