"""`jieli doctor`: what is not right yet, and the one thing to do about each.

It only looks. Every finding is a sentence with its remedy; nothing here changes a row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from core import calendar, people
from core.clock import SECOND, Clock, Instant, SystemClock, to_datetime
from core.config import DEFAULT_SECRET, Settings
from core.db import Database
from core.migrations import run as migrations
from core.outbox.card import Card
from core.outbox.gates import closed_channels
from core.skew import skew
from core.tasks.policies import all_policies
from core.tasks.policy import Policy
from core.tasks.recipients import resolve
from core.tasks.task import NewTask

if TYPE_CHECKING:
    import httpx

NAMED = 5  # how many names a sentence lists
MOST_PEOPLE = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `do` is empty when there is nothing to do."""

    name: str
    ok: bool
    said: str
    do: str = ""


def examine(settings: Settings, clock: Clock | None = None) -> list[Finding]:
    """Look at everything, in the order in which it should be mended."""
    from api.ops import disk_check_of

    found = list(_settings(settings))
    disk = disk_check_of(settings)
    found.append(Finding("磁盘", disk.ok, disk.detail, "" if disk.ok else "清理或扩容数据盘"))
    db = Database(
        settings.database_url, clock or SystemClock(), synchronous=settings.sqlite_synchronous
    )
    try:
        now = db.clock.now()
        found += db.read_now(lambda conn: list(_database(conn, now)))
        found += db.read_now(lambda conn: list(_clock(conn, settings, db.clock)))
    finally:
        db.close()
    found += asyncio.run(vendors(settings, db.clock))
    return found


def _settings(settings: Settings) -> Iterator[Finding]:
    weak = settings.secret.get_secret_value() == DEFAULT_SECRET
    yield Finding(
        "密钥",
        not weak or not settings.tls,
        "还是出厂默认值" if weak else "已设置",
        "把 JIELI_SECRET 设为 32 字节以上的随机值，再对外提供服务" if weak else "",
    )
    safe = settings.sqlite_synchronous == "FULL"
    yield Finding(
        "断电安全",
        safe,
        f"JIELI_SQLITE_SYNCHRONOUS={settings.sqlite_synchronous}",
        "" if safe else "改回 FULL，否则断电可能丢最后几笔",
    )
    https = settings.public_url.startswith("https://")
    yield Finding(
        "对外地址",
        https or not settings.tls,
        settings.public_url,
        "" if https or not settings.tls else "JIELI_PUBLIC_URL 应是 https:// 开头",
    )


def _database(conn: Connection, now: Instant) -> Iterator[Finding]:
    at, newest = migrations.current(conn), migrations.newest()
    if at != newest:
        yield Finding("结构版本", False, f"{at or '（空）'}，应为 {newest}", "运行 jieli migrate")
        return
    yield Finding("结构版本", True, newest)
    yield from of_books(conn, now)


def of_books(conn: Connection, now: Instant) -> Iterator[Finding]:
    """What the data themselves show; the tables are those of this version."""
    yield _unreachable(conn)
    yield from _stopped(conn, now)
    yield _nobody(conn, now)
    yield _calendar(conn, now)


def _clock(conn: Connection, settings: Settings, clock: Clock) -> Iterator[Finding]:
    from api.ops import clock_check_of

    differs = skew(conn, clock)
    if differs is None:  # SQLite has no clock of its own
        return
    check = clock_check_of(differs, settings.clock_skew_seconds)
    said = f"和数据库服务器相差 {differs / SECOND:+.1f} 秒"
    yield Finding("时钟", check.ok, said, "" if check.ok else "在每台机器上开启时间同步（NTP）")


def _stopped(conn: Connection, now: Instant) -> Iterator[Finding]:
    """What a running server has met since; the doctor's own calls see only what is wrong now."""
    for each in closed_channels(conn, now):
        until = f"{to_datetime(each.until):%m-%d %H:%M}"
        said = f"{each.channel} 暂停到 {until}，消息在排队：{each.reason}"
        do = "按原因处理；消息会自动重发，15 分钟后改走此人的下一个渠道"
        yield Finding("消息发送", False, said, do)


def _unreachable(conn: Connection) -> Finding:
    staff = [each for each in people.people(conn, limit=MOST_PEOPLE) if each.partner_id is None]
    lonely = [each.name for each in people.out_of_reach(conn, [each.id for each in staff])]
    said = f"{len(lonely)} 人收不到卡片，没有聊天账号也没有工牌：{_some(lonely)}"
    do = "在「人员」里给绑定码，本人在聊天里发「绑定 绑定码」" if lonely else ""
    return Finding("聊天绑定", not lonely, said if lonely else "人人都能收到卡片", do)


def _nobody(conn: Connection, now: Instant) -> Finding:
    """Rungs that would climb to nobody today."""
    empty = [
        f"{policy.code} 第 {level} 级({'、'.join(rung.to)})"
        for policy in all_policies(conn)
        for level, rung in enumerate(policy.rungs, start=1)
        if not any("holder" in spec for spec in rung.to)
        and not resolve(conn, rung.to, _probe(policy), now)
    ]
    said = f"{len(empty)} 级升级找不到人：{_some(empty)}" if empty else "每一级升级都有人接"
    return Finding("升级对象", not empty, said, "给这些角色指定人员" if empty else "")


def _probe(policy: Policy) -> NewTask:
    """A task that only asks "who would get it?"."""
    return NewTask("probe", policy.code, "probe:", (), policy, Card(policy.code))


def _calendar(conn: Connection, now: Instant) -> Finding:
    loaded = calendar.load(conn)
    today = to_datetime(now)
    years = [today.year] if today.month < 11 else [today.year, today.year + 1]
    missing = [str(year) for year in years if not calendar.published(loaded, year)]
    said = f"{'、'.join(missing)} 年假日未公布，按周一到周五推算" if missing else "假日已公布"
    do = "国务院公布后导入当年放假安排；正在计时的任务会自动重排" if missing else ""
    return Finding("假日表", not missing, said, do)


def _some(names: list[str]) -> str:
    more = f" 等 {len(names)} 个" if len(names) > NAMED else ""
    return "、".join(names[:NAMED]) + more


async def vendors(
    settings: Settings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
) -> list[Finding]:
    """Each chat vendor that is configured; without any, nobody hears of a task in chat."""
    asked = (
        (bool(settings.wecom_corp_id), _wecom),
        (bool(settings.dingtalk_client_id), _dingtalk),
        (bool(settings.telegram_token.get_secret_value()), _telegram),
    )
    found = [await ask(settings, clock, transport) for is_on, ask in asked if is_on]
    off = Finding("聊天渠道", True, "都没有接通：卡片只到工作台和扫码枪", "")
    return found or [off]


async def _dingtalk(
    settings: Settings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
) -> Finding:
    """Ask DingTalk for a token: it tells whether application and key are right."""
    from bots.dingtalk import channel_of
    from bots.refusal import Refused

    channel = channel_of(settings, clock, transport)
    try:
        await channel.api.tokens.get()
    except Refused as refused:
        return Finding("钉钉", False, refused.result.code, refused.result.reason)
    finally:
        await channel.aclose()
    if not settings.dingtalk_card_template_id:
        said = "已连通，但没有卡片模板：只发文字，要到页面里处理"
        return Finding("钉钉", False, said, "按 docs/recipes/dingtalk.md 导入模板，再设模板编号")
    return Finding("钉钉", True, f"已连通，回调走 {settings.dingtalk_mode}")


async def _telegram(
    settings: Settings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
) -> Finding:
    """Ask Telegram who the bot is."""
    from bots.telegram import channel_of

    channel = channel_of(settings, clock, transport)
    try:
        name = await channel.username()
    except ConnectionError as problem:
        return Finding("Telegram", False, "连不上", str(problem))
    finally:
        await channel.aclose()
    return Finding("Telegram", True, f"已连通：@{name}，更新走 {settings.telegram_mode}")


async def _wecom(
    settings: Settings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
) -> Finding:
    """Ask WeCom something harmless: it tells whether key, application and our address are right."""
    from bots.refusal import Refused
    from bots.wecom import channel_of

    channel = channel_of(settings, clock, transport)
    try:
        addresses = await channel.api.callback_ips()
    except Refused as refused:
        return Finding("企业微信", False, refused.result.code, refused.result.reason)
    finally:
        await channel.aclose()
    return Finding("企业微信", True, f"已连通，回调来源 {len(addresses)} 个地址")
