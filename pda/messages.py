"""Every sentence a scanner can show, one function each: what happened, why, what now.

Chinese first, English beside it. `level` decides colour and sound: ok counted, again, warn, ask
(needs the same scan or a tap), error (nothing was done). Refusals of the core bring their own
sentences (core.errors); these are the ones of the screen itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import AppError

SOUNDS = {"ok": "ok", "info": "ok", "warn": "again", "ask": "again", "error": "error"}


@dataclass(frozen=True, slots=True)
class Message:
    """One band on the screen. `code` is stable, small and copyable; empty for good news."""

    level: str
    text: str
    en: str
    code: str = ""

    @property
    def sound(self) -> str:
        return SOUNDS[self.level]

    def to_wire(self) -> dict[str, str]:
        return {"level": self.level, "text": self.text, "en": self.en, "code": self.code}


def refused(problem: AppError) -> Message:
    """What the core refused, in the core's own words."""
    return Message("error", problem.say("zh"), problem.say("en"), problem.code)


# -- any screen ----------------------------------------------------------------------------------
def unknown_code(code: str, *, odd_keyboard: bool) -> Message:
    if odd_keyboard:
        return Message(
            "error",
            f"读到「{_short(code)}」，不像条码：输入法挡在中间。切到英文键盘再扫一次。",
            f"“{_short(code)}” is no barcode: an input method got in between. Switch it off.",
            "odd_keyboard",
        )
    return Message(
        "error",
        f"不认识「{_short(code)}」：不是单号、货品、批次或库位。核对后再扫，没有记任何数量。",
        f"“{_short(code)}” is no order, item, lot or place. Check and rescan; nothing was counted.",
        "unknown_code",
    )


def pick_label(count: int) -> Message:
    return Message(
        "ask",
        f"标签少打了分隔符，有 {count} 种读法。对照纸面点正确的一种。",
        f"The label lacks a separator: {count} readings. Tap the one printed on paper.",
        "label_ambiguous",
    )


def nothing_open(what: str) -> Message:
    return Message(
        "error",
        f"{what} 没有等待收货的采购单。先扫采购单号，或找采购员补单。",
        f"No open purchase order waits for {what}. Scan the order, or ask the buyer for one.",
        "nothing_open",
    )


def not_on_order(item: str, order: str) -> Message:
    return Message(
        "error",
        f"{item} 不在采购单 {order} 上，没有记数。核对货品，或换一张单再扫。",
        f"{item} is not on order {order}; nothing was counted. Check it or scan another order.",
        "not_on_order",
    )


def unexpected_scan(what: str, wanted: str) -> Message:
    return Message(
        "error",
        f"扫到的是{what}，这一步要扫{wanted}。数量没有变。",
        f"That was {what}; this step needs {wanted}. No quantity changed.",
        "unexpected_scan",
    )


def choose_line(count: int) -> Message:
    return Message(
        "ask",
        f"有 {count} 行都在等这个货。点要收的那一行。",
        f"{count} lines wait for this item. Tap the one that arrived.",
        "choose_line",
    )


def choose_lot(count: int) -> Message:
    return Message(
        "ask",
        f"这里有 {count} 个批次。扫批次标签，或点一个。",
        f"{count} lots stand here. Scan the lot label or tap one.",
        "choose_lot",
    )


def scan_order_or_goods() -> Message:
    return Message("info", "扫采购单号，或直接扫货品标签。", "Scan an order or a goods label.")


# -- receiving -----------------------------------------------------------------------------------
def order_opened(code: str, lines: int) -> Message:
    return Message(
        "ok",
        f"采购单 {code}，还有 {lines} 行要收。扫货品标签。",
        f"Order {code}: {lines} lines to receive. Scan an item.",
    )


def order_complete(code: str) -> Message:
    return Message(
        "warn",
        f"采购单 {code} 已经收齐，没有要收的行。扫下一张单。",
        f"Order {code} is complete. Scan the next one.",
        "order_complete",
    )


def line_opened(item: str, waiting: str) -> Message:
    return Message("ok", f"{item}，还差 {waiting}。逐件扫，或改数量。", f"{item}: {waiting} open.")


def counted(item: str, quantity: str, waiting: str) -> Message:
    return Message(
        "ok", f"{item} 已扫 {quantity}，还差 {waiting}。", f"{item}: {quantity} scanned."
    )


def over_order(item: str, quantity: str, over: str) -> Message:
    return Message(
        "warn",
        f"{item} 已扫 {quantity}，比订单多 {over}。多收要填原因。",
        f"{item}: {quantity} scanned, {over} more than ordered. A reason is needed.",
        "over_order",
    )


def repaired(item: str, lot: str, quantity: str) -> Message:
    return Message(
        "warn",
        f"{item} 已扫 {quantity}。标签少打分隔符，按订单认出批次 {lot or '无'}，请对一眼。",
        f"{item}: {quantity}. The label lacked a separator; lot {lot or '-'} was inferred.",
        "label_repaired",
    )


def gtin_doubtful(gtin: str) -> Message:
    return Message(
        "warn",
        f"标签上的 GTIN {gtin} 校验位不对，按货品表认出。请核对品名。",
        f"The check digit of GTIN {gtin} is wrong; matched by the item table. Check the name.",
        "gtin_check_digit",
    )


def serial_again(serial: str) -> Message:
    return Message(
        "warn",
        f"序列号 {serial} 刚才扫过了，不重复计数。扫下一件。",
        f"Serial {serial} was scanned already and is not counted twice.",
        "serial_again",
    )


def serial_missing(item: str) -> Message:
    return Message(
        "error",
        f"{item} 按序列号管理，这个码里没有序列号，没有记数。扫带序列号的标签。",
        f"{item} is tracked by serial; this code has none. Scan the serial label.",
        "serial_missing",
    )


def switch_line(item: str, quantity: str) -> Message:
    return Message(
        "ask",
        f"{item} 已扫 {quantity}，还没确认。再扫一次同一个码就放弃这些数，换到新货。",
        f"{item}: {quantity} not confirmed. Scan the same code again to drop it and switch.",
        "confirmation_required",
    )


def expired_label(item: str, day: str) -> Message:
    return Message(
        "warn",
        f"{item} 效期 {day}，已经过期。只能判不合格，拍照并选原因。",
        f"{item} expired on {day}. It can only be rejected: photo and reason.",
        "label_expired",
    )


def needs_verdict(item: str) -> Message:
    return Message(
        "ask",
        f"{item} 要质检：填合格数和不合格数，再扫库位。拍照可选。",
        f"{item} needs inspection: fill accepted and rejected, then scan the bin.",
        "needs_inspection",
    )


def nothing_counted(item: str) -> Message:
    return Message(
        "error",
        f"{item} 还没有数量，没入账。先扫货，或填数量。",
        f"{item} has no quantity yet; nothing was posted. Scan items or enter it.",
        "nothing_counted",
    )


def posted(sentence: str) -> Message:
    return Message("ok", sentence, "Posted.")


# -- putaway, transfer ---------------------------------------------------------------------------
def to_bin(item: str, quantity: str, bin_code: str) -> Message:
    return Message(
        "ok",
        f"{item} {quantity}，建议放 {bin_code or '任一空库位'}。扫库位就入账。",
        f"{item} {quantity}: suggested bin {bin_code or 'any'}. Scan the bin to post.",
    )


def other_bin(scanned: str, suggested: str) -> Message:
    return Message(
        "ask",
        f"建议的是 {suggested}，扫到的是 {scanned}。就放这里：再扫一次 {scanned}。",
        f"Suggested {suggested}, scanned {scanned}. Scan {scanned} again to use it.",
        "confirmation_required",
    )


def nothing_to_put_away(item: str) -> Message:
    return Message(
        "error",
        f"{item} 没有等待上架的数量：可能已上架，或还在质检。扫别的货，或先质检。",
        f"Nothing of {item} waits for putaway: done already, or still in inspection.",
        "nothing_to_put_away",
    )


def nothing_here(item: str, place: str) -> Message:
    return Message(
        "error",
        f"{place} 没有 {item} 的可用库存，没有记数。核对库位，或先盘点。",
        f"No usable stock of {item} at {place}; nothing was counted. Check the place.",
        "nothing_here",
    )


def from_place(place: str) -> Message:
    return Message("ok", f"从 {place} 拿。扫货品。", f"From {place}. Scan the item.")


def scan_from_place() -> Message:
    return Message("info", "扫拿货的库位。", "Scan the place to take from.")


def one_at_a_time(item: str, quantity: str) -> Message:
    return Message(
        "error",
        f"手上还有 {item} {quantity}，这一枪没记。先扫目标库位入账，再拿别的货。",
        f"{quantity} of {item} is still in hand; not counted. Scan its destination first.",
        "one_at_a_time",
    )


def put_on_hand(item: str, quantity: str, left: str) -> Message:
    return Message(
        "ok",
        f"{item} 拿 {quantity}，这里有 {left}。继续扫货，或扫目标库位入账。",
        f"{item}: {quantity} of {left}. Scan more, or the destination to post.",
    )


def too_much_here(item: str, quantity: str, left: str) -> Message:
    return Message(
        "error",
        f"{item} 这里可用只有 {left}，已经拿了 {quantity}，这一枪没记。扫目标库位，或换货。",
        f"Only {left} of {item} here and {quantity} taken; this scan was not counted.",
        "too_much_here",
    )


def moved(item: str, quantity: str, place: str) -> Message:
    return Message(
        "ok", f"已入账：{item} {quantity} 到 {place}。", f"Posted: {quantity} to {place}."
    )


# -- counting ------------------------------------------------------------------------------------
def count_opened(places: int) -> Message:
    return Message(
        "ok",
        f"盘点任务，{places} 个库位。扫第一个库位。",
        f"Stock count of {places} places. Scan the first one.",
    )


def count_place(place: str) -> Message:
    return Message(
        "ok", f"盘 {place}：逐件扫，不看账面数。", f"Counting {place}: scan every piece."
    )


def tally(item: str, quantity: str, scans: int) -> Message:
    return Message("ok", f"{item} 数到 {quantity}（第 {scans} 枪）。", f"{item}: {quantity}.")


def typed(quantity: str) -> Message:
    return Message("ok", f"已改为 {quantity}。", f"Set to {quantity}.")


def lot_label_wanted(item: str) -> Message:
    return Message(
        "error",
        f"{item} 按批次管理，这个码看不出批次，没有记数。扫带批次的标签。",
        f"{item} is tracked by lot and this code names none we know. Scan the lot label.",
        "lot_label_wanted",
    )


def save_first(place: str) -> Message:
    return Message(
        "error",
        f"{place} 的数还没保存，没有提交。先点「盘完这格」。",
        f"{place} is not saved; nothing was submitted. Save the place first.",
        "save_first",
    )


def unsaved_tally(place: str, lines: int) -> Message:
    return Message(
        "ask",
        f"{place} 的 {lines} 行还没保存。再扫一次新库位就放弃这些数。",
        f"{lines} lines of {place} are not saved. Scan the new place again to drop them.",
        "confirmation_required",
    )


def zero_left(names: str) -> Message:
    return Message(
        "ask",
        f"{names} 一件没扫到。确实没有就再按一次「盘完这格」，记为 0。",
        f"{names}: none scanned. Press again to record zero.",
        "confirmation_required",
    )


def place_saved(place: str, left: int, recount: int) -> Message:
    tail = f"，{recount} 行要换人复盘" if recount else ""
    return Message(
        "ok",
        f"{place} 已保存{tail}，还有 {left} 行没盘。",
        f"{place} saved, {left} lines left, {recount} to recount.",
    )


def count_finished(
    applied: int, same: int, waiting: int, conflict_lines: tuple[str, ...]
) -> Message:
    conflicts = len(conflict_lines)
    text = f"盘点已提交：{same} 行相符，{applied} 行调整"
    text += f"，{waiting} 行等主管批准" if waiting else ""
    text += f"，{conflicts} 行因盘点时有出入库要重盘" if conflicts else ""
    return Message(
        "warn" if conflicts or waiting else "ok",
        text + "。",
        f"Count: {same} equal, {applied} adjusted, {waiting} waiting, {conflicts} conflicts.",
    )


# -- lookup --------------------------------------------------------------------------------------
def found_item(name: str, quantity: str) -> Message:
    return Message("info", f"{name}，可用 {quantity}。", f"{name}: {quantity} available.")


def found_place(code: str, lines: int) -> Message:
    text = f"{code}：{lines} 种货。" if lines else f"{code}：空的，系统里没有库存。"
    return Message("info", text, f"{code}: {lines} kinds of goods.")


def done_task(sentence: str) -> Message:
    return Message("ok", sentence, "Done.")


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}…"
