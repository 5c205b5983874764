"""A real server over the demo company, and a scanner as a person holds it: a page at 360×640.

`House` runs the whole product behind uvicorn on a free loopback port; `Gun` scans the way hardware
does (key events, text of an input method, both), taps words, and reads what the page shows.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, expect
from starlette.routing import Mount

from api.demo.company import box_gtin, seed, unit_gtin
from api.demo.data import ITEMS, PIN
from api.main import create_app
from api.sockets import LetGo
from api.web import PDA, Web
from core import people
from core.clock import ManualClock
from core.config import Settings
from core.db import Database
from core.outbox import queue
from core.people import ENGINE
from core.stock import on_hand
from core.tasks.queries import board
from core.tasks.queries import task as task_of
from core.tasks.task import Task
from tests.databases import DATABASES, MONDAY_0900

BOX = {each.code: box_gtin(each) for each in ITEMS}
UNIT = {each.code: unit_gtin(each) for each in ITEMS}
PATIENCE_MS = 10_000


def furnished() -> str:
    """The demo company's database, made once per test session; its address."""
    queue.configure("tests only")
    db = DATABASES.database(ManualClock(MONDAY_0900))
    seed(db)
    url = db.url
    db.close()
    return url


@dataclass(slots=True)
class House:
    """The running product."""

    url: str
    db: Database
    clock: ManualClock
    folder: Path
    dist: Path

    def code(self, name: str = "3号枪") -> str:
        """What a supervisor shows to bind one more scanner."""
        return self.db.write_now(lambda tx: people.make_enrol_code(tx, ENGINE, name))

    def stock(self, item: str) -> dict[tuple[str, str], int]:
        """(place, status) → quantity of an item in whole units, without the opening lot."""
        rows = self.db.read_now(lambda conn: on_hand(conn, limit=500))
        found: dict[tuple[str, str], int] = {}
        opening = self.opening_lot(item)
        for row in rows:
            if row.item_code == item and not (row.lot_code and row.lot_code == opening):
                key = (row.location_code, row.status)
                found[key] = found.get(key, 0) + row.on_hand // 1_000_000
        return found

    def boss(self) -> people.Actor:
        """李强, the supervisor."""
        found = self.db.read_now(lambda conn: people.person_by_login(conn, "liqiang"))
        assert found is not None
        return self.db.read_now(lambda conn: people.actor_of(conn, found.id, "desk"))

    def tasks(self) -> list[Task]:
        """Every live task of everybody."""
        page = self.db.read_now(lambda conn: board(conn, limit=200))
        return [view.task for view in page.tasks]

    def task(self, task_id: str) -> Task:
        """A task as it stands."""
        return self.db.read_now(lambda conn: task_of(conn, task_id))

    def photos(self) -> list[str]:
        """Digests of the pictures the server keeps."""
        return [path.name for path in self.folder.rglob("*") if path.is_file()]

    def opening_lot(self, item: str) -> str | None:
        """The lot that stood there before anything was scanned."""
        rows = self.db.read_now(lambda conn: on_hand(conn, limit=500))
        lots = sorted(row.lot_code for row in rows if row.item_code == item and row.lot_code)
        opening = [lot for lot in lots if lot.startswith("L2")]
        return opening[0] if opening else None


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """A thread has none."""


@contextmanager
def serving(seeded: str, folder: Path, dist: Path = PDA) -> Iterator[House]:
    """The product over a fresh copy of `seeded`, until the test is done; the app from `dist`."""
    clock = ManualClock(MONDAY_0900)
    url = DATABASES.copy(seeded)
    settings = Settings(
        database_url=url, files_dir=folder, engine=False, sqlite_synchronous="OFF", _env_file=None
    )
    app = create_app(settings, clock)
    pda = next(each for each in app.router.routes if getattr(each, "path", "") == "/pda")
    assert isinstance(pda, Mount)
    pda.app = Web(dist)
    try:
        with listening(app) as address:
            yield House(address, app.state.jieli.db, clock, folder, dist)
    finally:
        DATABASES.drop(url)


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """The app behind uvicorn on a free loopback port, until the end of the block; its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)  # who comes before the server is up waits in line
    config = uvicorn.Config(app, log_level="error", ws=LetGo, ws_max_size=65_536, lifespan="on")
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@dataclass(slots=True)
class Gun:
    """One scanner in one person's hand."""

    house: House
    context: BrowserContext
    page: Page
    strange_hosts: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @staticmethod
    def take(house: House, browser: Browser, *, origin: str = "", **options: Any) -> Gun:
        """A fresh device with the page open."""
        shape: dict[str, Any] = {"viewport": {"width": 360, "height": 640}, "locale": "zh-CN"}
        shape |= {"has_touch": True, "device_scale_factor": 2} | options
        context = browser.new_context(**shape)
        context.set_default_timeout(PATIENCE_MS)
        gun = Gun(house, context, context.new_page())
        gun.watch(gun.page)
        gun.context.add_init_script(f"({NOTE_KEYS})(); ({DEAD_AIR})()")
        gun.page.goto(f"{origin or house.url}/pda/")
        return gun

    def watch(self, page: Page) -> None:
        """Keep what the page must never do: talk to other hosts, throw."""
        ours = self.house.url.removeprefix("http://127.0.0.1")  # by whatever name
        page.on(
            "request",
            lambda request: (
                None
                if f"{ours}/" in request.url or request.url.startswith(("data:", "blob:"))
                else self.strange_hosts.append(request.url)
            ),
        )
        page.on("pageerror", lambda problem: self.errors.append(str(problem)))

    # -- scanning --------------------------------------------------------------------------------
    def scan(self, code: str, how: str = "burst") -> None:
        """Pull the trigger: keys · altkeys · text · both are what hardware sends; burst is key
        events in one go, for tests that are about something else."""
        if how == "burst":
            self.page.evaluate(BURST, code)
            return
        if how == "text":
            self.page.keyboard.insert_text(code)
            self.page.wait_for_timeout(150)  # an input method sends no Enter; the page waits 80 ms
            return
        modifiers = 1 if how == "altkeys" else 0
        keys = [_key(letter, modifiers) for letter in code]
        text: list[tuple[str, dict[str, Any]]] = []
        if how == "both":  # keys that only listeners see, and the text beside them
            keys = [{name: key[name] for name in key if "ext" not in name} for key in keys]
            text = [("Input.insertText", {"text": code})]
        calls = [
            ("Input.dispatchKeyEvent", key | {"type": kind})
            for key in [*keys, _ENTER]
            for kind in ("keyDown", "keyUp")
        ]
        self._send(text + calls)

    def longest_gap(self) -> float:
        """Milliseconds between two keys of the last burst: a machine that stalls sends no scan."""
        found: float = self.page.evaluate(GAP)
        return found

    def _send(self, calls: list[tuple[str, dict[str, Any]]]) -> None:
        """As fast as hardware: all of it is on its way before the first is answered."""
        wire = self.context.new_cdp_session(self.page)

        async def send() -> None:
            impl: Any = wire._impl_obj
            await asyncio.gather(*(impl.send(method, facts, None) for method, facts in calls))

        self.page._sync(send())
        wire.detach()

    # -- reading and tapping ---------------------------------------------------------------------
    def tap(self, words: str) -> None:
        """Tap the key with exactly these words (or that begins with them)."""
        self.page.get_by_role("button", name=words).first.click()

    def type(self, digits: str) -> None:
        """Enter a number on the pad."""
        pad = self.page.locator(".number")
        for digit in digits:
            pad.locator(".keys").get_by_role("button", name=digit, exact=True).click()
        pad.get_by_role("button", name="完成").click()

    def sees(self, words: str) -> None:
        """Until these words are on the screen."""
        expect(self.page.get_by_text(words).first).to_be_visible()

    def says(self, level: str, words: str) -> None:
        """Until the band says these words, in that colour."""
        expect(self.page.locator(f"#band.{level}")).to_contain_text(words)

    def band(self, level: str = "") -> str:
        """What the band says, once it says something of that level."""
        node = self.page.locator(f"#band.{level}" if level else "#band")
        expect(node).to_be_visible()
        return node.inner_text()

    def kept(self, kind: str, field: str, value: object) -> None:
        """Until the device's disk holds it: what a dead battery cannot take any more."""
        self.until(ON_DISK, [kind, field, value])

    def until(self, asks: str, arg: object = None) -> None:
        """Until an async question to the page is answered yes.

        Playwright's own `wait_for_function` takes any promise for a yes, and asks a second time
        by `eval`, which the page forbids.
        """
        answered: bool = self.page.evaluate(UNTIL % asks, arg)
        assert answered, asks

    def in_charge(self) -> None:
        """Until the service worker has this page: from now on it opens without a network."""
        self.until("() => navigator.serviceWorker.controller !== null")

    def offline(self, off: bool = True) -> None:
        """Take the network away, or give it back.

        Chromium tells the page first: a socket that is being opened would bring it online again,
        and so would a frame that is under way (DEAD_AIR).
        """
        strip = expect(self.page.locator("#strip"))
        if off:
            strip.to_contain_text(re.compile("在线|弱网"))
        self.context.set_offline(off)
        if off:
            strip.to_contain_text("离线")
        else:
            strip.not_to_contain_text("离线")

    def settled(self) -> None:
        """Until nothing waits to be sent: by the device's disk, the strip may be a blink behind."""
        self.until(NOTHING_WAITS)
        expect(self.page.locator("#strip")).not_to_contain_text("离线")
        expect(self.page.locator("#strip")).not_to_contain_text("待传")

    def photos_up(self) -> None:
        """Until every photo hangs where it belongs, by the device's disk."""
        self.until(PHOTOS_DONE)

    def begin(self, badge: str = "B1001") -> Gun:
        """Bind the device and sign in: no keyboard, the pad only."""
        self.sees("登记这台扫码枪")
        self.scan(self.house.code())
        self.sees("扫工牌")
        self.scan(badge)
        for digit in PIN:
            self.page.get_by_role("button", name=digit, exact=True).click()
        self.tap("开始作业")
        self.sees("扫任意码开始")
        return self

    def switches(self) -> int:
        """How many times the page was switched since it was loaded."""
        found: int = self.page.evaluate("history.length")
        return found

    def leave(self) -> None:
        """Put the scanner away; nothing odd may have happened."""
        self.context.close()
        assert self.strange_hosts == [], "the page talks to nobody else"
        assert self.errors == [], "the page threw"


_ENTER: dict[str, Any] = {"key": "Enter", "code": "Enter", "text": "\r"}
_ENTER |= {"windowsVirtualKeyCode": 13}


def _key(letter: str, modifiers: int) -> dict[str, Any]:
    key = {"key": letter, "text": letter, "unmodifiedText": letter, "modifiers": modifiers}
    return key | ({"windowsVirtualKeyCode": ord(letter.upper())} if letter.isalnum() else {})


UNTIL = """async arg => {
  const asks = %s;
  for (const end = Date.now() + 10000; Date.now() < end; ) {
    if (await asks(arg)) return true;
    await new Promise(resolve => setTimeout(resolve, 30));
  }
  return false;
}"""

PHOTOS_DONE = """() => new Promise(resolve => {
  const open = indexedDB.open('jieli');
  open.onsuccess = () => {
    const all = open.result.transaction('photos').objectStore('photos').getAll();
    all.onsuccess = () => { open.result.close();
      resolve(all.result.every(row => row.state === 'done')); };
  };
})"""

NOTHING_WAITS = """() => new Promise(resolve => {
  const open = indexedDB.open('jieli');
  open.onsuccess = () => {
    const all = open.result.transaction('ops').objectStore('ops').getAll();
    all.onsuccess = () => { open.result.close();
      resolve(all.result.every(row => row.state !== 'waiting')); };
  };
})"""

ON_DISK = """([kind, field, value]) => new Promise(resolve => {
  const open = indexedDB.open('jieli');
  open.onsuccess = () => {
    const all = open.result.transaction('shelf').objectStore('shelf').getAll();
    all.onsuccess = () => { open.result.close();
      resolve(all.result.some(row => row.kind === kind && row.value[field] === value)); };
  };
})"""


# Nothing is heard once the page knows that its network is gone; it comes with the network, as TCP
# does it.
DEAD_AIR = """() => {
  window.WebSocket = class extends WebSocket {
    constructor(...where) {
      super(...where);
      const late = [];
      this.addEventListener('message', event => {
        if (navigator.onLine) return;
        event.stopImmediatePropagation();
        late.push(event.data);
      });
      window.addEventListener('online', () => {
        for (const data of late.splice(0))
          this.dispatchEvent(new MessageEvent('message', { data }));
      });
    }
  };
}"""

NOTE_KEYS = """() => { window.__keys = []; document.addEventListener('keydown', event => {
  if (event.isTrusted) window.__keys.push(event.timeStamp); }, true); }"""

GAP = """() => { const at = window.__keys.splice(0);
  return at.slice(1).reduce((most, each, n) => Math.max(most, each - at[n]), 0); }"""

# Stamped as hardware stamps it: where the page stalls between two keys, the gun did not.
BURST = """code => {
  const timeStamp = performance.now();
  for (const key of [...code, 'Enter']) document.activeElement.dispatchEvent(Object.defineProperty(
    new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}), 'timeStamp',
    {value: timeStamp}));
}"""


def label(item: str, lot: str = "L-7", use_by: str = "271231") -> str:
    """GS1 as a wedge sends it: goods, expiry, lot."""
    return f"01{BOX[item]}17{use_by}10{lot}"
