"""The demo stage: the product wired to a WeCom simulator in the same process, at one address.

The adapter and the simulator talk WeCom's wire format to each other through ASGI transports; the
chat panes are at /simulator/sim. Nothing here is used by a server that has a real WeCom account.
"""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from api.demo.data import PASSWORD, PEOPLE, PIN
from api.deps import Jieli
from api.main import create_app
from bots.simulator import Simulator
from core.clock import Clock, SystemClock
from core.config import Settings
from core.db import Database
from core.people import ENGINE, ROLES, make_enrol_code

CORP = "wwdemo0000000001"
AGENT = 1000002
SECRET = "demo-application-secret"  # noqa: S105  # the simulator's own, opens nothing else
TOKEN = "DemoCallbackToken"  # noqa: S105
PANES = ("wangmin", "chenxi", "zhoulan", "liqiang", "admin", "qianjin")  # who gets cards first
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


def simulated(settings: Settings) -> Settings:
    """The same settings with the WeCom account of the simulator."""
    account: dict[str, Any] = {
        "wecom_corp_id": CORP,
        "wecom_agent_id": AGENT,
        "wecom_secret": SecretStr(SECRET),
        "wecom_token": SecretStr(TOKEN),
        "wecom_aes_key": SecretStr(AES_KEY),
        "wecom_api_base": "http://simulator.local/cgi-bin",
        "wecom_login_base": f"{settings.public_url.rstrip('/')}/simulator",
    }
    return settings.model_copy(update=account)


class Stage:
    """The app, its parts and the simulator that plays WeCom for it."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        hook = _Later()
        self.simulator = Simulator(
            clock=clock,
            corp_id=CORP,
            agent_id=AGENT,
            secret=SECRET,
            token=TOKEN,
            aes_key=AES_KEY,
            callback_url="http://jieli.local/callbacks/wecom",
            client=httpx.AsyncClient(transport=httpx.ASGITransport(hook)),
        )
        for each in sorted(PEOPLE, key=lambda each: PANES.index(each.login) if each.chat else 99):
            if each.chat:
                title = "、".join(ROLES[role] for role in each.roles)
                self.simulator.add_person(each.login, each.name, title)
        transport = httpx.ASGITransport(self.simulator.app)
        self.app: FastAPI = create_app(simulated(settings), clock, transport)
        self.app.mount("/simulator", self.simulator.app)
        hook.app = self.app
        self.jieli: Jieli = self.app.state.jieli


class _Later:
    """The app that does not exist yet when the simulator wants to know where to call back."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def demo_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    """What `jieli serve --demo-data` serves."""
    return Stage(settings, clock).app


def announce(console: Console, settings: Settings, db: Database) -> None:
    """Addresses, people and a code to enrol a scanner, for who just typed `make run`."""
    base = settings.public_url.rstrip("/")
    console.print(f"\n[bold]Jieli 接力[/bold]  {base}")
    for name, path in (
        ("企业微信模拟器 (chat panes)", "/simulator/sim"),
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
    console.print(f"扫码枪登记码(10 分钟内有效,用一次):[bold]{code}[/bold]")
    console.print("登记后扫工牌 B1001(或照着输入),再输 PIN。先从一张收货任务开始。\n")
