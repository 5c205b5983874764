"""The ledger's decisions: postings in, changes of balances out, or a named refusal. Pure.

`decide` looks at a posting and the book as it stands and returns the `Change` it makes; nothing is
touched until `Book.apply`. So a refused posting leaves no trace, and a batch is a loop over both.
Not for SQL, people or orders. Picking (FEFO) is in `fefo_rules.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from core.errors import INVALID, NOT_FOUND, AppError
from core.quantity import BAD_QUANTITY, MAX_MICRO, ONE, Micro, check_positive, show
from core.stock import refusals

STATUSES = ("ok", "inspect", "hold", "rejected", "recalled")
VIRTUAL = frozenset({"supplier", "customer", "production", "count"})  # may go below zero
LEAVING = frozenset({"customer", "production"})  # goods are used there: only good stock goes
SELLABLE = ("bin", "dock")  # where ok stock counts as available
MAX_LINES = 2_000
MAX_BALANCE: Micro = 1_000 * MAX_MICRO  # still inside int64: SQLite would overflow into a float
STATE_WORDS = {"held": "停用待判", "recalled": "召回"}


@dataclass(slots=True)
class Line:
    """`quantity` (micro, base unit) of one item from one place to another; owner 0 is us."""

    item_id: int
    quantity: Micro
    from_location: int
    to_location: int
    lot_id: int = 0
    from_status: str = "ok"
    to_status: str = "ok"
    owner_id: int = 0
    to_owner_id: int | None = None  # None = the owner stays
    serials: tuple[str, ...] = ()


@dataclass(slots=True)
class Posting:
    """One thing that happened to stock, whole or not at all. The caller makes `op_id`.

    kind: receive inspect putaway transfer count issue return hold release scrap reverse opening …
    """

    op_id: str
    kind: str
    lines: tuple[Line, ...]
    doc: str = ""
    happened_at: int | None = None
    reason: str = ""
    reverses: str = ""


class Key(NamedTuple):
    """The stock key: what is counted apart."""

    item_id: int
    lot_id: int
    location_id: int
    status: str
    owner_id: int


def key_text(key: Key) -> str:
    """The key as the one string that the balance table looks it up by."""
    return f"{key[0]}/{key[1]}/{key[2]}/{key[3]}/{key[4]}"


class ItemFacts(NamedTuple):
    """What a posting must know of an item."""

    id: int
    code: str
    unit: str = ""
    tracking: str = "none"
    allow_negative: bool = False


class LotFacts(NamedTuple):
    """What a posting must know of a lot; `expires_on` is an ISO date, the last good day."""

    id: int
    item_id: int
    code: str
    expires_on: str | None = None
    state: str = "ok"


class PlaceFacts(NamedTuple):
    """What a posting must know of a location."""

    id: int
    code: str
    kind: str
    active: bool = True


class Stand(NamedTuple):
    """One balance as it stands."""

    on_hand: Micro = 0
    reserved: Micro = 0


@dataclass(frozen=True, slots=True)
class SerialAt:
    """Where a serial is, and which reservation alone may move it."""

    key: Key
    reservation_id: int | None = None


SerialName = tuple[int, str]  # item id, code
NOTHING = Stand()


@dataclass(slots=True)
class Change:
    """What one accepted posting does. `free` keys may go below zero."""

    on_hand: dict[Key, Micro]
    reserved: dict[Key, Micro]
    free: set[Key]
    serials: dict[SerialName, Key]


@dataclass(slots=True)
class Book:
    """Everything a batch of postings can touch, in memory. Only `apply` changes it."""

    items: dict[int, ItemFacts] = field(default_factory=dict)
    lots: dict[int, LotFacts] = field(default_factory=dict)
    places: dict[int, PlaceFacts] = field(default_factory=dict)
    stands: dict[Key, Stand] = field(default_factory=dict)
    serials: dict[SerialName, SerialAt] = field(default_factory=dict)

    def apply(self, change: Change) -> None:
        """Take over what `decide` decided."""
        stands, reserved = self.stands, change.reserved
        for key, delta in change.on_hand.items():
            before = stands.get(key, NOTHING)
            after = before.reserved + reserved.get(key, 0) if reserved else before.reserved
            stands[key] = Stand(before.on_hand + delta, after)
        for name, key in change.serials.items():
            self.serials[name] = SerialAt(key)


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which a posting is decided: the local date, and the reservation it draws from."""

    today: str
    reservation_id: int | None = None
    draws: tuple[tuple[Key, Micro], ...] = ()  # how much of `reserved` it uses up, per balance


def keys_of(line: Line) -> tuple[Key, Key]:
    """The balance a line takes from and the one it gives to."""
    item, lot, owner = line.item_id, line.lot_id, line.owner_id
    to_owner = owner if line.to_owner_id is None else line.to_owner_id
    return (
        Key(item, lot, line.from_location, line.from_status, owner),
        Key(item, lot, line.to_location, line.to_status, to_owner),
    )


def counter_lines(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines that undo `lines`."""
    undone = []
    for line in lines:
        source, target = keys_of(line)
        undone.append(
            Line(
                line.item_id,
                line.quantity,
                line.to_location,
                line.from_location,
                lot_id=line.lot_id,
                from_status=line.to_status,
                to_status=line.from_status,
                owner_id=target.owner_id,
                to_owner_id=source.owner_id,
                serials=line.serials,
            )
        )
    return tuple(undone)


def decide(posting: Posting, book: Book, terms: Terms) -> Change:
    """The change this posting makes to the book.

    Raises:
        AppError: any of `refusals`, `not_found` or `bad_quantity`; the book is untouched.
    """
    if len(posting.kind) > 24 or len(posting.doc) > 96 or len(posting.reason) > 400:
        _refuse_long(posting)
    if not 1 <= len(posting.lines) <= MAX_LINES:
        raise AppError(refusals.NO_LINES, count=len(posting.lines), limit=MAX_LINES)
    on_hand: dict[Key, Micro] = {}
    serials: dict[SerialName, Key] = {}
    for line in posting.lines:
        source, target = keys_of(line)
        item = _check_line(line, (source, target), posting.kind, book, terms)
        if item.tracking == "serial":
            _check_serial_count(line, item)
            _move_serials((source, target), line.serials, book, terms, serials)
        elif line.serials:
            raise AppError(refusals.SERIALS_NOT_KEPT, item=item.code)
        on_hand[source] = on_hand.get(source, 0) - line.quantity
        on_hand[target] = on_hand.get(target, 0) + line.quantity
    change = Change(on_hand, dict.fromkeys((k for k, _ in terms.draws), 0), set(), serials)
    for key, drawn in terms.draws:
        change.reserved[key] -= drawn
    for key, delta in on_hand.items():
        _check_balance(posting, key, delta, change, book)
    return change


def _refuse_long(posting: Posting) -> None:
    for field_, text, limit in (
        ("类型", posting.kind, 24),
        ("单据", posting.doc, 96),
        ("原因", posting.reason, 400),
    ):
        if len(text) > limit:
            raise AppError(INVALID, field=field_, why=f"最多 {limit} 个字符")


def _check_line(line: Line, way: tuple[Key, Key], kind: str, book: Book, terms: Terms) -> ItemFacts:
    check_positive(line.quantity)
    item, from_, to = _look_up(line, book)
    if line.from_status not in STATUSES or line.to_status not in STATUSES:
        wrong = line.from_status if line.from_status not in STATUSES else line.to_status
        raise AppError(refusals.BAD_STATUS, item=item.code, status=wrong[:20])
    if way[0] == way[1]:
        raise AppError(refusals.SAME_PLACE, item=item.code, location=to.code)
    if kind == "reverse":  # a mistake can always be taken back, whatever was learnt since
        _check_lot(line, item, book)
        return item
    if not to.active:
        raise AppError(refusals.PLACE_CLOSED, location=to.code)
    leaving = to.kind in LEAVING and from_.kind not in VIRTUAL
    if leaving and line.from_status != "ok":
        raise AppError(refusals.BAD_STATUS, item=item.code, status=line.from_status)
    lot = _check_lot(line, item, book)
    if lot is None:
        return item
    becomes_good = line.to_status == "ok" and to.kind not in VIRTUAL and to.kind != "scrap"
    if lot.state != "ok" and (leaving or becomes_good):
        state = STATE_WORDS.get(lot.state, lot.state)
        raise AppError(refusals.LOT_HELD, item=item.code, lot=lot.code, state=state)
    if leaving and is_expired(lot.expires_on, terms.today):
        day = lot.expires_on
        raise AppError(refusals.LOT_EXPIRED, item=item.code, lot=lot.code, expires_on=day)
    return item


def _look_up(line: Line, book: Book) -> tuple[ItemFacts, PlaceFacts, PlaceFacts]:
    item = book.items.get(line.item_id)
    if item is None:
        raise AppError(NOT_FOUND, what="货品", name=line.item_id)
    from_, to = book.places.get(line.from_location), book.places.get(line.to_location)
    if from_ is None or to is None:
        missing = line.from_location if from_ is None else line.to_location
        raise AppError(NOT_FOUND, what="库位", name=missing)
    return item, from_, to


def _check_lot(line: Line, item: ItemFacts, book: Book) -> LotFacts | None:
    if not line.lot_id:
        if item.tracking == "lot":
            raise AppError(refusals.LOT_NEEDED, item=item.code)
        return None
    lot = book.lots.get(line.lot_id)
    if lot is None:
        raise AppError(NOT_FOUND, what="批次", name=line.lot_id)
    if lot.item_id != item.id:
        raise AppError(refusals.LOT_OF_OTHER_ITEM, item=item.code, lot=lot.code)
    return lot


def is_expired(expires_on: str | None, on_date: str) -> bool:
    """True from the day after `expires_on`; both are ISO dates."""
    return bool(expires_on) and str(expires_on) < on_date


def _check_serial_count(line: Line, item: ItemFacts) -> None:
    if len(line.serials) * ONE != line.quantity:
        raise AppError(
            refusals.SERIALS_NEEDED,
            item=item.code,
            quantity=show(line.quantity),
            count=len(line.serials),
        )
    seen: set[str] = set()
    for code in line.serials:
        if not 0 < len(code) <= 64:
            raise AppError(INVALID, field="序列号", why="应为 1 到 64 个字符")
        if code in seen:
            raise AppError(refusals.SERIAL_TWICE, item=item.code, serial=code)
        seen.add(code)


def _move_serials(
    way: tuple[Key, Key],
    codes: Iterable[str],
    book: Book,
    terms: Terms,
    moved: dict[SerialName, Key],
) -> None:
    source, target = way
    item = book.items[source.item_id]
    from_virtual = book.places[source.location_id].kind in VIRTUAL
    for code in codes:
        name = (item.id, code)
        known = book.serials.get(name)
        here = moved.get(name) or (known.key if known else None)
        if here is None:
            if not from_virtual:
                raise AppError(refusals.SERIAL_UNKNOWN, item=item.code, serial=code)
        elif here != source and not (from_virtual and here[2] == source[2]):
            raise AppError(
                refusals.SERIAL_ELSEWHERE,
                item=item.code,
                serial=code,
                actual=_place_name(here, book),
                expected=_place_name(source, book),
            )
        if known and known.reservation_id not in (None, terms.reservation_id):
            raise AppError(
                refusals.SERIAL_TAKEN,
                item=item.code,
                serial=code,
                reservation=known.reservation_id,
            )
        moved[name] = target


def _place_name(key: Key, book: Book) -> str:
    place = book.places.get(key.location_id)
    where = place.code if place else f"#{key.location_id}"
    return where if key.status == "ok" else f"{where}({key.status})"


def _check_balance(posting: Posting, key: Key, delta: Micro, change: Change, book: Book) -> None:
    stand = book.stands.get(key, NOTHING)
    on_hand = stand.on_hand + delta
    if not -MAX_BALANCE <= on_hand <= MAX_BALANCE:
        raise AppError(BAD_QUANTITY, text=show(delta), why="累计数量太大")
    reserved = stand.reserved + change.reserved.get(key, 0)
    place = book.places[key.location_id]
    if place.kind in VIRTUAL:
        change.free.add(key)
        return
    before = stand.on_hand - stand.reserved
    if on_hand - reserved >= min(before, 0):
        return
    item = book.items[key.item_id]
    if item.allow_negative and reserved == 0:
        if not posting.reason.strip():
            where = place.code
            raise AppError(refusals.NEGATIVE_NEEDS_REASON, item=item.code, location=where)
        change.free.add(key)
        return
    raise AppError(
        refusals.NOT_ENOUGH,
        item=item.code,
        location=_place_name(key, book),
        available=show(max(before, 0)),
        asked=show(-delta),
        unit=item.unit,
    )
