"""The scanner's page in Chromium at 360×640: how soon it is there, answers a scan, shows a push.

`python -m bench.page` needs Debian's chromium and a built app (`make web`). The product runs over
the demo company in this process, the other scanners in a process of their own, Chromium in its.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

from playwright.sync_api import Browser, sync_playwright

from bench.machine import describe, percentile
from bench.scanners import Scanner
from bench.table import Gate, Result, printed
from core import people
from core.db import Tx
from core.outbox.card import Button, Card, Fact
from core.people import ENGINE, NewPerson
from core.tasks import board
from core.tasks.policies import policy_of
from core.tasks.task import NewTask
from tests.web.house import UNIT, Gun, House, furnished, serving
from tests.web.test_page import FIFTY

ROUNDS, PUSHES, CROWD = 12, 60, 200
UNIT_SCANNED = "JL-201"


def main() -> None:
    """Print the table."""
    path = which("chromium") or which("chromium-browser")
    assert path, "chromium is missing: apt-get install chromium"
    seeded = furnished()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(seeded, Path(folder)) as house,
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=path)
        lines = [*_loads(house, browser), _scans(house, browser), *_pushes(house, browser)]
        browser.close()
    print(f"machine: {describe()}")
    print(printed(lines))


# -- opening -------------------------------------------------------------------------------------
def _loads(house: House, browser: Browser) -> list[Result]:
    """First visit of a new device; a bound one without its stored shell; a bound one with it."""
    first = [_first_visit(house, browser) for _ in range(ROUNDS)]
    gun = Gun.take(house, browser).begin()
    gun.page.wait_for_function("navigator.serviceWorker.controller !== null")
    warm = [_opened(gun, lambda: None) for _ in range(ROUNDS)]
    cold = [_opened(gun, lambda: _forget_shell(gun)) for _ in range(ROUNDS)]
    gun.leave()
    return [
        _load("first visit → words on the screen", first, 1_000),
        _load("bound device, shell fetched anew → task list", cold, 1_000),
        _load("bound device, shell from the device → task list", warm, 350),
    ]


def _first_visit(house: House, browser: Browser) -> float:
    context = browser.new_context(viewport={"width": 360, "height": 640}, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{house.url}/pda/")
    page.get_by_text("登记这台扫码枪").wait_for()
    found: float = page.evaluate("performance.now()")
    context.close()
    return found


def _opened(gun: Gun, before: Callable[[], None]) -> float:
    before()
    gun.page.reload()
    gun.page.locator(".task").first.wait_for()
    found: float = gun.page.evaluate("performance.now()")
    return found


def _forget_shell(gun: Gun) -> None:
    gun.page.evaluate(FORGET)
    wire = gun.context.new_cdp_session(gun.page)
    wire.send("Network.clearBrowserCache")
    wire.detach()


def _load(what: str, taken: list[float], must: float) -> Result:
    middle = percentile(taken, 0.5)
    figure = f"p50 {middle:.0f} / max {max(taken):.0f} ms of {len(taken)}"
    return Result("page", what, figure, gates=(Gate(middle, must, unit=" ms p50"),))


# -- scanning ------------------------------------------------------------------------------------
def _scans(house: House, browser: Browser) -> Result:
    """50 scans, five a second, at a sixth of this processor: last key → sound and band."""
    gun = Gun.take(house, browser).begin()
    card = gun.page.locator(".task", has_text="CG-0303")
    card.get_by_role("button", name="开始收货").click()
    gun.page.locator("h1", has_text="扫货品标签").wait_for()
    wire = gun.context.new_cdp_session(gun.page)
    wire.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    gun.page.evaluate(FIFTY, UNIT[UNIT_SCANNED])
    spent: list[float] = gun.page.evaluate("window.__spent")
    wire.detach()
    counted = gun.page.locator("[data-test=quantity]").inner_text()
    gun.context.close()
    assert counted.startswith("50 "), counted
    p50, p99 = percentile(spent, 0.5), percentile(spent, 0.99)
    figure = f"p50 {p50:.1f} / p99 {p99:.1f} ms of 50, all counted"
    what = "scan → sound and band, processor ÷ 6, five a second"
    return Result("page", what, figure, gates=(Gate(p99, 50, unit=" ms p99"),))


# -- pushes --------------------------------------------------------------------------------------
def _pushes(house: House, browser: Browser) -> list[Result]:
    """A task opens → its card is on the screen, with 200 other scanners connected."""
    keys = [house.db.write_now(_adding(n)) for n in range(CROWD)]
    port = house.url.rpartition(":")[2]
    crowd = subprocess.Popen(
        [sys.executable, "-m", "bench.page", "crowd", port, *("|".join(key) for key in keys)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )
    assert crowd.stdout is not None
    assert crowd.stdout.readline() == "ready\n", "the crowd did not connect"
    gun = Gun.take(house, browser).begin()
    gun.page.evaluate(WATCH)
    mine = house.db.read_now(lambda conn: people.person_by_login(conn, "zhaogang"))
    assert mine is not None
    one = _pushed(house, gun, (f"person:{mine.id}",), "甲")
    all_of_them = _pushed(house, gun, ("role:warehouse",), "乙")
    gun.context.close()
    crowd.terminate()
    crowd.wait()
    said = f"of {PUSHES}, {CROWD} other scanners connected"
    return [
        _push(f"a task for one person → on his screen, {said}", one),
        _push(f"a task for all {CROWD + 2} of the warehouse → on one screen, {said}", all_of_them),
    ]


def _pushed(house: House, gun: Gun, to: tuple[str, ...], name: str) -> list[float]:
    taken = []
    for n in range(PUSHES):
        title = f"推送{name}{n:03d}号"
        begun = datetime.now(UTC).timestamp() * 1e3
        house.db.write_now(_opening(title, to))
        gun.page.wait_for_function("title => window.__shown[title] !== undefined", arg=title)
        shown: float = gun.page.evaluate("title => window.__shown[title]", title)
        taken.append(shown - begun)
    return taken


def _opening(title: str, to: tuple[str, ...]) -> Callable[[Tx], object]:
    def command(tx: Tx) -> object:
        card = Card(title, "张江仓", (Fact("谁在等", "张江仓"),), (Button("seen", "知道了"),))
        new = NewTask("unwatched", title, "bench:page", to, policy_of(tx.conn, "putaway"), card)
        return board.open_task(tx, ENGINE, new)

    return command


def _push(what: str, taken: list[float]) -> Result:
    p50, p99 = percentile(taken, 0.5), percentile(taken, 0.99)
    figure = f"p50 {p50:.0f} / p99 {p99:.0f} ms"
    return Result("page", what, figure, gates=(Gate(p99, 250, unit=" ms p99"),))


def _adding(n: int) -> Callable[[Tx], tuple[str, str]]:
    def add(tx: Tx) -> tuple[str, str]:
        person = people.add_person(tx, ENGINE, NewPerson(f"k{n}", f"库管{n}", ("warehouse",)))
        made = people.enrol_device(tx, people.make_enrol_code(tx, ENGINE, f"{n} 号枪"))
        return made.token, people.open_session(tx, person, "pda", made.device_id)

    return add


async def _crowd(port: int, keys: list[tuple[str, str]]) -> None:
    """Scanners that only hear, until somebody ends this process."""
    held = [await Scanner.connect(port, key) for key in keys]
    print("ready", flush=True)
    await asyncio.gather(*(each.hearing for each in held))


FORGET = """async () => {
  for (const each of await navigator.serviceWorker.getRegistrations()) await each.unregister();
  for (const name of await caches.keys()) await caches.delete(name);
}"""
WATCH = """() => { window.__shown = {}; new MutationObserver(() => {
  for (const each of document.querySelectorAll('.task')) {
    const found = each.textContent.match(/推送.\\d{3}号/);
    if (found && !window.__shown[found[0]]) window.__shown[found[0]] = Date.now();
  }
}).observe(document.body, {childList: true, subtree: true, characterData: true}); }"""


if __name__ == "__main__":
    if sys.argv[1:2] == ["crowd"]:
        pairs = [each.split("|") for each in sys.argv[3:]]
        asyncio.run(_crowd(int(sys.argv[2]), [(token, session) for token, session in pairs]))
    else:
        main()
