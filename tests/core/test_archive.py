"""Old pieces of the logs move into files, and the proof goes through them as if they had not."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DatabaseError

from core import audit, events
from core.anchor import anchors_of
from core.archive import (
    AUDIT,
    EVENTS,
    Archiving,
    BrokenArchiveError,
    archived_rows,
    check_archive,
    next_piece,
    write_piece,
)
from core.clock import DAY, ManualClock
from core.db import Database
from core.stock import prove
from pda.catchup import catch_up
from tests.core.stock_yard import Yard
from tests.core.test_audit import write_lines
from tests.tampering import tamper

DAYS = 31


@dataclass
class Old:
    """A yard with postings of two months ago, most of them archived, and some of today."""

    yard: Yard
    folder: Path
    clock: ManualClock
    tea: int
    phone: int

    @property
    def db(self) -> Database:
        return self.yard.db

    def step(self) -> Archiving:
        step = Archiving(self.db, self.clock, self.folder, DAYS)
        step.piece = 7
        return step

    async def archive(self) -> int:
        """Everything that is old enough; how many files there are then."""
        step = self.step()
        while await step.run():
            pass
        return len(list(self.folder.glob("*.jsonl.gz")))

    def problems(self, archive: Path | None = None) -> list[str]:
        return list(self.db.read_now(lambda conn: prove(conn, None, archive)).problems)

    def live(self) -> list[int]:
        query = select(events.events.c.seq).order_by(events.events.c.seq)
        return list(self.db.read_now(lambda conn: conn.execute(query).scalars().all()))


@pytest.fixture
async def old(db: Database, clock: ManualClock, tmp_path: Path) -> Old:
    yard = Yard(db)
    tea, phone = yard.item("TEA"), yard.item("PHONE", "serial")
    yard.move(tea, "100", "SUPPLIER>DOCK")
    yard.move(phone, "2", "SUPPLIER>DOCK", serials=("S1", "S2"))
    for _ in range(20):
        yard.move(tea, "1", "DOCK>A-1")
    yard.move(phone, "1", "DOCK>A-1", serials=("S1",))
    write_lines(db, 20)
    clock.advance(DAYS * DAY + 1)
    yard.move(tea, "80", "DOCK>A-2")
    yard.move(phone, "1", "A-1>CUSTOMER", serials=("S1",))
    write_lines(db, 2)
    found = Old(yard, tmp_path / "archive", clock, tea, phone)
    assert await found.archive() == 4 + 3
    return found


async def test_old_rows_are_in_files_and_the_proof_holds_with_and_without_them(old: Old) -> None:
    assert old.live() == [24, 25, *range(26, 33)], "23 old events went, 7 tell of the files"
    proof = old.db.read_now(prove)
    assert proof.problems == ()
    assert (proof.postings, proof.moves, proof.archived) == (25, 25, 23)
    assert not proof.archive_read
    whole = old.db.read_now(lambda conn: prove(conn, None, old.folder))
    assert whole.problems == ()
    assert (whole.postings, whole.moves, whole.archive_read) == (25, 25, True)
    assert whole.head_hash == proof.head_hash
    assert old.db.read_now(lambda conn: list(audit.verify(conn))) == []
    assert old.db.read_now(lambda conn: list(check_archive(conn, old.folder, AUDIT))) == []


async def test_it_rests_and_does_not_feed_on_itself(old: Old) -> None:
    step = old.step()
    assert await step.run() == 0
    assert old.db.read_now(step.step().next_due) == old.clock.now() + DAY
    old.clock.advance(60 * DAY)
    files = await old.archive()
    for _ in range(5):
        old.clock.advance(60 * DAY)
        assert await old.archive() == files, "nothing happened, so nothing is archived"
    assert old.problems(old.folder) == []


async def test_business_goes_on_and_more_is_archived(old: Old) -> None:
    before = old.live()
    old.yard.move(old.tea, "3", "A-2>CUSTOMER")
    old.clock.advance(60 * DAY)
    old.yard.move(old.tea, "3", "A-2>CUSTOMER")
    await old.archive()
    assert not set(before) & set(old.live()), "a second time, what followed went too"
    assert old.problems() == []
    assert old.problems(old.folder) == []
    assert old.yard.here(old.tea, "A-2") == 74_000_000


async def test_nobody_else_deletes_a_row_and_no_anchor_changes(old: Old) -> None:
    for statement in (
        "DELETE FROM event",
        "DELETE FROM audit",
        "UPDATE event SET actor = 'x'",
        "DELETE FROM log_anchor",
        "UPDATE log_anchor SET last_no = 30",
    ):
        with pytest.raises(DatabaseError, match="append only"):
            old.db.write_now(lambda tx, s=statement: tx.conn.exec_driver_sql(s))  # type: ignore[misc]


async def test_a_scanner_from_before_the_anchor_is_told_to_resync(old: Old) -> None:
    def resume(cursor: int) -> bool:
        epoch = old.db.read_now(events.epoch)
        return old.db.read_now(lambda conn: catch_up(conn, 1, epoch, cursor)).tasks is None

    assert [resume(cursor) for cursor in (0, 22, 23, 25)] == [False, False, True, True]


Crime = tuple[Callable[[Old], None], bool, str]


def _first_file(old: Old) -> Path:
    return sorted(old.folder.glob("event-*"))[0]


def _flip(old: Old) -> None:
    path = _first_file(old)
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)


def _rewrite(old: Old) -> None:
    """A well-formed file with another quantity in it, and its digest in the anchor."""
    import hashlib

    path = _first_file(old)
    text = gzip.decompress(path.read_bytes()).replace(b"100000000", b"900000000")
    path.write_bytes(gzip.compress(text))
    print_ = hashlib.sha256(path.read_bytes()).hexdigest()
    renamed = f"UPDATE log_anchor SET sha256 = '{print_}' WHERE file = '{path.name}'"  # noqa: S608
    tamper(old.db, renamed)


def _sql(*statements: str) -> Callable[[Old], None]:
    return lambda old: tamper(old.db, *statements)


FALSE_MOVE = (
    "INSERT INTO move SELECT 900, posting_id, 9, item_id, lot_id, from_location, to_location, "
    "from_status, to_status, owner_id, to_owner_id, quantity, happened_at, recorded_at "
    "FROM move WHERE id = 5"
)


@pytest.mark.parametrize(
    ("crime", "without", "with_files"),
    [
        (lambda old: _first_file(old).unlink(), "", "is missing in"),
        (_flip, "", "was changed"),
        (_rewrite, "", "row 1 is not the next link of the chain"),
        (
            _sql("UPDATE move SET quantity = quantity * 2 WHERE id = 5"),
            "its moves add up to",
            "move 5 (posting 5 line 1) was changed: quantity is 2000000",
        ),
        (_sql(FALSE_MOVE), "rows of move", "move 900 (posting 5) is in no event"),
        (_sql("DELETE FROM move WHERE id = 5"), "rows of move", "line 1) is missing"),
        (_sql("DELETE FROM event WHERE seq = 24"), "event 24 is missing", "event 24 is missing"),
        (_sql("UPDATE posting SET doc = 'x' WHERE id = 3"), "", "posting 3 (op-00000003) was"),
        (
            _sql(
                "INSERT INTO log_anchor SELECT 'event', 25, 24, hash, 'f', 'x', 1, 2, 2, 1 "
                "FROM event WHERE seq = 25",
                "DELETE FROM event WHERE seq <= 25",
            ),
            "no sealed event says that they were archived",
            "archive file f is missing",
        ),
    ],
)
async def test_what_was_done_to_the_past_is_named(
    old: Old, crime: Callable[[Old], None], without: str, with_files: str
) -> None:
    """What only the files can show is found only with them; the sentence says what was checked."""
    crime(old)
    assert without in "; ".join(old.problems())
    assert bool(without) == bool(old.problems())
    assert with_files in "; ".join(old.problems(old.folder))


async def test_a_broken_log_is_never_archived(old: Old) -> None:
    old.clock.advance(60 * DAY)
    tamper(old.db, "UPDATE event SET actor = 'x' WHERE seq = 25")
    with pytest.raises(BrokenArchiveError, match="row 25 is not the next link"):
        await old.archive()
    assert 25 in old.live()


async def test_no_room_for_the_file_leaves_the_rows_where_they_are(old: Old) -> None:
    """The folder is a file: the step fails, is tried again later, and nothing is gone."""
    old.clock.advance(60 * DAY)
    before, step = old.live(), Archiving(old.db, old.clock, old.folder / "x", DAYS)
    (old.folder / "x").write_text("in the way")
    with pytest.raises(OSError, match="x"):
        await step.run()
    assert old.live() == before
    (old.folder / "x").unlink()
    assert await step.run() > 0


def test_two_workers_archive_the_same_piece_once(old: Old) -> None:
    from core.archive import drop_anchor

    old.clock.advance(60 * DAY)
    piece = old.db.read_now(lambda conn: next_piece(conn, EVENTS, old.clock.now()))
    assert piece is not None
    first, second = write_piece(old.folder, piece), write_piece(old.folder, piece)
    assert first == second
    assert old.db.write_now(lambda tx: drop_anchor(tx, piece, first))
    assert not old.db.write_now(lambda tx: drop_anchor(tx, piece, second))
    rows = old.db.read_now(lambda conn: [*archived_rows(conn, old.folder, EVENTS)])
    assert [row["seq"] for page in rows for row in page] == list(range(1, piece.last + 1))


def test_nothing_but_finished_files_lies_there(old: Old) -> None:
    logs = ("event", "audit")
    named = {
        each.file
        for log in logs
        for each in old.db.read_now(lambda conn, n=log: anchors_of(conn, n))  # type: ignore[misc]
    }
    assert {each.name for each in old.folder.iterdir()} == named
