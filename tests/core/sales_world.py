"""The trader of `orders_world`, with customers, carriers and stock to sell; verbs of goods out."""

from __future__ import annotations

from typing import Any

from core import catalog
from core.catalog import NewPartner
from core.orders.sales import book, boxes, faces, putback
from core.orders.sales.cancel import CancelSale, cancel_sale
from core.orders.sales.carriers import Carrier, save_carrier
from core.orders.sales.order import NewSale, NewSaleLine, create_sale
from core.orders.sales.pack import Box, BoxLine, Pack, Packed, pack
from core.orders.sales.pick import Pick, Picked, pick
from core.orders.sales.promise import fill
from core.orders.sales.rush import Rush, Rushed, rush
from core.orders.sales.ship import Ship, Shipped, ship
from core.orders.sales.short import ShortPick, WentShort, short_pick
from core.orders.sales.substitutes import Substitute, save_substitute
from core.orders.sales.unpack import Unpack, unpack
from core.orders.sales.wave import Release, release, suggest
from core.people import ENGINE, NewPerson
from core.quantity import plain
from tests.core.orders_world import Trader, _at_work, _person, q, trader

SELLER, KEEPER, BUYER, BOSS = "林销售", "李某", "陈晨", "赵主管"


class Shop:
    """What the people who sell and send do."""

    def __init__(self, t: Trader) -> None:
        self.t = t
        self.customer = t.do(self._furnish)
        for name in (SELLER, "钱财务"):
            t.people[name] = _at_work(t.db, t.people[name])

    def _furnish(self, tx: Any) -> int:
        t = self.t
        t.people[SELLER] = _person(tx, NewPerson(SELLER, SELLER, ("seller",)))
        t.people["钱财务"] = _person(tx, NewPerson("钱财务", "钱财务", ("finance",)))
        for code in ("ZJ-OUT", "SJ-OUT"):
            t.places[code] = catalog.location_by_code(tx.conn, code).id
        save_carrier(tx, ENGINE, Carrier("SF", "顺丰", ("16:30", "20:00")))
        save_carrier(tx, ENGINE, Carrier("ZT", "中通", ("18:00",)))
        return catalog.add_partner(tx, ENGINE, NewPartner("CU-1", "徐汇便利店", "customer"))

    # -- asking --------------------------------------------------------------------------------
    def lines(self, wanted: tuple[tuple[str, str], ...]) -> tuple[NewSaleLine, ...]:
        return tuple(
            NewSaleLine(self.t.items[name], q(quantity), price_micro=q("3.5"))
            for name, quantity in wanted
        )

    def sell(self, *wanted: tuple[str, str], by: str = SELLER, **more: Any) -> book.Sale:
        """(item, quantity) for the customer, from 张江仓."""
        op = more.pop("op", "") or self.t.op()
        new = NewSale(
            op,
            more.pop("code", f"SO-{op[-4:]}"),
            self.customer,
            self.t.warehouses["张江仓"],
            self.lines(wanted),
            more.pop("ship_on", "2026-03-03"),
            self.t.people[SELLER].person_id,
            **more,
        )
        return self.t.do(lambda tx: create_sale(tx, self.t.people[by], new))

    def rush(self, *wanted: tuple[str, str], before: int = 30, after: int = 60) -> Rushed:
        ask = Rush(
            self.t.op(),
            f"RU-{self.t.ops:04d}",
            self.customer,
            self.t.warehouses["张江仓"],
            self.lines(wanted),
            "2026-03-02",
            self.t.people[SELLER].person_id,
            carrier="SF",
            terms_before=before,
            terms_after=after,
        )
        return self.t.do(lambda tx: rush(tx, self.t.people[SELLER], ask))

    def cancel(self, made: book.Sale, why: str = "客户不要了") -> book.Sale:
        ask = CancelSale(self.t.op(), made.id, why)
        return self.t.do(lambda tx: cancel_sale(tx, self.t.people[SELLER], ask))

    def unpack(self, made: book.Sale, code: str) -> Packed:
        ask = Unpack(self.t.op(), made.id, code)
        return self.t.do(lambda tx: unpack(tx, self.t.people[KEEPER], ask))

    def waits(self, made: book.Sale) -> dict[str, str]:
        """Bin → what of the order still waits to be put back there."""
        rows = self.t.db.read_now(lambda conn: putback.rows_of(conn, made.id))
        return {each.bin: plain(each.left) for each in rows if each.left}

    def fill(self) -> int:
        return self.t.do(fill)

    # -- walking -------------------------------------------------------------------------------
    def release(self, *made: book.Sale, by: str = BOSS) -> book.Wave:
        ids = tuple(each.id for each in made)
        ask = Release(self.t.op(), self.t.warehouses["张江仓"], ids)
        return self.t.do(lambda tx: release(tx, self.t.people[by], ask))

    def suggested(self) -> list[Any]:
        house = self.t.warehouses["张江仓"]
        return self.t.db.read_now(lambda conn: suggest(conn, house))

    def pick(self, stop: book.PickLine, quantity: str = "0", **more: Any) -> Picked:
        ask = Pick(more.pop("op", "") or self.t.op(), stop.id, q(quantity), **more)
        return self.t.do(lambda tx: pick(tx, self.t.people[KEEPER], ask))

    def short(self, stop: book.PickLine, found: str, reason: str = "missing") -> WentShort:
        ask = ShortPick(self.t.op(), stop.id, q(found), reason)
        return self.t.do(lambda tx: short_pick(tx, self.t.people[KEEPER], ask))

    def walk(self, wave: book.Wave) -> None:
        """Pick every stop as written."""
        for stop in wave.lines:
            self.pick(stop)

    def pack(self, made: book.Sale, *boxed: tuple[tuple[str, str], ...], op: str = "") -> Packed:
        """One tuple of (item, quantity) per box."""
        ask = Pack(
            op or self.t.op(),
            made.id,
            tuple(
                Box(tuple(BoxLine(self.t.items[name], q(much)) for name, much in each))
                for each in boxed
            ),
        )
        return self.t.do(lambda tx: pack(tx, self.t.people[KEEPER], ask))

    def ship(self, made: book.Sale, **more: Any) -> Shipped:
        ask = Ship(self.t.op(), made.id, **more)
        return self.t.do(lambda tx: ship(tx, self.t.people[KEEPER], ask))

    # -- seeing --------------------------------------------------------------------------------
    def again(self, made: book.Sale) -> book.Sale:
        return self.t.db.read_now(lambda conn: book.sale(conn, made.id))

    def by_code(self, code: str) -> book.Sale:
        found = self.t.db.read_now(lambda conn: book.sale_by_code_or_none(conn, code))
        assert found is not None
        return found

    def wave(self, made: book.Wave) -> book.Wave:
        return self.t.db.read_now(lambda conn: book.wave(conn, made.id))

    def board(self) -> list[book.Wave]:
        """What the wave board shows."""
        return self.t.db.read_now(lambda conn: book.waves(conn, state="open"))

    def walked(self, stop: book.PickLine) -> book.Wave:
        """The walk that this stop belongs to, as it is now."""
        return self.t.db.read_now(lambda conn: book.wave(conn, stop.wave_id))

    def boxes(self, made: book.Sale) -> list[boxes.Package]:
        return self.t.db.read_now(lambda conn: boxes.packages_of(conn, made.id))

    def face(self, place: str, name: str, low: str, high: str) -> None:
        new = faces.Face(self.t.places[place], self.t.items[name], q(low), q(high))
        self.t.do(lambda tx: faces.save_face(tx, self.t.people[BOSS], new))

    def substitute(self, name: str, other: str, numerator: int = 1, denominator: int = 1) -> None:
        new = Substitute(self.t.items[name], self.t.items[other], numerator, denominator)
        self.t.do(lambda tx: save_substitute(tx, self.t.people[BUYER], new))


def shop(db: Any, clock: Any) -> Shop:
    return Shop(trader(db, clock))
