"""Task cards of a failed inspection: the buyer decides, legal judges, the supplier answers.

Only words and buttons; the three share one group, so one climb to the director covers them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.orders.cards import Goods, facts_of, reason_choice, reason_field
from core.outbox.card import Button, Card, Fact, Field
from core.tasks.policy import Policy
from core.tasks.task import NewTask

DECISIONS = {"return": "退回供应商", "concession": "让步接收", "scrap": "报废"}
LEGAL_ANSWERS = {"keep_claim": "保留索赔", "no_claim": "不追究"}
# Words, not keys: what is tapped in chat is what stands in the books. A desk may type others.
DECISION_REASONS = (
    "依据质检结论",
    "效期不足",
    "破损或污染",
    "与样品不符",
    "已与供应商谈妥",
    "客户急用",
)
LEGAL_REASONS = ("证据充分", "证据不足", "金额不大", "按合同约定")
CLAIM_ANSWERS = {"accept": "认可并承担", "dispute": "有异议"}


@dataclass(frozen=True, slots=True)
class Failure:
    """What the three cards say of one failed inspection."""

    inspection_id: str
    goods: Goods
    supplier: str
    supplier_id: int
    reason: str
    whole_lot: bool
    order_code: str
    photos: tuple[str, ...] = ()


def decide_task(policy: Policy, failure: Failure, buyer_id: int) -> NewTask:
    """The buyer: return, accept anyway or scrap, each with a reason."""
    buttons = tuple(
        Button(
            key,
            label,
            "primary" if key == "return" else "danger" if key == "scrap" else "plain",
            (reason_choice("处理依据", DECISION_REASONS),),
        )
        for key, label in DECISIONS.items()
    )
    return _task("qc_decide", policy, failure, (f"person:{buyer_id}",), buttons)


def legal_task(policy: Policy, failure: Failure) -> NewTask:
    """Legal: keep the claim open against the supplier or let it rest."""
    opinion = reason_choice("法务意见", LEGAL_REASONS)
    buttons = (
        Button("keep_claim", LEGAL_ANSWERS["keep_claim"], "primary", (opinion,)),
        Button("no_claim", LEGAL_ANSWERS["no_claim"], "plain", (opinion,)),
    )
    return _task("qc_legal", policy, failure, ("role:legal",), buttons)


def claim_task(policy: Policy, failure: Failure, to: tuple[str, ...]) -> NewTask:
    """The supplier, through the portal: accept the claim or dispute it."""
    photo = Field("photo", "照片或报告", "photo")
    buttons = (
        Button(
            "accept", CLAIM_ANSWERS["accept"], "primary", (Field("reason", "补充说明", "text"),)
        ),
        Button("dispute", CLAIM_ANSWERS["dispute"], "plain", (reason_field("异议理由"), photo)),
    )
    return _task("qc_claim", policy, failure, to, buttons)


_TITLES = {"qc_decide": "质检不合格", "qc_legal": "质检不合格，请法务定", "qc_claim": "质检索赔"}


def _task(
    kind: str,
    policy: Policy,
    failure: Failure,
    to: tuple[str, ...],
    buttons: Sequence[Button],
) -> NewTask:
    goods, title = failure.goods, _TITLES[kind]
    more = [Fact("原因", failure.reason), Fact("供应商", failure.supplier)]
    if failure.whole_lot:
        more.append(Fact("已冻结", "整个批次，后续到货直接进冻结"))
    more.append(Fact("采购单", failure.order_code))
    card = Card(
        title,
        f"{goods.item} {goods.amount}",
        facts_of(goods, waits=f"{goods.warehouse}等结果", more=more),
        tuple(buttons),
        picture=failure.photos[0] if failure.photos else "",
        urgent=True,
    )
    return NewTask(
        kind=kind,
        title=f"{title} · {goods.item} {goods.amount}",
        subject=f"inspection:{failure.inspection_id}",
        to=to,
        policy=policy,
        card=card,
        context={
            "inspection_id": failure.inspection_id,
            "order_code": failure.order_code,
            "photos": list(failure.photos),
        },
        group=f"inspection:{failure.inspection_id}",
        dedupe_key=f"{kind}:{failure.inspection_id}",
        priority="high",
        warehouse_id=goods.warehouse_id,
        partner_id=failure.supplier_id,
    )
