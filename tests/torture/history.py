"""R13: was what the clients saw possible? A checker of histories, after Wing & Gong and Lowe.

Every operation concerns one item, so each item's history is judged alone: is there an order of its
operations, each somewhere between its asking and its answer, in which every answer is right?
Knows nothing of how the history came about. Times are seconds on one monotonic counter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

Stock = tuple[tuple[int, int], ...]  # (on hand, reserved) of each place
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Op:
    """One operation of one client.

    `kind`: receive, issue, move, reserve, release, fulfil, read. `place`, `to`: numbers of places.
    `outcome`: ok, refused, or unknown: nobody was told, and it may take effect at any later time.
    `seen` is what a read answered. `began` is the asking, or of a refusal the last one: whatever
    was asked before and answered by nobody left no effect behind.
    """

    key: str
    item: int
    kind: str
    began: float
    ended: float = NEVER
    outcome: str = "unknown"
    place: int = 0
    to: int = 0
    n: int = 0
    seen: Stock = ()


def after(stock: Stock, op: Op) -> Stock | None:
    """What stands after `op` took effect in `stock`; None when it cannot have gone like this."""
    if op.kind == "read":
        return stock if op.seen == stock else None
    hand, reserved = stock[op.place]
    takes = op.kind in {"issue", "move", "reserve"}
    if op.outcome == "refused":
        return stock if takes and hand - reserved < op.n else None
    if takes and hand - reserved < op.n:
        return None
    change = {
        "receive": (op.n, 0),
        "issue": (-op.n, 0),
        "move": (-op.n, 0),
        "reserve": (0, op.n),
        "release": (0, -op.n),
        "fulfil": (-op.n, -op.n),
    }[op.kind]
    places = list(stock)
    places[op.place] = (hand + change[0], reserved + change[1])
    if op.kind == "move":
        there = places[op.to]
        places[op.to] = (there[0] + op.n, there[1])
    if places[op.place][0] < 0 or places[op.place][1] < 0:
        return None
    return tuple(places)


def check(ops: Iterable[Op], opening: Stock) -> list[str]:
    """What no order of the operations explains: the first answer of each item, in words."""

    def item(op: Op) -> int:
        return op.item

    found = []
    for number, its in groupby(sorted(ops, key=item), key=item):
        problem = check_item(list(its), opening)
        if problem:
            found.append(f"item {number}: {problem}")
    return found


# A world that is still possible: what stands, and what of the pending has taken effect already.
World = tuple[Stock, frozenset[str]]


def check_item(ops: list[Op], opening: Stock) -> str:
    """The first answer that fits no possible world; empty when every answer fits one.

    At each answer every world lets any of the pending take effect, in any order, until the one
    that was answered has. Worlds that agree are one, so their number is bounded by the sets of
    what is pending: as few as the clients are.
    """
    pending: dict[str, Op] = {}
    worlds: set[World] = {(opening, frozenset())}
    for op, is_answer in _in_time(ops):
        if not is_answer:
            pending[op.key] = op
            continue
        before, worlds = worlds, set(_settled(worlds, pending, op))
        del pending[op.key]
        if not worlds:
            stocks = sorted({stock for stock, _ in before})[:5]
            return f"{op} answers none of {stocks} with {sorted(pending)} under way"
    return ""


def _in_time(ops: list[Op]) -> Iterator[tuple[Op, bool]]:
    """(op, False) when it is asked, (op, True) when it is answered; an unknown one never is."""
    moments = [(op.began, 0, op) for op in ops if op.kind != "read" or op.outcome == "ok"]
    moments += [(op.ended, 1, op) for op in ops if op.outcome != "unknown"]
    moments.sort(key=lambda moment: moment[:2])
    return ((op, bool(answer)) for _, answer, op in moments)


def _settled(worlds: set[World], pending: dict[str, Op], answered: Op) -> Iterator[World]:
    """Every world in which `answered` has taken effect."""
    waiting, known = list(worlds), set(worlds)
    while waiting:
        stock, done = waiting.pop()
        if answered.key in done:
            yield stock, done - {answered.key}
            continue
        for key, op in pending.items():
            if key in done:
                continue
            then = after(stock, op)
            world = (then, done | {key}) if then is not None else None
            if world is not None and world not in known:
                known.add(world)
                waiting.append(world)
