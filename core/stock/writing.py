"""Writes a batch of accepted postings: rows, balances under guard, serial places, one event each.

Knows no rules: what comes here was decided by `rules.decide`. Called by `ledger.py` only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, null, or_

from core import events
from core.bulk import Bulk, given
from core.chain import fingerprint
from core.db import Tx
from core.people import Actor
from core.quantity import Micro
from core.stock.book import Loaded, MoveRow, Posted
from core.stock.rules import VIRTUAL, Change, Key, Line, Posting, key_text
from core.stock.tables import balances, move_serials, moves, postings, serials
from core.trip import Trip, one_trip

_ADD_POSTING = Bulk(postings.insert(), tuple(postings.c.keys()))
_ADD_MOVE = Bulk(moves.insert(), tuple(moves.c.keys()))
_BALANCE = (*("key", *Key._fields), "on_hand", "reserved", "is_virtual")
_ADD_BALANCE = Bulk(balances.insert(), _BALANCE)
_ADD_SERIAL = Bulk(serials.insert(), tuple(serials.c.keys()))
_ADD_MOVE_SERIAL = Bulk(move_serials.insert(), ("move_id", "serial_id"))
_CHANGE = given(id_=int, d=int, r=int, free=int).c
_after = balances.c.on_hand + _CHANGE.d - balances.c.reserved - _CHANGE.r
# The guard of rules._check_balance once more, where another process could not slip past it.
_CHANGE_BALANCE = Bulk(
    balances.update()
    .where(
        balances.c.id == _CHANGE.id_,
        balances.c.reserved + _CHANGE.r >= 0,
        or_(
            _after >= 0,
            _CHANGE.d >= _CHANGE.r,
            and_(_CHANGE.free == 1, balances.c.reserved + _CHANGE.r == 0),
        ),
    )
    .values(
        on_hand=balances.c.on_hand + _CHANGE.d,
        reserved=balances.c.reserved + _CHANGE.r,
    )
)
_PLACED = given(id_=int, lot=int, place=int, status=str, owner=int).c
_PLACE_SERIAL = Bulk(
    serials.update()
    .where(serials.c.id == _PLACED.id_)
    .values(
        lot_id=_PLACED.lot,
        location_id=_PLACED.place,
        status=_PLACED.status,
        owner_id=_PLACED.owner,
        reservation_id=null(),
    )
)


class LedgerBrokenError(Exception):
    """A balance was not what the lock promised: a bug or a tampered table, never a person's fault.

    The transaction is rolled back; `jieli prove` names the row.
    """


@dataclass(slots=True)
class Work:
    """One posting on its way through a batch, with what a reservation lets it draw."""

    actor: Actor
    posting: Posting
    fingerprint: str = ""
    reservation_id: int | None = None
    draws: tuple[tuple[Key, Micro], ...] = ()
    by_hand: bool = False  # a person's own, not what one of our papers does
    content: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.content = content_of(self.posting)
        if not self.fingerprint:
            self.fingerprint = fingerprint([self.content, self.posting.happened_at])


@dataclass(slots=True)
class Batch:
    """What the accepted postings of one batch write. The numbers at hand are taken in order."""

    posting_numbers: Iterator[int]
    move_numbers: Iterator[int]
    postings: list[tuple[Any, ...]] = field(default_factory=list)
    moves: list[tuple[Any, ...]] = field(default_factory=list)
    drafts: list[events.Draft] = field(default_factory=list)
    on_hand: dict[Key, Micro] = field(default_factory=dict)
    reserved: dict[Key, Micro] = field(default_factory=dict)
    free: set[Key] = field(default_factory=set)
    serials: dict[tuple[int, str], Key] = field(default_factory=dict)
    move_serials: list[tuple[int, tuple[int, str]]] = field(default_factory=list)


def content_of(posting: Posting) -> dict[str, Any]:
    """The posting as its event keeps it: what `prove` compares the tables with."""
    return {
        "op_id": posting.op_id,
        "kind": posting.kind,
        "doc": posting.doc,
        "reason": posting.reason,
        "reverses": posting.reverses,
        "lines": [_compact(line) for line in posting.lines],
    }


def _compact(line: Line) -> list[Any]:
    return [
        line.item_id,
        line.lot_id,
        line.from_location,
        line.to_location,
        line.from_status,
        line.to_status,
        line.owner_id,
        line.owner_id if line.to_owner_id is None else line.to_owner_id,
        line.quantity,
        list(line.serials),
    ]


def stage(tx: Tx, work: Work, change: Change, batch: Batch) -> Posted:
    """Number one accepted posting and put its rows into the batch."""
    posting, now = work.posting, tx.now
    happened_at = now if posting.happened_at is None else posting.happened_at
    posting_id = next(batch.posting_numbers)
    rows = []
    for line_no, compact in enumerate(work.content["lines"], 1):
        move_id = next(batch.move_numbers)
        row = MoveRow._make((move_id, line_no, *compact[:9], tuple(compact[9])))
        rows.append(row)
        batch.moves.append((move_id, posting_id, *row[1:11], happened_at, now))
        for code in row.serials:
            batch.move_serials.append((move_id, (row.item_id, code)))
    content = work.content
    actor = work.actor.label
    batch.postings.append(
        (
            posting_id,
            posting.op_id,
            work.fingerprint,
            posting.kind,
            posting.doc,
            posting.reason,
            posting.reverses or None,
            actor,
            happened_at,
            now,
        )
    )
    batch.drafts.append(
        events.Draft(
            "stock.posted",
            f"posting:{posting_id}",
            actor,
            {"posting": posting_id, "moves": [row.id for row in rows], "print": work.fingerprint}
            | content,
            happened_at=happened_at,
        )
    )
    _gather(change, batch)
    return Posted(
        posting_id,
        posting.op_id,
        posting.kind,
        posting.doc,
        happened_at,
        now,
        tuple(rows),
        work.fingerprint,
    )


def _gather(change: Change, batch: Batch) -> None:
    for key, delta in change.on_hand.items():
        batch.on_hand[key] = batch.on_hand.get(key, 0) + delta
    for key, delta in change.reserved.items():
        batch.reserved[key] = batch.reserved.get(key, 0) + delta
    batch.free |= change.free
    batch.serials.update(change.serials)


def write(tx: Tx, batch: Batch, loaded: Loaded) -> None:
    """Write all that was staged. A balance that changed under its lock makes it fail as a whole."""
    if not batch.postings:
        return
    changed, added = _balance_rows(batch, loaded)
    # The log's lock is the last that is taken: with serials there is more to write before it.
    log: tuple[Trip[None], ...] = ()
    if not batch.serials:
        tx.no_more_questions()
        log = events.ahead(tx)
    one_trip(
        tx.conn,
        _ADD_POSTING.of(batch.postings),
        _ADD_MOVE.of(batch.moves),
        _CHANGE_BALANCE.all_of(changed),
        _ADD_BALANCE.of(added),
        *log,
    )
    if batch.serials:
        _write_serials(tx, batch, loaded.serial_ids)
    events.append_many(tx, batch.drafts)


def _balance_rows(
    batch: Batch, loaded: Loaded
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Rows for `_CHANGE_BALANCE` and for `_ADD_BALANCE`."""
    ids, places = loaded.balance_ids, loaded.book.places
    changed: list[tuple[Any, ...]] = []
    added: list[tuple[Any, ...]] = []
    for key in sorted(batch.on_hand):
        delta, drawn = batch.on_hand[key], batch.reserved.get(key, 0)
        if key not in ids:
            is_virtual = int(places[key.location_id].kind in VIRTUAL)
            added.append((key_text(key), *key, delta, 0, is_virtual))
        elif delta or drawn:
            changed.append((ids[key], delta, drawn, 1 if key in batch.free else 0))
    return changed, added


def _write_serials(tx: Tx, batch: Batch, ids: dict[tuple[int, str], int]) -> None:
    new = [name for name in batch.serials if name not in ids]
    [numbers] = tx.numbers((serials, len(new)))
    known = [name for name in batch.serials if name in ids]
    ids.update(zip(new, numbers, strict=True))
    placed = [(ids[name], *batch.serials[name][1:]) for name in known]
    added = [(ids[name], name[0], name[1], *batch.serials[name][1:], None) for name in new]
    _PLACE_SERIAL.run(tx, placed)
    _ADD_SERIAL.run(tx, added)
    _ADD_MOVE_SERIAL.run(tx, [(move_id, ids[name]) for move_id, name in batch.move_serials])
