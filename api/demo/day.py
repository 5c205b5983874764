"""`jieli demo`: a warehouse day through the real doors, the clock moved by hand, told by lines.

A real server on loopback; scanners over WebSocket, chat through WeCom's wire format to the
simulator, buyers over REST, the supplier in the portal. Ends with `prove`. Exit code 0 means that
every step did what it says and the books are right.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import websockets
from rich.console import Console

from api.demo import replay
from api.demo.company import Seeded, box_gtin, seed
from api.demo.data import ITEMS, PEOPLE, PIN
from api.demo.handheld import Handheld, Wire
from api.demo.server import free_port, serving
from api.demo.stage import Stage
from core import people
from core.clock import HOUR, SHANGHAI, ManualClock, instant, to_datetime
from core.config import Settings
from core.ids import new_id
from core.migrations.run import upgrade
from core.stock import prove

MORNING = instant(datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI))
ALL_OK = dict.fromkeys(("package", "label", "date"), "ok")
NAMES = {each.login: each.name for each in PEOPLE}


class Day:
    """The people of the demo company at their surfaces."""

    def __init__(self, stage: Stage, clock: ManualClock, seeded: Seeded, base: str) -> None:
        self.stage, self.clock, self.seeded, self.base = stage, clock, seeded, base
        self.http = httpx.AsyncClient(base_url=base, timeout=30)
        self.story: list[str] = []
        self.console = Console(highlight=False)
        self._tokens: dict[str, str] = {}

    def tell(self, sentence: str) -> None:
        """One line of the story, with the time on the demo's clock."""
        line = f"{to_datetime(self.clock.now()):%m-%d %H:%M}  {sentence}"
        self.story.append(line)
        self.console.print(line)

    async def settle(self) -> None:
        await self.stage.jieli.engine.drain()

    async def after(self, hours: float) -> None:
        """Let time pass, stopping wherever something becomes due."""
        engine, target = self.stage.jieli.engine, self.clock.now() + int(hours * HOUR)
        await self.settle()
        while (due := await engine.next_due()) is not None and due <= target:
            self.clock.move_to(max(due, self.clock.now()))
            await self.settle()
        self.clock.move_to(target)
        await self.settle()

    async def do(self, login: str, path: str, body: Wire) -> Wire:
        """A POST that must succeed."""
        answer = await self.http.post(path, json=body, headers=self.headers(login))
        assert answer.status_code < 300, f"{path}: {answer.text}"
        await self.settle()
        made: Wire = answer.json()
        return made

    async def get(self, login: str, path: str) -> Any:
        answer = await self.http.get(path, headers=self.headers(login))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def headers(self, login: str) -> dict[str, str]:
        """An API token of this person and a fresh operation id."""
        if login not in self._tokens:
            self._tokens[login] = self.stage.jieli.db.write_now(
                lambda tx: people.open_session(
                    tx, self.seeded.people[login], "api", minutes=60 * 24 * 60
                )
            )
        key = new_id(self.clock.now())
        return {"Authorization": f"Bearer {self._tokens[login]}", "Idempotency-Key": key}

    async def scanner(self, login: str, name: str) -> Handheld:
        """Enrol a new device and sign in by badge and PIN."""
        made = await self.do("admin", "/api/devices/codes", {"name": name})
        badge = next(each.badge for each in PEOPLE if each.login == login)
        url = self.base.replace("http://", "ws://") + "/ws/pda"

        async def dial() -> websockets.ClientConnection:
            return await websockets.connect(url, compression=None)

        gun = Handheld(dial, self.clock, badge, PIN)
        await gun.enrol(made["code"])
        return gun

    def card_of(self, login: str) -> str:
        """The title of this person's newest card in WeCom."""
        views = [view for view in self.stage.simulator.pane(login) if view.kind == "template_card"]
        assert views, f"{login} got no card"
        title: str = views[-1].content["main_title"]["title"]
        return title


async def live(day: Day) -> None:
    """The story."""
    gun = await morning(day)
    await inspection(day, gun)
    await silence(day, gun)
    await afternoon(day, gun)
    await gun.drop()


async def morning(day: Day) -> Handheld:
    gun = await day.scanner("zhaogang", "3号枪")
    day.tell(f"赵刚 给 3号枪 扫二维码登记，刷工牌输 PIN；收件箱里有 {len(gun.inbox)} 件事")
    order = await day.get("wangmin", "/api/orders?limit=10")
    day.tell(f"王敏 有 {len(order['items'])} 张采购单在途")
    task = next(t for t in gun.inbox.values() if "燕麦奶" in t["title"])
    screen = await gun.submit("receive", "open", inputs={"task_id": task["id"]})
    for _ in range(10):
        code = label("JL-101", "270115", "A0302")
        screen = await gun.scan(code, flow="receive", context=screen["context"])
    day.tell(f"赵刚 连扫 10 箱燕麦奶：{screen['message']['text']}")
    shelf = screen["data"]["bins"][0]
    done = await gun.submit(
        "receive",
        "confirm",
        context=screen["context"],
        inputs={"quantity": "480", "accepted": "480", "bin": shelf["code"], "checks": ALL_OK},
    )
    assert done["ok"], done
    await day.settle()
    where = f"{shelf['code']}({shelf['why']})"
    day.tell(f"收货、质检、上架一屏完成，库位 {where}：{done['message']['text']}")
    return gun


async def inspection(day: Day, gun: Handheld) -> None:
    await gun.hear()
    task = next(t for t in gun.inbox.values() if "低糖基料" in t["title"])
    screen = await gun.submit("receive", "open", inputs={"task_id": task["id"]})
    code = label("JL-001", "270301", "B0302")
    screen = await gun.scan(code, flow="receive", context=screen["context"])
    done = await gun.submit(
        "receive",
        "confirm",
        context=screen["context"],
        inputs={"quantity": "288", "accepted": "0", "rejected": "288", "reason": "开箱发霉"},
    )
    assert done["ok"], done
    await day.settle()
    day.tell(f"低糖基料开箱发霉，全部拒收：{done['message']['text']}")
    for login in ("wangmin", "chenxi"):
        day.tell(f"  企业微信 → {NAMES[login]}：{day.card_of(login)}")
    inbox = await day.get("hengshun", "/api/tasks/inbox")
    claim = next(each for each in inbox["items"] if each["kind"] == "qc_claim")
    link = await day.do(
        "wangmin",
        f"/api/tasks/{claim['id']}/portal-link",
        {"person_id": day.seeded.people["hengshun"]},
    )
    form = {
        "generation": str(claim["generation"]),
        "action": "dispute",
        "dispute.reason": "出厂检验合格，疑为运输受潮",
    }
    page = await day.http.post(link["url"], data=form)
    assert page.status_code == 200, page.text
    await day.settle()
    day.tell("吴涛（苏州恒顺）在供应商门户答复：有异议，疑为运输受潮")


async def silence(day: Day, gun: Handheld) -> None:
    await gun.drop()  # the shift ends; the scanner goes into its cradle
    calm = len(day.stage.simulator.pane("zhoulan"))
    await day.after(hours=48)
    fresh = day.stage.simulator.pane("zhoulan")[calm:]
    climbed = [v for v in fresh if "质检" in str(v.content)]
    assert climbed, "nobody told the director"
    title = climbed[-1].content["main_title"]["title"]
    day.tell(f"48 小时无人处理 → 周岚 收到 {len(climbed)} 张升级卡片：{title}")
    await day.stage.simulator.press("zhoulan", "退回供应商")
    await day.settle()
    for login in ("zhoulan", "wangmin"):
        closed = [view for view in day.stage.simulator.pane(login) if view.grey]
        assert closed, f"the card of {login} still looks alive"
        result = closed[-1].content["main_title"].get("desc", closed[-1].grey)
        day.tell(f"  {NAMES[login]} 的卡片变灰：{result}")


async def afternoon(day: Day, gun: Handheld) -> None:
    """Transfer, blind count and issue; the scanner was away and catches up first."""
    await gun.wake_up()
    inbox = await day.get("zhaogang", "/api/tasks/inbox")
    assert set(gun.inbox) == {task["id"] for task in inbox["items"]}
    day.tell(f"3号枪 第三天重新上线，收件箱补齐：{len(gun.inbox)} 件，和服务器一条不差")
    await blind_count(day, gun)
    await urgent_transfer(day, gun)


async def blind_count(day: Day, gun: Handheld) -> None:
    """96 in the books, 90 on the shelf: two people count, a third approves."""
    code = "ZJ-A-02-1"
    ask = {
        "code": "PD-0304",
        "warehouse_id": day.seeded.warehouses["ZJ"],
        "location_ids": [day.seeded.locations[code]],
        "item_ids": [day.seeded.items["JL-002"]],
    }
    await day.do("liqiang", "/api/counts", ask)
    counted = await count_bin(day, gun, "count", code)
    day.tell(f"赵刚 盲盘 {code}，数到 90 桶：{counted['message']['text']}")
    second = await day.scanner("sunli", "5号枪")
    counted = await count_bin(day, second, "recount", code)
    done = await second.submit("count", "finish", context=counted["context"])
    assert done["ok"], done
    await day.settle()
    await second.drop()
    day.tell(f"孙丽 换人复盘，也数到 90 桶：{counted['message']['text']}")
    await day.stage.simulator.press("liqiang", "批准入账")
    await day.settle()
    stock = await day.get("liqiang", f"/api/stock?{where(day, code)}")
    left = sum(int(row["on_hand"]) for row in stock["items"])
    assert left == 90, stock
    day.tell(f"李强 在企业微信批准盘亏，{code} 账面改为 {left} 桶，差异记到盘点账户")


async def count_bin(day: Day, gun: Handheld, kind: str, code: str) -> Wire:
    """One person counts one bin: place, one label, the number typed, saved."""
    await gun.hear()
    task = next(each for each in gun.inbox.values() if each["kind"] == kind)
    stock = await day.get("liqiang", f"/api/stock?{where(day, code)}")
    lot = stock["items"][0]["lot_code"]
    screen = await gun.submit("count", "open", inputs={"task_id": task["id"]})
    screen = await gun.scan(code, flow="count", context=screen["context"])
    screen = await gun.scan(label("JL-002", "270414", lot), flow="count", context=screen["context"])
    key = next(iter(screen["context"]["tallies"]))
    typed = {"key": key, "quantity": "90"}
    screen = await gun.submit("count", "set", context=screen["context"], inputs=typed)
    saved = await gun.submit("count", "save", context=screen["context"])
    assert saved["ok"], saved
    await day.settle()
    return saved


def where(day: Day, code: str) -> str:
    """The query for the syrup in one bin."""
    return f"location_id={day.seeded.locations[code]}&item_id={day.seeded.items['JL-002']}"


async def urgent_transfer(day: Day, gun: Handheld) -> None:
    """Two buttons on the scanner: sent here, received there; in transit between them."""
    ask = {
        "code": "DB-0304",
        "from_warehouse": day.seeded.warehouses["ZJ"],
        "to_warehouse": day.seeded.warehouses["SJ"],
        "lines": [{"item_id": day.seeded.items["JL-101"], "quantity": "60"}],
        "urgent": True,
        "reason": "松江门店缺货",
    }
    await day.do("liqiang", "/api/transfers", ask)
    for button, words in (("send", "张江发出，货在途"), ("receive", "松江收到")):
        await gun.hear()
        task = next(
            each
            for each in gun.inbox.values()
            if each["kind"] == "transfer" and button in {b["key"] for b in each["buttons"]}
        )
        done = await gun.act(task, button)
        assert done["ok"], done
        await day.settle()
        day.tell(f"赵刚 按「{words}」：{done['message']['text']}")


def label(item_code: str, expiry: str, lot: str) -> str:
    """The GS1 label on a box."""
    item = next(each for each in ITEMS if each.code == item_code)
    return f"01{box_gtin(item)}17{expiry}10{lot}"


@asynccontextmanager
async def open_day(folder: Path) -> AsyncIterator[Day]:
    """A server on a free loopback port with a fresh demo company; stopped at the end."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    settings = Settings(
        database_url=f"sqlite:///{folder}/demo.db",
        files_dir=folder / "files",
        port=port,
        public_url=base,
        engine=False,
    )
    clock = ManualClock(MORNING)
    stage = Stage(settings, clock)
    upgrade(stage.jieli.db)
    seeded = seed(stage.jieli.db)
    async with serving(stage.app, port):
        day = Day(stage, clock, seeded, base)
        await day.settle()
        yield day
        await day.http.aclose()


async def run(data: Path | None) -> tuple[list[str], tuple[str, ...]]:
    """The day, the replay when there is data, the proofs: (story, problems)."""
    with tempfile.TemporaryDirectory(prefix="jieli-demo-") as name:
        folder = Path(name)
        async with open_day(folder) as day:
            await live(day)
            proofs = [day.stage.jieli.db.read_now(prove)]
            if data is not None:
                proofs.append(await replay.everything(folder, day.clock, data, day.tell))
            for proof in proofs:
                words = "账目全对" if not proof.problems else ";".join(proof.problems)
                facts = f"{proof.postings} 笔过账、{proof.moves} 条移动、{proof.events} 个事件"
                day.tell(f"jieli prove:{facts} → {words}")
            return day.story, tuple(each for proof in proofs for each in proof.problems)


def main(*, as_json: bool = False, data: Path | None = None) -> int:
    """What the CLI calls; 0 when the books are right."""
    del as_json
    if data is None:
        beside = Path(__file__).resolve().parents[3] / "shared" / "data"
        data = beside if beside.is_dir() else None
    _, problems = asyncio.run(run(data))
    return 1 if problems else 0
