"""Any interleaving of what people do with sales keeps the papers and the ledger in step.

After every step: a line's quantity is what was cut, picked, promised or is missing; what stands in
the stage is what was picked and has not left; nothing is shipped that was not packed. At the end
the books are proved.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random  # noqa: TID251  # seeded

import pytest

from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.sales.book import PickLine, Sale, picks_of
from core.orders.sales.returns import CustomerReturn, customer_return
from core.orders.sales.rules import NOTHING_TO_PICK
from core.orders.sales.shortage import CutLine, cut_line
from core.quantity import ONE
from core.stock import hold_lot
from tests.core.orders_world import CUP, MILK
from tests.core.sales_world import BOSS, BUYER, KEEPER, Shop, shop

STEPS = 90
BINS = ("ZJ-A-1", "ZJ-A-2", "ZJ-A-3")


class Life:
    """A seeded day: one random thing after the other; refusals are part of life."""

    def __init__(self, s: Shop, seed: int) -> None:
        self.s, self.random = s, Random(seed)
        self.sold: list[Sale] = []
        self.refused = 0
        self.seen: set[str] = set()
        self.lots: list[int] = []

    def run(self) -> None:
        verbs: tuple[Callable[[], object], ...] = (
            self.arrive, self.arrive, self.arrive, self.sell, self.release, self.release, self.pick,
            self.pick, self.pick, self.pick, self.short, self.pack, self.pack, self.ship, self.ship,
            self.cancel, self.cut, self.fill, self.give_back, self.hold,
        )  # fmt: skip
        for verb in (self.arrive, self.arrive, self.arrive, self.sell, self.sell, self.release):
            verb()
        for _ in range(STEPS):
            try:
                self.random.choice(verbs)()
            except AppError:
                self.refused += 1
            self.check()
        self.s.t.proven()

    # -- what may happen -----------------------------------------------------------------------
    def arrive(self) -> None:
        name, lot = self.random.choice(((CUP, ""), (MILK, f"M-{self.random.randrange(4)}")))
        lot_id = self.s.t.put(name, str(self.random.randint(1, 20)), self.random.choice(BINS), lot)
        self.lots += [lot_id] if lot_id else []

    def sell(self) -> None:
        wanted = [(name, str(self.random.randint(1, 15))) for name in (CUP, MILK)]
        self.sold.append(self.s.sell(*wanted[: self.random.randint(1, 2)]))

    def release(self) -> None:
        self.s.release(*{each.id: each for each in (self.one("open"), self.one("open"))}.values())

    def pick(self) -> None:
        stop = self.stop()
        much = str(self.random.randint(1, max(1, stop.left // ONE)))
        self.s.pick(stop, self.random.choice(("0", much)))

    def short(self) -> None:
        stop = self.stop()
        reason = self.random.choice(("missing", "damaged", "blocked"))
        self.s.short(stop, str(self.random.randint(0, max(0, stop.left // ONE - 1))), reason)

    def pack(self) -> None:
        made = self.one("picked")
        waiting = [each for each in self.picks(made) if each.picked > each.packed]
        for each in waiting[: self.random.randint(1, 3)]:
            self.s.pack(made, ((each.item_name, str((each.picked - each.packed) // ONE)),))

    def ship(self) -> None:
        self.s.ship(self.one("packed"))

    def cancel(self) -> None:
        if self.random.random() < 0.3:
            self.s.cancel(self.one())

    def cut(self) -> None:
        made = self.one()
        ask = CutLine(self.s.t.op(), made.id, self.random.choice(made.lines).id, "客户同意少发")
        self.s.t.do(lambda tx: cut_line(tx, self.s.t.people[BUYER], ask))

    def fill(self) -> None:
        self.s.fill()

    def give_back(self) -> None:
        made = self.one("shipped")
        line, much = self.random.choice(made.lines).id, self.random.randint(1, 3) * ONE
        ask = CustomerReturn(self.s.t.op(), made.id, line, much, "不要了", "bad")
        self.s.t.do(lambda tx: customer_return(tx, self.s.t.people[KEEPER], ask))

    def hold(self) -> None:
        if self.lots and self.random.random() < 0.1:
            lot, boss = self.random.choice(self.lots), self.s.t.people[BOSS]
            self.s.t.do(lambda tx: hold_lot(tx, boss, lot, self.s.t.op(), "抽检不合格"))

    # -- seeing --------------------------------------------------------------------------------
    def one(self, state: str = "") -> Sale:
        """Some order, in this state if there is one."""
        if not self.sold:
            self.sell()
        found = [self.s.again(each) for each in self.sold]
        return self.random.choice([each for each in found if each.state == state] or found)

    def picks(self, made: Sale) -> list[PickLine]:
        return self.s.t.db.read_now(lambda conn: picks_of(conn, made.id))

    def stop(self) -> PickLine:
        """An open stop if there is one, else any that ever was."""
        known = [each for made in self.sold for each in self.picks(made)]
        found = [each for each in known if each.state == "open"] or known
        if not found:
            raise AppError(NOTHING_TO_PICK)
        return self.random.choice(found)

    def check(self) -> None:
        staged = 0
        for made in map(self.s.again, self.sold):
            self.seen.add(made.state)
            picks = self.picks(made)
            for line in made.lines:
                mine = [each for each in picks if each.sale_line_id == line.id]
                assert line.picked == sum(each.picked for each in mine)
                assert line.packed == sum(each.packed for each in mine)
                assert line.shipped <= line.packed <= line.picked <= line.quantity - line.cut
                assert line.returned <= line.shipped
                # A lot that was held broke its promises; the next `fill` counts them as missing.
                gap = line.quantity - line.cut - line.picked - line.promised - line.missing
                assert gap >= 0, "more is promised and missing than is wanted"
                staged += line.picked - line.shipped
            if made.state == "picking":
                assert any(each.state == "open" for each in picks)
        here = [
            int(float(value))
            for name in (CUP, MILK)
            for place, value in self.s.t.stands(name).items()
            if place.startswith("ZJ-OUT/")
        ]
        assert sum(here) * ONE == staged


@pytest.mark.parametrize("seed", range(12))
def test_any_day_of_selling_keeps_papers_and_ledger_in_step(
    db: Database, clock: ManualClock, seed: int
) -> None:
    life = Life(shop(db, clock), seed)
    life.run()
    assert life.refused < STEPS * 3 // 4, "most of it was refused"
    assert "picking" in life.seen, "nobody walked"


def test_the_dice_reach_the_lorry(db: Database, clock: ManualClock) -> None:
    life = Life(shop(db, clock), 7)
    life.run()
    assert life.seen >= {"open", "picking", "picked", "packed", "shipped"}
