"""The sentences of goods that come back or go away, one function each. Others: messages.py."""

from __future__ import annotations

from pda.messages import Message


def scan_order_or_place() -> Message:
    return Message(
        "info",
        "客户退货扫销售单号；退供应商或报废，扫货在的库位。",
        "Scan the sales order of a customer's return, or the bin of goods that go away.",
    )


def may_come_back(code: str, customer: str, lines: int) -> Message:
    if not lines:
        return Message(
            "warn",
            f"{code} 没有可退的：没发过货，或都退完了。核对单号，再扫。",
            f"{code}: nothing was shipped, or all of it came back already. Check the number.",
            "nothing_open",
        )
    return Message(
        "ok",
        f"{code}（{customer}）发了 {lines} 种。扫退回来的货。",
        f"{code}: {lines} kinds were shipped. Scan what came back.",
    )


def lies_here(place: str, rows: int) -> Message:
    if not rows:
        return Message(
            "warn",
            f"{place} 没有可用的货，不能退也不能报废。核对库位，再扫。",
            f"{place} holds nothing that could go away. Check the bin.",
            "nothing_here",
        )
    return Message("ok", f"{place} 有 {rows} 种货。扫要处理的货。", f"{place}: {rows} rows. Scan.")


def in_hands(item: str, quantity: str) -> Message:
    return Message("ok", f"{item} {quantity}。选去处和原因。", f"{item}: {quantity}. Say why.")


def not_so_much(item: str, left: str) -> Message:
    return Message(
        "error",
        f"{item} 最多 {left}，这一枪没记。核对货和单（或库位），再扫。",
        f"{item}: {left} at most; this scan was not counted.",
        "too_much",
    )
