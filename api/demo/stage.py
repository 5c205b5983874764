"""The demo stage: the product wired to simulated chat vendors in the same process.

Adapters and simulators talk the vendors' wire formats to each other through ASGI transports; the
chat panes are at /simulator/sim. Nothing here is used by a server that has real accounts.
"""

from __future__ import annotations

from typing import Any

import httpx
import orjson
from fastapi import FastAPI
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from starlette.routing import BaseRoute, Mount

from api.demo.company import account_of, is_empty, reached_everywhere, seed
from api.demo.data import PASSWORD, PEOPLE, PIN
from api.demo.selling import open_sales
from api.deps import Jieli
from api.main import create_app
from api.web import front_door
from bots.dingtalk.template import FILE as TEMPLATE_FILE
from bots.simulator import Desk, Wiretap, together
from bots.simulator.desks import DingTalkDesk, TelegramDesk, WeComDesk
from bots.simulator.dingtalk import DingTalkSimulator
from bots.simulator.telegram import Telegram as TelegramSimulator
from bots.simulator.watching import TappedTransport
from bots.simulator.wecom import WeComSimulator
from core.bus import OUTBOX, TIMER
from core.clock import HOUR, Clock, ShiftedClock, SystemClock
from core.config import Settings
from core.db import Database
from core.people import ENGINE, ROLES, make_enrol_code

CORP = "wwdemo0000000001"
AGENT = 1000002
SECRET = "demo-application-secret"  # noqa: S105  # the simulator's own, opens nothing else
TOKEN = "DemoCallbackToken"  # noqa: S105
PANES = ("wangmin", "chenxi", "zhoulan", "liqiang", "admin", "qianjin")  # who gets cards first
DING_ID, DING_AGENT, DING_TEMPLATE = "dingdemo0000001", "3000001", "jieli-demo.schema"
BOT_TOKEN = "7000000000:demo-bot-token-of-the-simulator"  # noqa: S105
GROUP_TOKEN = "demo-group"  # noqa: S105
WEBHOOK_SECRET = "DemoWebhookSecret"  # noqa: S105
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


def simulated(settings: Settings) -> Settings:
    """The same settings with the accounts of the simulators.

    Telegram is polled where the engine runs: it posts to https addresses only.
    """
    public = settings.public_url.rstrip("/")
    account: dict[str, Any] = {
        "wecom_corp_id": CORP,
        "wecom_agent_id": AGENT,
        "wecom_secret": SecretStr(SECRET),
        "wecom_token": SecretStr(TOKEN),
        "wecom_aes_key": SecretStr(AES_KEY),
        "wecom_api_base": "http://simulator.local/cgi-bin",
        "wecom_login_base": f"{public}/simulator",
        "dingtalk_client_id": DING_ID,
        "dingtalk_client_secret": SecretStr(SECRET),
        "dingtalk_agent_id": DING_AGENT,
        "dingtalk_card_template_id": DING_TEMPLATE,
        "dingtalk_group_token": SecretStr(GROUP_TOKEN),
        "dingtalk_group_secret": SecretStr(SECRET),
        "dingtalk_mode": "http",
        "dingtalk_api_base": "http://simulator.local/dingtalk",
        "dingtalk_oapi_base": "http://simulator.local/dingtalk",
        "dingtalk_login_base": f"{public}/simulator/dingtalk",
        "telegram_token": SecretStr(BOT_TOKEN),
        "telegram_api_base": "http://simulator.local/telegram",
        "telegram_mode": "polling" if settings.engine else "webhook",
        "telegram_webhook_secret": SecretStr(WEBHOOK_SECRET),
    }
    return settings.model_copy(update=account)


class Stage:
    """The app, its parts, and the simulators that play the three vendors for it.

    `simulator` is WeCom's; `dingtalk` and `telegram` have the people of whom there are accounts.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        hook, self.tap = _Later(), Wiretap(clock)
        to_us = httpx.AsyncClient(transport=TappedTransport(httpx.ASGITransport(hook), self.tap))
        self.simulator = WeComSimulator(
            clock=clock,
            corp_id=CORP,
            agent_id=AGENT,
            secret=SECRET,
            token=TOKEN,
            aes_key=AES_KEY,
            callback_url="http://jieli.local/callbacks/wecom",
            client=to_us,
        )
        self.dingtalk = DingTalkSimulator(
            clock=clock,
            client_id=DING_ID,
            client_secret=SECRET,
            agent_id=DING_AGENT,
            templates={DING_TEMPLATE: orjson.loads(TEMPLATE_FILE.read_bytes())},
            client=to_us,
            message_url="http://jieli.local/callbacks/dingtalk",
        )
        self.telegram = TelegramSimulator(clock, BOT_TOKEN, username="jieli_demo_bot", client=to_us)
        self.group = self.dingtalk.add_group(GROUP_TOKEN, SECRET)
        self._people()
        jump = self._jump if isinstance(clock, ShiftedClock) else None
        self._clock = clock
        shown = together(self._desks(), self._doors(), clock, self.tap, jump)
        self.transport = httpx.ASGITransport(shown)
        self.app: FastAPI = create_app(simulated(settings), clock, self.transport)
        self.app.mount("/simulator", shown)
        self.app.router.routes.insert(0, front_door("/simulator/sim/"))
        hook.app = self.app
        self.jieli: Jieli = self.app.state.jieli

    def _people(self) -> None:
        for each in sorted(PEOPLE, key=lambda each: PANES.index(each.login) if each.chat else 99):
            title = "、".join(ROLES[role] for role in each.roles)
            if each.chat:
                self.simulator.add_person(each.login, each.name, title)
            if each.everywhere:
                self.dingtalk.add_person(account_of(each.login, "dingtalk"), each.name, title)
                self.telegram.add_person(account_of(each.login, "telegram"), each.name, title)

    def _desks(self) -> list[Desk]:
        return [
            WeComDesk(self.simulator),
            DingTalkDesk(self.dingtalk),
            TelegramDesk(self.telegram),
        ]

    def _doors(self) -> list[BaseRoute]:
        return [
            *self.simulator.routes(),
            Mount("/dingtalk", routes=self.dingtalk.routes()),
            Mount("/telegram", routes=self.telegram.routes()),
        ]

    def _jump(self, hours: int) -> None:
        assert isinstance(self._clock, ShiftedClock), "only this clock can be moved"
        self._clock.jump(hours * HOUR)
        self.jieli.bus.wake((TIMER, OUTBOX))

    async def register(self) -> None:
        """Tell the vendors where our doors are; for who runs without the engine, which does it."""
        vendors = self.jieli.vendors
        assert vendors.dingtalk is not None
        assert vendors.telegram is not None
        for result in (
            await vendors.dingtalk.face.registered("http://jieli.local/callbacks/dingtalk"),
            await vendors.telegram.face.register_webhook("https://jieli.local/callbacks/telegram"),
        ):
            assert result.kind == "sent", result.reason


class _Later:
    """The app that does not exist yet when the simulator wants to know where to call back."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def demo_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    """What `jieli serve --demo-data` serves."""
    return Stage(settings, clock or ShiftedClock()).app


def furnish(db: Database) -> None:
    """The demo company with its work, in a migrated database where nobody is yet."""
    if is_empty(db):
        ids = seed(db).people
        db.write_now(lambda tx: reached_everywhere(tx, ids))
        db.write_now(open_sales)


def announce(console: Console, settings: Settings, db: Database) -> None:
    """Addresses, people and a code to enrol a scanner, for who just typed `make run`."""
    base = settings.public_url.rstrip("/")
    console.print(f"\n[bold]Jieli 接力[/bold]  {base}")
    for name, path in (
        ("聊天模拟器 (chat panes)", "/simulator/sim"),
        ("扫码枪页面 (scanner page)", "/pda"),
        ("接口文档 (OpenAPI)", "/docs"),
    ):
        console.print(f"  {name:<32} {base}{path}")
    table = Table(title=f"演示人员 · 密码 {PASSWORD} · 扫码枪 PIN {PIN}", title_justify="left")
    for column in ("登录名", "姓名", "角色", "工牌", "企业微信"):
        table.add_column(column)
    for each in PEOPLE:
        roles = "、".join(ROLES[role] for role in each.roles)
        table.add_row(each.login, each.name, roles, each.badge, "✓" if each.chat else "")
    console.print(table)
    code = db.write_now(lambda tx: make_enrol_code(tx, ENGINE, "3号枪"))
    console.print(f"扫码枪登记码（10 分钟内有效，用一次）：[bold]{code}[/bold]")
    console.print("登记后扫工牌 B1001（或照着输入），再输 PIN。先从一张收货任务开始。\n")
