"""SIGKILL in the middle of archiving: at every moment each row is in the table or in its file."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any

import orjson
from sqlalchemy import Connection, select

from api.proving import prove_all
from core import audit, events
from core.anchor import anchors_of
from core.archive import AUDIT, EVENTS, Log, read_rows
from core.clock import ManualClock
from core.db import Database, Tx
from core.migrations.run import upgrade
from tests.databases import MONDAY_0900
from tests.torture.archiver import LATER, finish
from tests.torture.kills import Launcher

ROWS = 600
KILLS = int(os.environ.get("JIELI_ARCHIVE_KILLS", "12"))
SEED = int(os.environ.get("JIELI_SEED", "1"))
LEAST, MOST = 0.005, 0.06  # seconds of life, once connected

Rows = dict[int, dict[str, Any]]


def fill(url: str) -> None:
    """Old events and audit lines, and one of each from today."""
    db = Database(url, ManualClock(MONDAY_0900))
    upgrade(db)

    def write(tx: Tx, count: int) -> None:
        for n in range(count):
            events.append(tx, "x.y", f"x:{n}", "engine", {"n": n, "say": "旧"})
            audit.record(tx, "engine", "cli", "x.y", f"x:{n}", after={"n": n})

    db.write_now(lambda tx: write(tx, ROWS))
    db.close()
    today = Database(url, ManualClock(LATER))
    today.write_now(lambda tx: write(tx, 1))
    today.close()


def in_table(conn: Connection, log: Log) -> Rows:
    rows = conn.execute(select(log.table)).mappings()
    return {row[log.number]: {str(c.name): row[c] for c in log.table.columns} for row in rows}


def in_files(conn: Connection, folder: Path, log: Log) -> Rows:
    """Rows of the files that anchors name."""
    found: Rows = {}
    for anchor in anchors_of(conn, log.name):
        path = folder / anchor.file
        for row in read_rows(path) if path.exists() else ():
            found[row[log.number.name]] = row
    return found


def lost(db: Database, folder: Path, before: dict[str, Rows]) -> list[str]:
    """What is in neither place, or is not what it was."""
    problems = []
    for log in (EVENTS, AUDIT):
        rows = db.read_now(lambda c, g=log: in_files(c, folder, g) | in_table(c, g))  # type: ignore[misc]
        for number, row in before[log.name].items():
            if number not in rows:
                problems.append(f"{log.name} {number} is in neither place")
            elif orjson.dumps(rows[number], option=orjson.OPT_SORT_KEYS) != orjson.dumps(
                row, option=orjson.OPT_SORT_KEYS
            ):
                problems.append(f"{log.name} {number} was changed")
    return problems


def kill_and_look(
    url: str, folder: Path, *mutant: str, kills: int = KILLS
) -> tuple[list[str], int]:
    """(what was lost at the first kill that lost something, how many kills came before the end)."""
    fill(url)
    rng, pause = Random(SEED), threading.Event()
    db = Database(url, ManualClock(LATER))
    before = {log.name: db.read_now(lambda c, g=log: in_table(c, g)) for log in (EVENTS, AUDIT)}  # type: ignore[misc]
    launcher = Launcher(*mutant, module="tests.torture.archiver")
    problems: list[str] = []
    hits, files, reach = 0, 0, MOST
    try:
        for _ in range(kills):
            pid = launcher.fork(url, folder, 0)
            pause.wait(rng.uniform(LEAST, reach))
            launcher.kill(pid)
            files, past = len(db.read_now(lambda c: anchors_of(c, EVENTS.name))), files
            reach *= 1 if files > past else 1.5  # a busy machine needs longer to get anywhere
            problems += lost(db, folder, before)
            left = [n for n in db.read_now(lambda c: in_table(c, AUDIT)) if n <= ROWS]
            hits += bool(left)
            if problems or not left:
                break
    finally:
        launcher.close()
        db.close()
    return problems, hits


async def test_a_row_is_never_in_neither_place(blank_url: str, tmp_path: Path) -> None:
    problems, hits = kill_and_look(blank_url, tmp_path)
    assert problems == []
    assert hits > 0, "it was done before it was killed"
    db = Database(blank_url, ManualClock(LATER))
    try:
        assert db.read_now(lambda c: anchors_of(c, "event")), "it was killed before it began"
        await finish(db, tmp_path)
        proof, found = prove_all(db, tmp_path)
        assert found == []
        assert proof.archived == ROWS
        assert db.read_now(lambda c: min(in_table(c, EVENTS))) == ROWS + 1
        assert db.read_now(lambda c: min(in_table(c, AUDIT))) == ROWS + 1
    finally:
        db.close()


def test_rows_that_go_before_their_file_is_there_are_missed(blank_url: str, tmp_path: Path) -> None:
    """The mutant: without it the test above would prove nothing."""
    problems, _ = kill_and_look(blank_url, tmp_path, "hasty", kills=60)
    assert any("is in neither place" in each for each in problems)
