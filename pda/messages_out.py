"""The sentences of picking, packing and handing over, one function each. Others: messages.py."""

from __future__ import annotations

from pda.messages import Message


# -- picking -------------------------------------------------------------------------------------
def scan_wave() -> Message:
    return Message("info", "扫波次单上的码，或从任务里点开。", "Scan the wave, or open its task.")


def walk_begins(code: str, stops: int, first: str) -> Message:
    if not stops:
        return Message(
            "warn",
            f"波次 {code} 已经拣完，没有要拣的了。",
            f"Wave {code} is picked already.",
            "wave_done",
        )
    return Message(
        "ok",
        f"波次 {code}，还有 {stops} 行。先去 {first}。",
        f"Wave {code}: {stops} stops. Go to {first}.",
    )


def at_bin(place: str, item: str, quantity: str) -> Message:
    return Message(
        "ok", f"{place} 对。拿 {item} {quantity}，逐件扫。", f"{place}: take {quantity} of {item}."
    )


def wrong_bin(scanned: str, wanted: str) -> Message:
    return Message(
        "error",
        f"{scanned} 没有要拣的货，没有记数。去 {wanted or '下一个库位'} 再扫。",
        f"Nothing is to be picked at {scanned}; nothing was counted. Go to {wanted or 'the next'}.",
        "wrong_bin",
    )


def bin_first(wanted: str) -> Message:
    return Message(
        "error",
        f"还没扫库位，没有记数。先扫 {wanted or '库位'}，再扫货。",
        f"Scan the bin {wanted} first; nothing was counted.",
        "bin_first",
    )


def wrong_goods(scanned: str, wanted: str) -> Message:
    return Message(
        "error",
        f"拿错了：扫到 {scanned}，这里要 {wanted}。放回去，没有记数。",
        f"Wrong goods: {scanned}; this stop wants {wanted}. Put it back, nothing was counted.",
        "wrong_goods",
    )


def wrong_lot(item: str, scanned: str, wanted: str) -> Message:
    return Message(
        "error",
        f"批次不对：{item} 扫到 {scanned}，要 {wanted}（先到期先出）。换一箱，没有记数。",
        f"Wrong lot of {item}: {scanned}, wanted {wanted}. Take another; nothing was counted.",
        "wrong_lot",
    )


def too_many_for_stop(item: str, left: str) -> Message:
    return Message(
        "error",
        f"多了：{item} 这里只要 {left}，这一枪没记。多的放回去。",
        f"Too many: this stop wants only {left} of {item}; this scan was not counted.",
        "pick_too_much",
    )


def went_short(sentence: str) -> Message:
    return Message("warn", sentence, "Reported short.", "went_short")


# -- packing, handing over -----------------------------------------------------------------------
def scan_sale() -> Message:
    return Message("info", "扫销售单号或箱标。", "Scan the sales order or a box label.")


def pack_begins(code: str, lines: int, boxes: int) -> Message:
    if lines:
        return Message(
            "ok",
            f"{code}，{lines} 种货要装箱。逐件扫进箱里。",
            f"{code}: {lines} kinds to pack. Scan every piece into the box.",
        )
    if boxes:
        return Message(
            "ok",
            f"{code} 已装好 {boxes} 箱，等交接。交给承运商时扫箱标。",
            f"{code}: {boxes} boxes wait for the carrier. Scan their labels.",
        )
    return Message("warn", f"{code} 没有要装的货。", f"{code}: nothing to pack.", "nothing_open")


def not_for_this_box(item: str, left: str) -> Message:
    return Message(
        "error",
        f"{item} 还没装的只有 {left}，这一枪没记。核对是不是别的单的货。",
        f"Only {left} of {item} is left to pack; not counted. Is it another order's?",
        "not_what_was_picked",
    )


def serial_not_picked(item: str, serial: str) -> Message:
    return Message(
        "error",
        f"{item} 序列号 {serial} 不是给这张单拣的，或已经装箱，没有记数。放回去，扫拣出来的。",
        f"{item} {serial} was not picked for this order, or is in a box; not counted. "
        "Scan the piece that was picked.",
        "serial_not_picked",
    )


def in_box(item: str, quantity: str, left: str) -> Message:
    return Message("ok", f"{item} 箱里 {quantity}，还差 {left}。", f"{item}: {quantity}.")


def box_closed(code: str) -> Message:
    return Message("ok", f"箱 {code} 已关。贴上箱标。", f"Box {code} closed. Put its label on.")


def box_taken(code: str, left: int) -> Message:
    tail = f"还有 {left} 箱没扫" if left else "箱子齐了，点「交给承运商」"
    return Message("ok", f"{code} 已核对，{tail}。", f"{code} checked, {left} left.")


def box_gone(code: str) -> Message:
    return Message("warn", f"{code} 已经交接过，不重复。", f"{code} left already.", "box_shipped")


def box_open(code: str) -> Message:
    zh, en = f"{code} 已经拆开，重新装箱。", f"{code} was opened; pack the goods again."
    return Message("warn", zh, en, "box_open")


def shipped(boxes: int) -> Message:
    return Message("ok", f"{boxes} 箱已交接。", f"{boxes} boxes handed over.")
