"""Any interleaving of what people do with sales keeps the papers and the ledger in step.

After every step: a line's quantity is what was cut, picked, promised or is missing; what stands in
the stage is what was picked and has not left, and what waits to be put back for orders that were
given up; nothing is shipped that was not packed; a task asks for what waits. At the end the books
are proved.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random  # noqa: TID251  # seeded

import pytest

from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.move import Move, move
from core.orders.sales.book import PickLine, Sale, picks_of
from core.orders.sales.putback import PutBack, Waiting, put_back, rows_of
from core.orders.sales.returns import CustomerReturn, Scrap, customer_return, scrap
from core.orders.sales.rules import NOTHING_TO_PICK
from core.orders.sales.shortage import CutLine, cut_line
from core.orders.sales.unpick import Unpick, unpick
from core.quantity import ONE
from core.stock import hold_lot
from core.tasks import board
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
        self.did: set[str] = set()
        self.lots: list[int] = []

    def run(self) -> None:
        verbs: tuple[Callable[[], object], ...] = (
            self.arrive, self.arrive, self.arrive, self.sell, self.release, self.release, self.pick,
            self.pick, self.pick, self.pick, self.short, self.pack, self.pack, self.ship, self.ship,
            self.cancel, self.cut, self.fill, self.give_back, self.hold, self.unpack, self.put_back,
            self.carry, self.unpick,
        )  # fmt: skip
        for verb in (self.arrive, self.arrive, self.arrive, self.sell, self.sell, self.release):
            verb()
        for _ in range(STEPS):
            chosen = self.random.choice(verbs)
            try:
                chosen()
                self.did.add(chosen.__name__)
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
        if self.random.random() < 0.6:
            self.s.cancel(self.one())

    def unpack(self) -> None:
        boxes = [each for each in self.s.boxes(self.one("packed")) if each.state == "packed"]
        if not boxes:
            raise AppError(NOTHING_TO_PICK)
        box = self.random.choice(boxes)
        self.s.unpack(self.by_id(box.sale_id), box.code)

    def put_back(self) -> None:
        keeper, waiting = self.s.t.people[KEEPER], self.waiting()
        if not waiting:
            raise AppError(NOTHING_TO_PICK)
        ask = PutBack(self.s.t.op(), self.random.choice(waiting).sale_id)
        self.s.t.do(lambda tx: put_back(tx, keeper, ask))

    def carry(self) -> None:
        """Somebody takes goods out of the stage by hand: refused unless they wait there."""
        t, waiting = self.s.t, self.waiting()
        keeper, out = t.people[KEEPER], t.places["ZJ-OUT"]
        item, lot = (waiting[0].item_id, waiting[0].lot_id) if waiting else (t.items[CUP], 0)
        much = self.random.randint(1, 4) * ONE
        if self.random.random() < 0.7:
            ask = Move(t.op(), item, much, out, t.places["ZJ-A-4"], lot_id=lot)
            t.do(lambda tx: move(tx, keeper, ask))
        else:
            away = Scrap(t.op(), item, much, out, "压坏", lot_id=lot)
            t.do(lambda tx: scrap(tx, keeper, away))

    def cut(self) -> None:
        made = self.one()
        ask = CutLine(self.s.t.op(), made.id, self.random.choice(made.lines).id, "客户同意少发")
        self.s.t.do(lambda tx: cut_line(tx, self.s.t.people[BUYER], ask))

    def unpick(self) -> None:
        made = self.one(self.random.choice(("picking", "picked")))
        loose = [each for each in self.picks(made) if each.picked > each.packed]
        if loose:
            much = self.random.choice((0, ONE, loose[0].picked - loose[0].packed))
            ask = Unpick(self.s.t.op(), loose[0].id, "压坏了", much)
            self.s.t.do(lambda tx: unpick(tx, self.s.t.people[KEEPER], ask))

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

    def by_id(self, sale_id: str) -> Sale:
        return next(each for each in self.sold if each.id == sale_id)

    def waiting(self) -> list[Waiting]:
        """What still waits in the stage to be put back."""
        found = [self.back(made) for made in self.sold]
        return [row for rows in found for row in rows if row.left]

    def back(self, made: Sale) -> list[Waiting]:
        return self.s.t.db.read_now(lambda conn: rows_of(conn, made.id))

    def picks(self, made: Sale) -> list[PickLine]:
        return self.s.t.db.read_now(lambda conn: picks_of(conn, made.id))

    def stop(self) -> PickLine:
        """An open stop if there is one, else any that ever was."""
        known = [each for made in self.sold for each in self.picks(made)]
        found = [each for each in known if each.state == "open"] or known
        if not found:
            raise AppError(NOTHING_TO_PICK)
        return self.random.choice(found)

    def asked(self, made: Sale) -> int:
        """How many live tasks ask for what an order left in the stage."""
        about = self.s.t.db.read_now(lambda conn: board.tasks_of(conn, f"sale:{made.id}"))
        return sum(task.kind == "put_back" for task in about)

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
            rows = self.back(made)
            assert all(0 <= row.done <= row.quantity for row in rows)
            staged += sum(row.left for row in rows)
            assert self.asked(made) == (1 if any(row.left for row in rows) else 0)
            if made.state in ("shipped", "cancelled"):
                assert all(each.state != "open" for each in picks)
                assert all(line.picked == line.shipped for line in made.lines)
                assert all(not (line.promised or line.missing) for line in made.lines)
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


def test_the_dice_reach_the_lorry_and_the_way_back(db: Database, clock: ManualClock) -> None:
    life = Life(shop(db, clock), 2)
    life.run()
    assert life.seen >= {"open", "picking", "picked", "packed", "shipped", "cancelled"}
    assert life.did >= {"unpack", "put_back", "carry", "unpick"}
