"""The ledger against a dict: any sequence of verbs, and after each the books are what they must be.

The model keeps balances and reservations in plain dicts and predicts, for every step, whether it is
allowed and what it leaves. After every step: Σ = 0, balances equal, reserved ≤ on hand; the full
proof runs at the end of each history.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from core import stock
from core.clock import HOUR, ManualClock
from core.db import Tx
from core.errors import AppError
from core.people import ENGINE
from core.stock import Posting, Reserve
from tests.core.stock_yard import Yard
from tests.databases import DATABASES, MONDAY_0900

Key = tuple[int, int, str, str]  # item, lot, place, status

QUANTITY = st.integers(1, 8).map(lambda n: n * 500_000)
BINS = st.sampled_from(["DOCK", "A-1", "A-2"])
PLACES = ("SUPPLIER", "CUSTOMER", "DOCK", "A-1", "A-2")
VIRTUAL = {"SUPPLIER", "CUSTOMER"}
HISTORIES = int(os.environ.get("JIELI_HISTORIES", "60"))  # full size: `tests.torture model`
STEPS = int(os.environ.get("JIELI_STEPS", "30"))
AT_ONE_PLACE = 40  # histories in one database, each with goods of its own; then it is proven


@dataclass
class Warehouse:
    """One yard for several histories: a fresh database for each costs more than its history."""

    yard: Yard
    clock: ManualClock
    histories: int = 0

    def close(self) -> None:
        """Prove everything that any of them did."""
        try:
            self.yard.assert_proven()
        finally:
            self.yard.db.close()
            DATABASES.drop(self.yard.db.url)


_open: list[Warehouse] = []


def warehouse() -> Warehouse:
    """The one that is open, or a new one when it has seen enough."""
    if _open and _open[0].histories >= AT_ONE_PLACE:
        _open.pop().close()
    if not _open:
        clock = ManualClock(MONDAY_0900)
        _open.append(Warehouse(Yard(DATABASES.database(clock)), clock))
    _open[0].histories += 1
    return _open[0]


class LedgerMachine(RuleBasedStateMachine):
    """Two lots of one item and one plain item, three places, every verb of the ledger."""

    steps = 0  # of all histories

    @initialize()
    def open(self) -> None:
        here = warehouse()
        self.clock, self.yard = here.clock, here.yard
        name = self.yard.op()
        plain, lotted = self.yard.item(f"P-{name}"), self.yard.item(f"L-{name}", "lot")
        soon = self.yard.lot(lotted, "L-1", "2026-05-01")
        late = self.yard.lot(lotted, "L-2", "2026-06-01")
        self.goods = ((plain, 0), (lotted, soon), (lotted, late))
        self.on_hand: dict[Key, int] = defaultdict(int)
        self.promised: dict[Key, int] = defaultdict(int)
        self.reservations: dict[int, dict[Key, int]] = {}
        self.expires: dict[int, int] = {}
        self.stopped: set[int] = set()
        self.posted: dict[str, tuple[Key, Key, int]] = {}
        self.undone: set[str] = set()

    def teardown(self) -> None:
        """Nothing of this history may be left to do in the next one."""
        for number, parts in getattr(self, "reservations", {}).items():
            if sum(parts.values()):
                self.yard.do(_releasing(number))

    # -- the model -------------------------------------------------------------------------------
    def free(self, key: Key) -> int:
        return self.on_hand[key] - self.promised[key]

    def expect(self, allowed: bool, run: Callable[[], Any]) -> Any:
        """Run it; it must be refused exactly when the model says so."""
        if allowed:
            return run()
        with pytest.raises(AppError):
            run()
        return None

    def shift(self, source: Key, target: Key, quantity: int) -> None:
        self.on_hand[source] -= quantity
        self.on_hand[target] += quantity

    def move(self, good: int, quantity: int, source: str, target: str, status: str = "ok") -> None:
        item, lot = self.goods[good]
        from_key, to_key = (item, lot, source, status), (item, lot, target, status)
        allowed = source in VIRTUAL or self.free(from_key) >= quantity
        allowed = allowed and from_key != to_key
        allowed = allowed and not (target == "CUSTOMER" and status != "ok")
        allowed = allowed and not (lot in self.stopped and status == "ok")
        op = self.yard.op()
        way = f"{source}>{target}"

        def run() -> object:
            return self.yard.move(item, quantity, way, op=op, lot=lot, status=(status, status))

        first = self.expect(allowed, run)
        if allowed:
            self.shift(from_key, to_key, quantity)
            self.posted[op] = (from_key, to_key, quantity)
            assert run() == first  # a repeat gets the same answer and has no effect

    # -- the verbs -------------------------------------------------------------------------------
    @rule(good=st.integers(0, 2), quantity=QUANTITY, into=BINS)
    def receive(self, good: int, quantity: int, into: str) -> None:
        self.move(good, quantity, "SUPPLIER", into)

    @rule(
        good=st.integers(0, 2),
        quantity=QUANTITY,
        source=BINS,
        into=BINS,
        status=st.sampled_from(["ok", "ok", "hold"]),
    )
    def transfer(self, good: int, quantity: int, source: str, into: str, status: str) -> None:
        self.move(good, quantity, source, into, status)

    @rule(
        good=st.integers(0, 2),
        quantity=QUANTITY,
        source=BINS,
        status=st.sampled_from(["ok", "ok", "hold"]),
    )
    def issue(self, good: int, quantity: int, source: str, status: str) -> None:
        self.move(good, quantity, source, "CUSTOMER", status)

    @rule(good=st.integers(0, 2), quantity=QUANTITY, minutes=st.integers(10, 300))
    def reserve(self, good: int, quantity: int, minutes: int) -> None:
        item, _ = self.goods[good]
        usable = [
            key
            for key in sorted(self.on_hand)
            if key[0] == item
            and key[2] not in VIRTUAL
            and key[3] == "ok"
            and key[1] not in self.stopped
        ]
        allowed = sum(max(self.free(key), 0) for key in usable) >= quantity
        until = self.clock.now() + minutes * 60_000_000
        wish = Reserve(self.yard.op(), item, quantity, expires_at=until)
        held = self.expect(
            allowed, lambda: self.yard.do(lambda tx: stock.reserve(tx, ENGINE, wish))
        )
        if held is not None:
            parts: dict[Key, int] = defaultdict(int)
            for part in held.parts:
                key = (item, part.lot_id, self.yard.names[part.location_id], part.status)
                assert key in usable
                parts[key] += part.quantity
                self.promised[key] += part.quantity
            assert sum(parts.values()) == quantity
            self.reservations[held.reservation_id] = parts
            self.expires[held.reservation_id] = until

    @rule(pick=st.integers(0, 9), quantity=QUANTITY)
    def fulfil(self, pick: int, quantity: int) -> None:
        if not self.reservations:
            return
        number = sorted(self.reservations)[pick % len(self.reservations)]
        parts = self.reservations[number]
        allowed = 0 < sum(parts.values()) >= quantity
        op, place = self.yard.op(), self.yard.places["CUSTOMER"]

        def run() -> Any:
            return self.yard.do(
                lambda tx: stock.fulfil(tx, ENGINE, number, op, place, quantity=quantity)
            )

        answer = self.expect(allowed, run)
        if answer is None:
            return
        assert run() == answer
        for row in answer.moves:
            key = (row.item_id, row.lot_id, self.yard.names[row.from_location], row.from_status)
            parts[key] -= row.quantity
            assert parts[key] >= 0
            self.promised[key] -= row.quantity
            self.shift(key, (row.item_id, row.lot_id, "CUSTOMER", "ok"), row.quantity)

    @rule(pick=st.integers(0, 9))
    def release(self, pick: int) -> None:
        if not self.reservations:
            return
        number = sorted(self.reservations)[pick % len(self.reservations)]
        if sum(self.reservations[number].values()):
            self.yard.do(lambda tx: stock.release(tx, ENGINE, number))
            self.give_back(number)

    def give_back(self, number: int) -> None:
        for key, quantity in self.reservations[number].items():
            self.promised[key] -= quantity
        self.reservations[number] = {}

    @rule(hours=st.integers(1, 3))
    def time_passes(self, hours: int) -> None:
        self.clock.advance(hours * HOUR)
        late = [
            number
            for number, parts in self.reservations.items()
            if sum(parts.values()) and self.expires[number] <= self.clock.now()
        ]
        assert self.yard.do(stock.expire) == len(late)
        for number in late:
            self.give_back(number)

    @rule(good=st.integers(1, 2))
    def hold(self, good: int) -> None:
        item, lot = self.goods[good]
        op = self.yard.op()
        held = self.yard.do(lambda tx: stock.hold_lot(tx, ENGINE, lot, op, "抽检不合格"))
        broken = []
        for number, parts in self.reservations.items():
            lost = [key for key in parts if key[1] == lot and parts[key]]
            broken += [number] if lost else []
            for key in lost:
                self.promised[key] -= parts.pop(key)
        assert list(held.broken_reservations) == sorted(broken)
        self.stopped.add(lot)
        self.restate(item, lot, "ok", "hold")

    @rule(good=st.integers(1, 2))
    def let_go(self, good: int) -> None:
        item, lot = self.goods[good]
        op = self.yard.op()
        self.yard.do(lambda tx: stock.release_lot(tx, ENGINE, lot, op, "复检合格"))
        self.stopped.discard(lot)
        self.restate(item, lot, "hold", "ok")

    def restate(self, item: int, lot: int, before: str, after: str) -> None:
        for place in ("DOCK", "A-1", "A-2"):
            quantity = self.on_hand[item, lot, place, before]
            self.shift((item, lot, place, before), (item, lot, place, after), quantity)

    @rule(pick=st.integers(0, 50))
    def reverse(self, pick: int) -> None:
        if not self.posted:
            return
        original = sorted(self.posted)[pick % len(self.posted)]
        target, source, quantity = self.posted[original]
        enough = source[2] in VIRTUAL or self.free(source) >= quantity
        allowed = original not in self.undone and enough
        op = self.yard.op()
        self.expect(
            allowed,
            lambda: self.yard.do(lambda tx: stock.reverse(tx, ENGINE, original, op, "错")),
        )
        if allowed:
            self.undone.add(original)
            self.posted[op] = (source, target, quantity)
            self.shift(source, target, quantity)

    @rule(good=st.integers(0, 2), quantity=QUANTITY, asks=st.integers(2, 5))
    def batch(self, good: int, quantity: int, asks: int) -> None:
        """Several issues in one set: as many succeed as there is stock for, in order."""
        item, lot = self.goods[good]
        key = (item, lot, "A-1", "ok")
        line = self.yard.line(item, quantity, "A-1>CUSTOMER", lot=lot)
        items = [(ENGINE, Posting(self.yard.op(), "issue", (line,))) for _ in range(asks)]
        answers = self.yard.do(lambda tx: stock.post_many(tx, items))
        for (_, posting), answer in zip(items, answers, strict=True):
            allowed = self.free(key) >= quantity and lot not in self.stopped
            assert allowed == (not isinstance(answer, AppError))
            if allowed:
                self.shift(key, (item, lot, "CUSTOMER", "ok"), quantity)
                self.posted[posting.op_id] = (key, (item, lot, "CUSTOMER", "ok"), quantity)

    # -- what must always hold -------------------------------------------------------------------
    @invariant()
    def books_equal_the_model(self) -> None:
        if not hasattr(self, "yard"):
            return
        LedgerMachine.steps += 1
        mine = sorted({item for item, _ in self.goods})
        rows = self.yard.db.read_now(
            lambda conn: [row for item in mine for row in stock.on_hand(conn, item, virtual=True)]
        )
        found = {
            (row.item_id, row.lot_id, row.location_code, row.status): (row.on_hand, row.reserved)
            for row in rows
        }
        want = {
            key: (quantity, self.promised[key])
            for key, quantity in self.on_hand.items()
            if quantity or self.promised[key]
        }
        assert found == want
        assert all(reserved >= 0 for _, reserved in found.values())
        for item, _ in self.goods:
            assert sum(q for key, (q, _) in found.items() if key[0] == item) == 0
        for (_, _, place, _), (on_hand, reserved) in found.items():
            assert place in VIRTUAL or reserved <= on_hand


def _releasing(number: int) -> Callable[[Tx], object]:
    return lambda tx: stock.release(tx, ENGINE, number)


def run(histories: int, steps: int) -> None:
    """So many histories of at most so many steps."""
    try:
        run_state_machine_as_test(
            LedgerMachine,
            settings=settings(
                max_examples=histories,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        while _open:
            _open.pop().close()


def test_the_ledger_is_its_model() -> None:
    run(HISTORIES, STEPS)
