"""What may be done with goods out, and every refusal of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.errors import AppError, define
from core.quantity import Factor, Micro, show

LONGEST_CODE = 64  # of whatever has a number of its own
STATES = {
    "open": "待拣",
    "picking": "拣货中",
    "picked": "待打包",
    "packed": "待交接",
    "shipped": "已发货",
    "cancelled": "已取消",
}
SHORT_REASONS = {
    "missing": "库位上没有",
    "damaged": "货损坏",
    "wrong": "放的是别的货",
    "blocked": "够不着",
}
# What the books say about goods that a picker did not find: nobody is promised them again.
DOUBTFUL = frozenset({"missing", "damaged", "wrong"})

SALE_STATE = define(
    "sale_state",
    409,
    "没有改动：销售单 {code} 现在是「{state}」，不能{verb}。刷新看最新状态。",
    "Nothing changed: sale {code} is {state}; you cannot {verb} it.",
)
ALREADY_PICKED = define(
    "already_picked",
    409,
    "没有改动：{place} 的 {item} 已经{state}（{picked}）。看下一行。",
    "Nothing changed: {item} at {place} is already {state} ({picked}). Go on to the next line.",
)
PICK_TOO_MUCH = define(
    "pick_too_much",
    409,
    "没拣：{place} 的 {item} 这一行还要 {left}，你拣了 {asked}。多的放回去，改成 {left}。",
    "Not picked: this line still wants {left} of {item}, you took {asked}. Put the rest back.",
)
PICK_WRONG_PLACE = define(
    "pick_wrong_place",
    409,
    "没拣：这一行要从 {place} 拿，你扫的是 {scanned}。走到 {place} 再扫。",
    "Not picked: this line is taken from {place}, you scanned {scanned}.",
)
FOUND_ALL = define(
    "found_all",
    422,
    "没报缺：{item} 要 {asked}，你说找到 {found}，并不缺。直接确认拣货。",
    "Not reported short: {found} of {asked} {item} were found. Confirm the pick instead.",
)
NOT_WHAT_WAS_PICKED = define(
    "not_what_was_picked",
    409,
    "没打包：{item} 拣了 {picked}，还没装箱的是 {left}，你装了 {asked}。按实物重数。",
    "Not packed: {left} of {item} waits to be packed, you packed {asked}. Count again.",
)
SERIAL_NOT_PICKED = define(
    "serial_not_picked",
    409,
    "没打包：{item} 序列号 {serial} 不是给这张单拣的，或已经装箱。放回去，扫拣出来的：{waiting}。",
    "Not packed: {item} serial {serial} was not picked for this order, or is in a box. "
    "Put it back and scan what was picked: {waiting}.",
)
PACK_SERIALS = define(
    "pack_serials",
    422,
    "没打包：{item} 装 {asked} 件，扫到的序列号是 {given} 个。装进箱的逐件扫序列号。",
    "Not packed: {asked} of {item} but {given} serial numbers. Scan each one that is packed.",
)
UNPACKED_LEFT = define(
    "unpacked_left",
    409,
    "没交接：销售单 {code} 还有 {item} {left} 没装箱。先装完，或分两次发。",
    "Not shipped: {left} of {item} on sale {code} is not packed yet.",
)
BOX_NOT_HERE = define(
    "box_not_here",
    409,
    "没拆箱：箱子 {code} {state}。已交接的等客户退回，再做客户退货。",
    "Not unpacked: box {code} is {state_en}. What has left comes back as a customer's return.",
)
UNPICK_TOO_MUCH = define(
    "unpick_too_much",
    409,
    "没退拣：{item} 这一行不在箱子里的只有 {loose}。已经装箱的先拆箱。",
    "Not taken out: only {loose} of {item} is in no box. Open the box first.",
)
UNPICK_SERIALS = define(
    "unpick_serials",
    422,
    "没退拣：{item} 按序列号管理，逐个扫要退的序列号。",
    "Not taken out: {item} is kept by serial number. Scan each one that is taken out.",
)
STAGE_TAKEN = define(
    "stage_taken",
    409,
    "没有移动：{place} 的 {item} 是销售单 {code} 拣出来的，退拣的只有 {left}，你要动 {asked}。"
    "先取消 {code}，或打包发货。",
    "Not moved: {item} at {place} was picked for sale {code}; {left} of it waits to be put back, "
    "you asked for {asked}. Cancel {code}, or pack and ship it.",
)
STAGE_UNCLAIMED = define(
    "stage_unclaimed",
    409,
    "没有移动：{place} 的 {item} 等着退拣放回的只有 {left}，你要动 {asked}。"
    "改成 {left}；实物和账不一样就盘点 {place}。",
    "Not moved: {left} of {item} at {place} waits to be put back, you asked for {asked}. "
    "Take {left}; if the place holds something else, count {place}.",
)
NOTHING_TO_PICK = define(
    "nothing_to_pick",
    409,
    "没成波次：选的销售单都没有可拣的货（缺货或已在拣）。先补货或换别的单。",
    "No wave: none of these sales has goods to pick.",
)
RETURN_NOT_WAITING = define(
    "return_not_waiting",
    409,
    "没记录：{place} 等检查的 {item} 退货只有 {left}，你填了 {asked}。改成 {left}；"
    "收货待检的在质检任务里判。",
    "Not recorded: only {left} of {item} that customers sent back waits at {place}, you entered "
    "{asked}. What came from a supplier is judged in its inspection.",
)
RETURN_TOO_MUCH = define(
    "return_too_much",
    409,
    "没收退货：{item} 这张单发了 {shipped}，还能退 {left}，你填了 {asked}。改成 {left}。",
    "Not taken back: {shipped} of {item} was shipped, {left} may come back, you entered {asked}.",
)
SERIAL_NOT_SENT = define(
    "serial_not_sent",
    409,
    "没收退货：{item} 序列号 {serial} 不是 {code} 发的{owner}。核对标签，在发它的那张单上收退货。",
    "Not taken back: serial {serial} of {item} did not leave with {code}{owner_en}. Check its "
    "label, and take it back on the order that it left with.",
)
RETURN_ELSEWHERE = define(
    "return_elsewhere",
    422,
    "没收退货：{code} 从{warehouse}发货，{place} 不在那里。先退到{warehouse}，再调拨过去。",
    "Not taken back: {code} was sent from {warehouse}, and {place} is not there. Take it back in "
    "{warehouse}, then transfer it.",
)
NOT_A_STAND = define(
    "not_a_stand",
    422,
    "没入账：{code} 不是存货的地方，货不能记在那里，也不能从那里拿。扫货位或收货区的码再提交。",
    "Not posted: {code} is no place where goods are kept. Scan a bin or the dock.",
)
NOT_A_SUBSTITUTE = define(
    "not_a_substitute",
    422,
    "没替换：{other} 不在 {item} 的替代品里。先在货品里登记替代关系，或换一个。",
    "Not replaced: {other} is no registered substitute of {item}.",
)
CARRIER_UNKNOWN = define(
    "carrier_unknown",
    422,
    "没建成：没有承运商「{code}」。从已登记的承运商里选，或先登记。",
    "Not created: there is no carrier “{code}”.",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of one line is still to be sent (Micro): wanted − cut − already picked."""

    quantity: Micro
    cut: Micro
    picked: Micro
    promised: Micro

    @property
    def left(self) -> Micro:
        return max(0, self.quantity - self.cut - self.picked)

    @property
    def missing(self) -> Micro:
        """Promised by nothing."""
        return max(0, self.left - self.promised)


@dataclass(frozen=True, slots=True)
class Load:
    """What an order still has to go through (Micro; `stops` are counted)."""

    stops: int  # open pick lines
    unpacked: Micro
    unshipped: Micro  # in boxes
    shipped: Micro
    left: Micro  # wanted and not picked yet


def sale_state(load: Load) -> str:
    """Where an order stands, from what is left to do with it."""
    if load.stops:
        return "picking"
    if load.unpacked:
        return "picked"
    if load.unshipped:
        return "packed"
    if load.left:
        return "open"
    return "shipped" if load.shipped else "cancelled"


def in_substitute(quantity: Micro, factor: Factor, whole: Micro) -> Micro:
    """How much of the other item stands for `quantity`, rounded up to `whole` units of it."""
    exact = -(-quantity * factor.numerator // factor.denominator)
    return -(-exact // whole) * whole


def check_packed(
    asked: Mapping[str, Micro], left: Mapping[str, Micro], names: Mapping[str, str]
) -> None:
    """Every line that is packed must still wait to be packed, as much as is packed.

    Raises:
        AppError(not_what_was_picked)
    """
    for line_id, quantity in asked.items():
        waiting = left.get(line_id, 0)
        if quantity > waiting:
            name = names.get(line_id, "这一件")
            raise AppError(
                NOT_WHAT_WAS_PICKED,
                item=name,
                picked=show(waiting),
                left=show(waiting),
                asked=show(quantity),
            )


def check_stand(code: str, kind: str, *, also: tuple[str, ...] = ()) -> None:
    """Goods that somebody has in his hands are kept in a bin or on a dock, or in `also`.

    Raises:
        AppError(not_a_stand): on the road, thrown away, or with somebody else.
    """
    if kind not in ("bin", "dock", *also):
        raise AppError(NOT_A_STAND, code=code)


def cash_later_days(before: int, after: int) -> int:
    """By how many days the money comes later when the payment term changes; negative: earlier."""
    return after - before


def free_code(front: str, number: int, is_taken: Callable[[str], bool]) -> str:
    """`front`-`number`, counted on while somebody has typed such a code; a long front is cut."""
    while True:
        tail = f"-{number}"
        code = front[: LONGEST_CODE - len(tail)] + tail
        if not is_taken(code):
            return code
        number += 1


def shares(quantity: Micro, left: Sequence[tuple[str, Micro]]) -> list[tuple[str, Micro]]:
    """`quantity` laid out over (id, what may take it), from the front; a rest shows as less."""
    found, rest = [], quantity
    for key, most in left:
        part = min(rest, most)
        if part > 0:
            found.append((key, part))
            rest -= part
    return found
