"""Task cards of goods out. Only words and buttons; what a button does stands in core/actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.clock import MINUTE, Instant, to_datetime
from core.orders.cards import WAREHOUSE, Goods, facts_of, reason_choice, reason_field
from core.outbox.card import Button, Card, Fact, Field
from core.tasks.policy import NATURAL, Policy
from core.tasks.task import NewTask

BUYER, FINANCE = ("role:buyer",), ("role:finance",)
SLACK = 30 * MINUTE  # packing and loading, between the last pick and the lorry
SOONEST = 5 * MINUTE
MOST_BINS = 5  # on a card
FACE_IS_FULL = "架上还够"
NOT_REFILLED = ("备货区是空的", "货坏了", "找不到货", FACE_IS_FULL)


@dataclass(frozen=True, slots=True)
class Departure:
    """Who fetches the goods, and when; `at` None: nobody waits at a fixed time."""

    carrier: str
    at: Instant | None

    @property
    def words(self) -> str:
        if self.at is None:
            return self.carrier or "自提"
        when = to_datetime(self.at)
        return f"{self.carrier or '发车'} {when.month}月{when.day}日 {when:%H:%M} 截单"


def until(policy: Policy, now: Instant, departure: Departure, slack: Instant) -> Policy:
    """The policy with its deadline at the departure less `slack`, on the wall's clock.

    The first rung climbs when that deadline passes, the others as far behind it as they were.
    """
    if departure.at is None:
        return policy
    left = max(SOONEST, departure.at - slack - now)
    remind = tuple(each for each in policy.remind if each < left)
    first = tuple(replace(rung, after=left, clock=NATURAL) for rung in policy.rungs[:1])
    later = tuple(
        replace(rung, after=left + max(MINUTE, rung.after - policy.rungs[0].after), clock=NATURAL)
        for rung in policy.rungs[1:]
    )
    return replace(policy, respond_within=left, clock=NATURAL, remind=remind, rungs=first + later)


def pick_task(
    policy: Policy,
    *,
    wave_id: str,
    code: str,
    goods: Goods,
    orders: int,
    departure: Departure,
    urgent: bool,
) -> NewTask:
    """「拣货」 of one wave: how many stops, for how many orders, and when the lorry leaves."""
    what = "急单拣货" if urgent else "拣货"
    more = (Fact("单数", f"{orders} 单"), Fact("波次", code), Fact("发车", departure.words))
    card = Card(
        what,
        f"{goods.warehouse} {goods.amount}，{orders} 单",
        facts_of(goods, waits=departure.words, more=more),
        (Button("pick_rest", "照单全部拣完", "primary"),),
        urgent=urgent,
        footer="在扫码枪上按走位拣：扫库位，扫货。",
    )
    context = {"wave_id": wave_id, "code": code}
    title = f"{what} · {goods.warehouse} {goods.amount}"
    return _task("pick", f"wave:{wave_id}", title, (policy, card), (goods, context))


def pack_task(
    policy: Policy,
    *,
    sale_id: str,
    code: str,
    goods: Goods,
    customer: str,
    departure: Departure,
    urgent: bool,
) -> NewTask:
    """「打包」 of one order that is picked."""
    more = (Fact("客户", customer), Fact("单号", code), Fact("发车", departure.words))
    card = Card(
        "打包",
        f"{goods.item} {goods.amount}",
        facts_of(goods, waits=f"{customer}等货", more=more),
        (Button("pack_rest", "装成一箱", "primary"),),
        urgent=urgent,
    )
    context = {"sale_id": sale_id, "code": code}
    title = f"打包 · {goods.item} {goods.amount}"
    return _task("pack", f"sale:{sale_id}", title, (policy, card), (goods, context))


def ship_task(
    policy: Policy,
    *,
    sale_id: str,
    code: str,
    goods: Goods,
    boxes: int,
    departure: Departure,
    urgent: bool,
) -> NewTask:
    """「交接」: the boxes of one order go to whoever carries them."""
    tracking = Field("tracking", "运单号", "text")
    card = Card(
        "发货交接",
        f"{code} {boxes} 箱",
        facts_of(goods, waits=departure.words, more=(Fact("单号", code),)),
        (Button("ship", "已交给承运商", "primary", (tracking,)),),
        urgent=urgent,
    )
    context = {"sale_id": sale_id, "code": code}
    title = f"发货交接 · {code} {boxes} 箱"
    return _task("ship", f"sale:{sale_id}", title, (policy, card), (goods, context))


def _task(
    kind: str,
    subject: str,
    title: str,
    face: tuple[Policy, Card],
    about: tuple[Goods, dict[str, Any]],
    *,
    to: tuple[str, ...] = WAREHOUSE,
    group: str = "",
) -> NewTask:
    """One live task for each subject; `about`: the goods it is about, and what its buttons need."""
    (policy, card), (goods, context) = face, about
    return NewTask(
        kind=kind,
        title=title,
        subject=subject,
        to=to,
        policy=policy,
        card=card,
        context=context,
        group=group,
        dedupe_key=f"{kind}:{subject.partition(':')[2]}",
        priority="urgent" if card.urgent else "normal",
        warehouse_id=goods.warehouse_id,
    )


CUT_REASONS = ("客户同意少发", "停产", "到货太晚", "数量下错")


def shortage_task(
    policy: Policy,
    goods: Goods,
    *,
    line_id: str,
    sale: tuple[str, str, str],
    substitutes: Sequence[tuple[str, str]],
    urgent: bool,
) -> NewTask:
    """「缺货」 for the buyer. `sale`: its code, its customer, its ship date. `substitutes`: (item
    code, words) of what could go instead, best first."""
    code, customer, ship_on = sale
    cut = Button("cut", "少发这些", "danger", (reason_choice("少发原因", CUT_REASONS),))
    wait = Button("wait", "等到货再发", "plain", (Field("date", "预计到货日", "text"),))
    instead = Field("other", "换成", "choice", tuple(substitutes), required=True)
    swap = (Button("substitute", "换替代品", "primary", (instead,)),) if substitutes else ()
    more = (Fact("客户", customer), Fact("单号", code), Fact("发货日", ship_on))
    card = Card(
        "缺货",
        f"{goods.item} 差 {goods.amount}",
        facts_of(goods, waits=f"{customer}等货", more=more),
        (*swap, wait, cut),
        urgent=urgent,
    )
    context = {"sale_line_id": line_id, "code": code}
    title = f"缺货 · {goods.item} 差 {goods.amount}"
    subject = f"sale_line:{line_id}"
    return _task("shortage", subject, title, (policy, card), (goods, context), to=BUYER)


def replenish_task(
    policy: Policy,
    goods: Goods,
    *,
    from_code: str,
    to_code: str,
    key: str,
    context: dict[str, Any],
    urgent: bool,
) -> NewTask:
    """「补货」: from a bin of the reserve to the one that is picked from."""
    more = (Fact("从", from_code), Fact("到", to_code))
    why = replace(reason_choice("为什么没补", NOT_REFILLED), required=True)
    card = Card(
        "补拣货位",
        f"{goods.item} {goods.amount}",
        facts_of(goods, waits=f"{to_code} 快拣空了", more=more),
        (
            Button("replenish", f"已补到 {to_code}", "primary"),
            Button("none_left", "没补成", "danger", (why,)),
        ),
        urgent=urgent,
    )
    return NewTask(
        kind="replenish",
        title=f"补拣货位 · {goods.item} {goods.amount} 到 {to_code}",
        subject=f"location:{to_code}",
        to=WAREHOUSE,
        policy=policy,
        card=card,
        dedupe_key=key,
        context=context,
        priority="high" if urgent else "normal",
        warehouse_id=goods.warehouse_id,
    )


def put_back_task(
    policy: Policy,
    goods: Goods,
    *,
    sale: tuple[str, str, str],
    bins: Sequence[tuple[str, str]],
    why: str,
) -> NewTask:
    """「退拣放回」. `sale`: the order's id, code and customer. `bins`: (bin, what goes back there).
    `why`: 「取消了」 or what was wrong with it."""
    sale_id, code, customer = sale
    shown = tuple(Fact(f"放回 {place}", words) for place, words in bins[:MOST_BINS])
    rest = (Fact("还有", f"{len(bins) - MOST_BINS} 行"),) if len(bins) > MOST_BINS else ()
    more = (Fact("单号", code), Fact("客户", customer), *shown, *rest)
    first = bins[0][1] + (f" 等 {len(bins)} 行" if len(bins) > 1 else "")
    card = Card(
        "退拣放回",
        f"{code} {why}：{first}",
        facts_of(goods, waits=f"{goods.warehouse}出货区要腾空", more=more),
        (Button("put_back", "全部放回原库位", "primary"),),
        footer="要放别的库位，用移库从出货区移走；坏了的从出货区报废。",
    )
    title = f"退拣放回 · {code} {first}"[:200]
    context = {"sale_id": sale_id, "code": code}
    return _task("put_back", f"sale:{sale_id}", title, (policy, card), (goods, context))


def return_task(policy: Policy, goods: Goods, *, key: str, context: dict[str, Any]) -> NewTask:
    """「退货检查」 of what a customer sent back and nobody judged yet."""
    photo = Field("photo", "照片", "photo")
    card = Card(
        "退货检查",
        f"{goods.item} {goods.amount}",
        facts_of(goods, waits=f"{goods.warehouse}等入库", more=()),
        (
            Button("good", "完好，入库", "primary"),
            Button("bad", "有问题，冻结", "danger", (reason_field(), photo)),
        ),
    )
    title = f"退货检查 · {goods.item} {goods.amount}"
    return _task("return_check", f"return:{key}", title, (policy, card), (goods, context))


def rush_stock_task(
    policy: Policy, goods: Goods, *, sale: tuple[str, str, str], group: str, stock: Sequence[Fact]
) -> NewTask:
    """「急单确认库存」 for the buyer, half an hour. `sale`: id, code, customer."""
    sale_id, code, customer = sale
    card = Card(
        "急单确认库存",
        f"{goods.item} {goods.amount}",
        facts_of(goods, waits=f"{customer}等答复", more=(Fact("单号", code), *stock)),
        (
            Button("confirm", "库存没问题", "primary"),
            Button("refuse", "供不上", "danger", (reason_field(),)),
        ),
        urgent=True,
        footer="缺的行另有一张缺货卡，可换替代品。",
    )
    context = {"sale_id": sale_id, "code": code}
    title = f"急单确认库存 · {customer} {goods.item} {goods.amount}"
    about, subject = (goods, context), f"sale:{sale_id}"
    return _task("rush_stock", subject, title, (policy, card), about, to=BUYER, group=group)


def rush_terms_task(
    policy: Policy, goods: Goods, *, sale: tuple[str, str, str], group: str, cash: Sequence[Fact]
) -> NewTask:
    """「急单账期」 for finance: what the changed payment term does to the cash."""
    sale_id, code, customer = sale
    card = Card(
        "急单账期影响",
        f"{customer} {code}",
        facts_of(goods, waits=f"{customer}等发货", more=cash),
        (
            Button("agree", "可以，按新账期", "primary"),
            Button("object", "不同意", "danger", (reason_field(),)),
        ),
        urgent=True,
    )
    context = {"sale_id": sale_id, "code": code}
    title = f"急单账期 · {customer} {code}"
    about, subject = (goods, context), f"sale:{sale_id}"
    return _task("rush_terms", subject, title, (policy, card), about, to=FINANCE, group=group)
