"""The card of a request for goods: one person wants something arranged by another. Only words."""

from __future__ import annotations

from core.orders.cards import Goods, facts_of, reason_choice
from core.outbox.card import Button, Card, Fact
from core.tasks.policy import Policy
from core.tasks.task import NewTask

REFUSALS = ("已经在路上", "库存够用", "供应商缺货", "不再用这个货")


def request_task(
    policy: Policy,
    goods: Goods,
    *,
    what: str,
    cause: tuple[str, str, str],
    to: tuple[str, ...],
    reason: str,
) -> NewTask:
    """`cause`: the kind of request, what it is about (one live task for each), and its origin."""
    kind, about, origin = cause
    buttons = (
        Button("take", "我来安排", "primary"),
        Button("decline", "不安排", "danger", (reason_choice("原因", REFUSALS),)),
    )
    more = (Fact("原因", reason),) if reason else ()
    return NewTask(
        kind="request",
        title=f"{what} · {goods.item} {goods.amount}",
        subject=f"shortcut:{origin}",
        to=to,
        policy=policy,
        card=Card(
            what,
            f"{goods.item} {goods.amount}",
            facts_of(goods, waits=f"{goods.warehouse}等货", more=more),
            buttons,
        ),
        context={"shortcut": kind, "run": origin},
        dedupe_key=f"request:{kind}:{about}",
        warehouse_id=goods.warehouse_id,
    )
