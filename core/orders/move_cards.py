"""Task cards of transfers and counts. Only words and buttons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.orders.cards import WAREHOUSE, Goods, facts_of, reason_choice, reason_field
from core.outbox.card import Button, Card, Fact, Field
from core.tasks.policy import Policy
from core.tasks.task import NewTask

# step → the button that ends it unfinished: its key, its words, the reasons that one tap can give
GIVE_UP = {
    "send": (
        "send_no_more",
        "剩下的不发了，结案",
        ("没货可发", "对方不要了", "改由别处调", "单开错了"),
    ),
    "receive": (
        "will_not_come",
        "剩下的不来了，结案",
        ("途中丢失", "途中破损", "发货时少装", "对方不再发"),
    ),
}


def transfer_task(
    policy: Policy,
    goods: Goods,
    *,
    transfer_id: str,
    code: str,
    other: str,
    step: str,
    urgent: bool,
    by_serial: bool = False,
) -> NewTask:
    """`step` send: the sending warehouse packs; receive: the other one takes it in.

    `by_serial`: whoever sends says which pieces.
    """
    sending = step == "send"
    what = ("紧急" if urgent else "") + ("调拨发出" if sending else "调拨收货")
    asks = (Field("serials", "序列号（空格隔开）", "text", required=True),) if by_serial else ()
    button = Button(step, "全部发出" if sending else "全部收到", "primary", asks)
    key, label, reasons = GIVE_UP[step]
    why = replace(reason_choice("结案原因", reasons), required=True)
    give_up = Button(key, label, "danger", (why,))
    waits = f"{other}等货" if sending else f"{goods.warehouse}在途待收"
    more = (Fact("调往" if sending else "来自", other), Fact("单号", code))
    return NewTask(
        kind="transfer",
        title=f"{what} · {goods.item} {goods.amount}",
        subject=f"transfer:{transfer_id}",
        to=WAREHOUSE,
        policy=policy,
        card=Card(
            what,
            f"{goods.item} {goods.amount}",
            facts_of(goods, waits=waits, more=more),
            (button, give_up),
            urgent=urgent,
        ),
        context={"transfer_id": transfer_id, "step": step, "code": code},
        dedupe_key=f"transfer:{step}:{transfer_id}",
        priority="high" if urgent else "normal",
        warehouse_id=goods.warehouse_id,
    )


GAPS = 3  # lines of a card for what was counted; with who waits, number and date it is full
COUNT_REASONS = ("已换人复盘", "正常损耗", "破损报损", "收发漏记", "数得不对")


def count_task(
    policy: Policy,
    *,
    kind: str,
    count_id: str,
    code: str,
    places: int,
    where: tuple[int, str],
    gaps: Sequence[str] = (),
) -> NewTask:
    """`kind` count, recount or count_approve; `where` is the warehouse's id and name.

    `gaps`: what to approve, one sentence a place; the first few are on the card.
    """
    titles = {"count": "盘点", "recount": "复盘（换人）", "count_approve": "批准盘点差异"}
    waits = {"count": "账等实物", "recount": "差异等第二个人数", "count_approve": "差异等批准入账"}
    basis = reason_choice("依据", COUNT_REASONS)
    buttons = {
        "count": (Button("finish", "数完了，提交", "primary"),),
        "recount": (),
        "count_approve": (
            Button("approve", "批准入账", "primary", (basis,)),
            Button("send_back", "退回重盘", "danger", (basis,)),
            Button("cancel", "取消这张盘点", "plain", (reason_field("为什么不盘了"),)),
        ),
    }
    warehouse_id, warehouse = where
    goods = Goods(f"{warehouse} {code}", f"{places} 格", f"{places} 格", warehouse, warehouse_id)
    return NewTask(
        kind=kind,
        title=f"{titles[kind]} · {warehouse} {places} 格",
        subject=f"count:{count_id}",
        to=("role:supervisor",) if kind == "count_approve" else WAREHOUSE,
        policy=policy,
        card=Card(
            titles[kind],
            f"{warehouse} {places} 格",
            facts_of(goods, waits=waits[kind], more=(*_gaps(gaps), Fact("单号", code))),
            buttons[kind],
            footer="在扫码枪上逐格数，不显示账面数量。" if kind != "count_approve" else "",
        ),
        context={"count_id": count_id, "code": code},
        dedupe_key=f"{kind}:{count_id}",
        warehouse_id=warehouse_id,
    )


def _gaps(sentences: Sequence[str]) -> tuple[Fact, ...]:
    """Nobody approves what he cannot see: each difference, as far as a chat card has lines."""
    shown = sentences if len(sentences) <= GAPS else sentences[: GAPS - 1]
    rest = len(sentences) - len(shown)
    return (
        *(Fact("差异", each) for each in shown),
        *((Fact("另有", f"{rest} 格"),) if rest else ()),
    )
