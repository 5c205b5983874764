"""Task cards of the goods flow: four lines (what · how much · who waits · until when) and buttons.

Only words and buttons; what a button does stands in core/actions under the same key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.catalog import Check
from core.outbox.card import Button, Card, Fact, Field, FieldKind
from core.tasks.policy import Policy
from core.tasks.task import NewTask

WAREHOUSE = ("role:warehouse",)


@dataclass(frozen=True, slots=True)
class Goods:
    """What a card says of the goods: names and amounts already in words."""

    item: str
    amount: str  # 「24 箱」
    full: str  # 「24 箱 = 288 件」
    warehouse: str  # 「张江仓」
    warehouse_id: int
    lot: str = ""


def reason_field(label: str = "原因") -> Field:
    """A text that must be filled in."""
    return Field("reason", label, "text", required=True)


def reason_choice(label: str, words: Sequence[str]) -> Field:
    """A reason that one tap in a chat can give: words, not keys, stand in the books.

    A desk may type others; left out, the action's own default is the reason.
    """
    return Field("reason", label, "choice", tuple((each, each) for each in words), free=True)


def facts_of(goods: Goods, *, waits: str, more: Sequence[Fact] = ()) -> tuple[Fact, ...]:
    """The lines below the lead: who waits, then the goods; core/tasks adds until when."""
    lot = (Fact("批次", goods.lot),) if goods.lot else ()
    full = (Fact("数量", goods.full),) if goods.full != goods.amount else ()
    return (Fact("谁在等", waits), *full, *lot, *more)


def receive_task(
    policy: Policy, goods: Goods, *, order: Mapping[str, Any], lot_fields: tuple[Field, ...] | None
) -> NewTask:
    """「收货」 for the warehouse; `lot_fields` None: too much to fill in, scanner only."""
    rest = Button("receive_rest", "全部收货", "primary", lot_fields or ())
    short = reason_choice("结案原因", ("供应商不再交货", "数量已改", "改单重下", "质量问题"))
    buttons = (() if lot_fields is None else (rest,)) + (
        Button("close_short", "剩下的不来了，结案", "danger", (short,)),
    )
    more = (
        Fact("供应商", order["supplier"]),
        Fact("单号", order["code"]),
        Fact("到货日", order["due_on"]),
    )
    waits = f"{goods.warehouse}等货"
    card = Card(
        "收货",
        f"{goods.item} {goods.amount}",
        facts_of(goods, waits=waits, more=more),
        buttons,
        footer="" if lot_fields is not None else "有多个批次商品，请在扫码枪上收。",
    )
    return NewTask(
        kind="receive",
        title=f"收货 · {goods.item} {goods.amount}",
        subject=f"order:{order['id']}",
        to=WAREHOUSE,
        policy=policy,
        card=card,
        context={"order_id": order["id"], "order_code": order["code"]},
        dedupe_key=f"receive:{order['id']}",
        warehouse_id=goods.warehouse_id,
    )


def confirm_order_task(
    policy: Policy, goods: Goods, *, order: Mapping[str, Any], to: tuple[str, ...]
) -> NewTask:
    """「确认订单」 for the supplier's people, answered in the portal."""
    buttons = (
        Button("confirm", "确认按期交货", "primary"),
        Button(
            "propose", "要改交期", "plain", (Field("date", "能交的日期", "text", required=True),)
        ),
    )
    more = (Fact("单号", order["code"]), Fact("要求到货", order["due_on"]))
    card = Card(
        "确认订单",
        f"{goods.item} {goods.amount}",
        facts_of(goods, waits=f"{goods.warehouse}排收货", more=more),
        buttons,
    )
    return NewTask(
        kind="confirm_order",
        title=f"确认订单 · {goods.item} {goods.amount}",
        subject=f"order:{order['id']}",
        to=to,
        policy=policy,
        card=card,
        context={"order_id": order["id"], "order_code": order["code"], "due_on": order["due_on"]},
        dedupe_key=f"confirm_order:{order['id']}",
        warehouse_id=goods.warehouse_id,
        partner_id=order["supplier_id"],
    )


def inspect_task(
    policy: Policy, goods: Goods, *, line_id: str, checklist: Sequence[Check]
) -> NewTask:
    """「质检」 of what waits on one receipt line."""
    checks = tuple(_check_field(check) for check in checklist)
    buttons = (
        Button("pass", "合格", "primary", checks),
        Button(
            "fail",
            "不合格",
            "danger",
            (
                Field("rejected", "不合格数量（空 = 全部）", "quantity"),
                reason_field(),
                Field("photo", "照片", "photo"),
                *checks,
            ),
        ),
    )
    card = Card(
        "质检",
        f"{goods.item} {goods.amount}",
        facts_of(goods, waits=f"{goods.warehouse}等上架"),
        buttons,
    )
    return NewTask(
        kind="inspect",
        title=f"质检 · {goods.item} {goods.amount}",
        subject=f"receipt_line:{line_id}",
        to=WAREHOUSE,
        policy=policy,
        card=card,
        context={"receipt_line_id": line_id},
        dedupe_key=f"inspect:{line_id}",
        warehouse_id=goods.warehouse_id,
    )


def _check_field(check: Check) -> Field:
    """One line of the item's checklist as something to fill in."""
    key, label, kind = f"check.{check.key}", check.label, check.kind
    if kind == "number":
        return Field(key, label, "quantity")
    if kind == "text":
        return Field(key, label, "text")
    return Field(key, label, "choice", (("ok", "合格"), ("no", "不合格")))


def putaway_task(policy: Policy, goods: Goods, *, line_id: str, bins: Sequence[Any]) -> NewTask:
    """「上架」 of what one receipt line left on the dock; `bins` are suggestions, best first."""
    first = bins[0] if bins else None
    options = tuple((each.code, f"{each.code}({each.why})") for each in bins)
    kind: FieldKind = "choice" if options else "text"
    field = Field("bin", "库位", kind, options, required=not options, free=True)
    label = f"放到 {first.code}" if first else "放到库位"
    more = (Fact("建议", f"{first.code}：{first.why}"),) if first else ()
    card = Card(
        "上架",
        f"{goods.item} {goods.amount}",
        facts_of(goods, waits=f"{goods.warehouse}收货台要腾空", more=more),
        (Button("put_away", label, "primary", (field,)),),
    )
    return NewTask(
        kind="putaway",
        title=f"上架 · {goods.item} {goods.amount}",
        subject=f"receipt_line:{line_id}",
        to=WAREHOUSE,
        policy=policy,
        card=card,
        context={"receipt_line_id": line_id, "bin": first.code if first else ""},
        dedupe_key=f"putaway:{line_id}",
        warehouse_id=goods.warehouse_id,
    )
