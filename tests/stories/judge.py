"""The judge: given what people were promised, the books and the phones, name what is wrong.

Knows nothing of how the run went, so it also judges the mutants that show that it has teeth.
Every finding is one sentence; an empty list is an acquittal.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import Connection, Table, select

from bots.simulator.wecom import View, WeComSimulator, keys_of
from bots.wecom import card_id_of
from core import audit, events
from core.clock import Instant
from core.db import Database
from core.orders.tables import orders
from core.outbox.tables import callbacks, messages, surfaces
from core.quantity import parse
from core.stock import on_hand, prove
from core.stock.tables import postings
from core.tasks.rules import kind_of, level_of
from core.tasks.tables import tasks, timers
from core.tasks.task import LIVE
from tests.stories.arena import Log
from tests.world import World

GOES = "接力说它还在"

PART = 5_000  # rows read at once


@dataclass(frozen=True, slots=True)
class Case:
    """What the judge looks at."""

    db: Database
    simulator: WeComSimulator
    log: Log
    http: httpx.AsyncClient
    headers: dict[str, str]
    now: Instant

    def rows(self, table: Table) -> list[Any]:
        """All of them, part by part: a read may not stand still for long."""
        [key] = table.primary_key.columns
        found: list[Any] = []
        query = select(table).order_by(key).limit(PART)
        while True:
            after = query.where(key > found[-1][key.name]) if found else query
            part = self.db.read_now(lambda conn: conn.execute(after).mappings().all())  # noqa: B023
            found += [dict(row) for row in part]
            if len(part) < PART:
                return found


def case_in(w: World, log: Log | None = None) -> Case:
    """What is to be judged in a world of one process."""
    return Case(
        db=w.jieli.db,
        simulator=w.stage.simulator,
        log=log or Log(),
        http=w.http,
        headers={"Authorization": f"Bearer {w.token('liqiang')}"},
        now=w.clock.now(),
    )


async def promises_kept(case: Case) -> list[str]:
    """Every acknowledged posting is found, once, as it was answered; every other one has at most
    one effect; a refused one has none."""
    log = case.log
    found: list[str] = list(log.broken)
    booked = Counter(row["op_id"] for row in case.rows(postings))
    gate = asyncio.Semaphore(8)

    async def ask(op_id: str) -> None:
        async with gate:
            answer = await case.http.get(f"/api/postings/{op_id}", headers=case.headers)
        if answer.status_code != 200:
            found.append(f"过账 {op_id} 已答应，却查不到({answer.status_code})")
        elif answer.json() != log.promised[op_id]:
            found.append(f"过账 {op_id} 查到的和答应的不一样")

    await asyncio.gather(*(ask(op_id) for op_id in log.promised))
    for op_id in log.asked:
        wanted = 1 if op_id in log.promised else 0
        if booked[op_id] != wanted and (op_id in log.promised or op_id in log.refused):
            found.append(f"过账 {op_id} 记了 {booked[op_id]} 次，应为 {wanted} 次")
    return found


def orders_kept(case: Case) -> list[str]:
    """Every order that was answered is there, once, under the id that was answered."""
    ids: dict[str, list[str]] = defaultdict(list)
    for row in case.rows(orders):
        ids[row["code"]].append(row["id"])
    return [
        f"采购单 {code} 答应的是 {order_id}，账上是 {ids[code]}"
        for code, order_id in case.log.orders.items()
        if ids[code] != [order_id]
    ]


def stock_adds_up(case: Case, opening: dict[tuple[int, int], int]) -> list[str]:
    """Stock equals what was there plus everything that was promised, and nothing else."""
    wanted: dict[tuple[int, int], int] = defaultdict(int, opening)
    moved = [
        (line["item_id"], line["from_location"], line["to_location"], parse(line["quantity"]))
        for op_id in case.log.promised
        for line in case.log.asked[op_id]["lines"]
    ]
    moved += [
        (item, start, to, many * 1_000_000) for item, start, to, many in case.log.scanned.values()
    ]
    for item, start, to, quantity in moved:
        wanted[item, start] -= quantity
        wanted[item, to] += quantity
    items = sorted({item for item, _ in opening})
    rows = case.db.read_now(lambda conn: [on_hand(conn, item) for item in items])
    here: dict[tuple[int, int], int] = defaultdict(int)
    for row in (row for each in rows for row in each):
        here[row.item_id, row.location_id] += row.on_hand
    virtual = _virtual_places(case.db)
    return [
        f"货品 {item} 在库位 {place} 有 {here[item, place]}，应为 {wanted[item, place]}"
        for item, place in sorted({*wanted, *here})
        if place not in virtual and here[item, place] != wanted[item, place]
    ]


def _virtual_places(db: Database) -> set[int]:
    from core.catalog.tables import locations

    def ask(conn: Connection) -> set[int]:
        kinds = locations.c.kind.in_(("supplier", "customer", "production", "count"))
        return set(conn.execute(select(locations.c.id).where(kinds)).scalars())

    return db.read_now(ask)


def timers_fired_once(case: Case) -> list[str]:
    """No timer is overdue, none fired early, and each rung and reminder was told exactly once."""
    found = []
    rows = case.rows(timers)
    seen = Counter((row["task_id"], row["generation"], row["key"]) for row in rows)
    found += [f"定时 {key} 有 {many} 行" for key, many in seen.items() if many > 1]
    acted: Counter[tuple[str, int, int]] = Counter()
    for row in rows:
        name = f"{row['task_id'][:8]}/{row['generation']}/{row['key']}"
        if row["state"] == "pending" and row["due_us"] <= case.now:
            found.append(f"定时 {name} 到期没有触发")
        if row["state"] == "fired" and row["outcome"] != "collapsed":
            if row["fired_us"] < row["due_us"]:
                found.append(f"定时 {name} 早了 {row['due_us'] - row['fired_us']} 微秒")
            if row["outcome"] == "acted" and kind_of(row["key"]) == "rung":
                acted[row["task_id"], level_of(row["key"]), row["planned_us"]] += 1
    told = Counter(
        (event["subject"].partition(":")[2], body["level"], body["planned_us"])
        for event in case.rows(events.events)
        if event["kind"] == "task.escalated" and (body := event["payload"])
    )
    found += [f"升级 {rung} 触发 {acted[rung]} 次，事件 {told[rung]} 条" for rung in (acted - told)]
    found += [f"升级 {rung} 触发 {acted[rung]} 次，事件 {told[rung]} 条" for rung in (told - acted)]
    return found


def cards_stand_once(case: Case) -> list[str]:
    """On each phone at most one card of a task can be pressed, and what the product believes to
    stand there stands there: same card, alive or closed."""
    found = []
    task_of = {row["card_id"]: row["task_id"] for row in case.rows(messages)}
    live: Counter[tuple[str, str]] = Counter()
    for view in case.simulator.vendor.views.values():
        if _can_be_pressed(view):
            live[task_of[card_id_of(view.content["task_id"])], view.user_id] += 1
    found += [
        f"{user} 手机上同一件事({task[:8]})有 {many} 张能按的卡片"
        for (task, user), many in live.items()
        if many > 1
    ]
    for row in case.rows(surfaces):
        shown = case.simulator.vendor.views.get((row["handle"].get("ref"), row["recipient"]))
        if shown is None or shown.recalled:
            if row["state"] == "live":
                found.append(f"{row['recipient']} 的卡片 {row['card_id'][:8]} {GOES}，手机上没有")
        elif row["state"] == "closed" and _can_be_pressed(shown):
            found.append(f"{row['recipient']} 的卡片 {row['card_id'][:8]} 已收尾，手机上还能按")
        elif row["state"] == "live" and shown.grey:
            found.append(f"{row['recipient']} 的卡片 {row['card_id'][:8]} {GOES}，手机上已变灰")
    return found


def nobody_waits_in_vain(case: Case) -> list[str]:
    """Whoever has a live task sees its card; no message died or is stuck."""
    rows = case.rows(messages)
    stuck = [row for row in rows if row["state"] not in {"sent", "superseded"}]
    found = [f"消息 {row['id'][:8]} 停在 {row['state']}({row['code']})" for row in stuck]
    closed = {row["id"] for row in case.rows(tasks) if row["state"] not in LIVE}
    task_of = {row["card_id"]: row["task_id"] for row in rows}
    for view in case.simulator.vendor.views.values():
        if _can_be_pressed(view):
            task = task_of[card_id_of(view.content["task_id"])]
            if task in closed:
                found.append(f"{view.user_id} 手机上的卡片还能按，但 {task[:8]} 已经结束")
    return found


def _can_be_pressed(view: View) -> bool:
    card = view.kind == "template_card" and not view.grey and not view.recalled
    return card and bool(keys_of(view.content))


def presses_counted(case: Case) -> list[str]:
    """Each press that the server took came to an end, and each success closed exactly one task."""
    rows = case.rows(callbacks)
    found = [
        f"回调 {row['id']} 停在 {row['state']}:{row['answer']}"
        for row in rows
        if row["state"] != "done"
    ]
    kept = Counter((row["body"].get("user_id"), row["body"].get("token")) for row in rows)
    taken = Counter((each.login, each.key) for each in case.log.presses if 200 in each.statuses)
    found += [f"{login} 的按键答应了却没存下" for login, key in taken if not kept[login, key]]
    done = [row for row in case.rows(tasks) if row["closed_face"] == "wecom"]
    clicked = [row for row in rows if (row["answer"] or {}).get("kind") == "nothing"]
    if len(done) != len(clicked):
        found.append(f"{len(clicked)} 次按键成功，却结束了 {len(done)} 件事")
    return found


def books_proven(case: Case) -> list[str]:
    """`jieli prove` and the audit log's chain."""

    def ask(conn: Connection) -> Iterator[str]:
        yield from prove(conn).problems
        yield from audit.verify(conn)

    return case.db.read_now(lambda conn: list(ask(conn)))
