"""Backup and restore: one folder with database, files, archived logs and a manifest of digests.

The database in a backup is always a SQLite file, whatever kind it came from, so a backup of one
kind can be put back into the other. The copy is consistent while the server runs: it is one read
transaction. Restoring checks every digest, proves the books of the copy, and bumps the epoch of the
event log, so that no client mistakes the old history for the one it knew.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from sqlalchemy.engine import make_url

from api.proving import prove_all
from core import events
from core.clock import SystemClock, iso
from core.config import Settings
from core.copying import CannotCopyError, copy_database
from core.db import Database
from core.durable import make_folder, sync, sync_all, write_whole
from core.ids import new_id
from core.migrations import run as migrations

DATABASE, FILES, ARCHIVE = "jieli.db", "files.tar", "archive.tar"
MANIFEST = "manifest.json"


class CannotRestoreError(Exception):
    """The backup is not whole, or something stands where it should go."""


def _path(settings: Settings) -> Path:
    database = make_url(settings.database_url).database
    assert database, "only a database in a file can be copied"
    return Path(database)


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def back_up(settings: Settings, target: Path) -> dict[str, Any]:
    """Write a backup to the folder `target`; answers its manifest.

    Raises:
        FileExistsError: a backup is there already; backups are never overwritten.
    """
    make_folder(target)
    if (target / MANIFEST).exists():
        raise FileExistsError(f"{target} holds a backup already; name another folder")
    copy = target / DATABASE
    copy.unlink(missing_ok=True)  # of an attempt that did not reach its manifest
    _copy_out(settings, copy)
    # After the database: what is archived meanwhile lies in both, and nothing in neither.
    files = _pack(settings.files_dir, target / FILES)
    _pack(settings.archive_dir, target / ARCHIVE)
    parts = (DATABASE, FILES, ARCHIVE)
    manifest = {
        "made_at": iso(SystemClock().now()),
        "schema": migrations.newest(),
        "files": files,
        "sha256": {name: _digest(target / name) for name in parts},
        "bytes": {name: (target / name).stat().st_size for name in parts},
    }
    sync_all(target)  # what a manifest speaks of is there
    write_whole(target / MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return manifest


def _pack(folder: Path, target: Path) -> int:
    """Everything that is finished in `folder`; how many files."""
    files = 0
    with tarfile.open(target, "w") as tar:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file() and not path.name.startswith("tmp"):
                tar.add(path, str(path.relative_to(folder)))
                files += 1
    return files


def _unpack(source: Path, folder: Path) -> Path:
    _made(folder)
    if source.is_file():  # a backup of before 2026-11-26 has no archive
        with tarfile.open(source) as tar:
            tar.extractall(folder, filter="data")
        sync_all(folder)
    return folder


def _copy_out(settings: Settings, copy: Path) -> None:
    if _is_file(settings):
        # Not mode=ro: SQLite 3.40 then trips over a table with a derived column and a check.
        with closing(sqlite3.connect(f"file:{_path(settings)}?mode=rw", uri=True)) as source:
            source.execute("VACUUM INTO ?", (str(copy),))
        return
    clock = SystemClock()
    source_db, target = (
        Database(settings.database_url, clock),
        Database(f"sqlite:///{copy}", clock, synchronous="NORMAL"),
    )
    try:
        copy_database(source_db, target)
    finally:
        source_db.close()
        _close_whole(target, copy)


def _is_file(settings: Settings) -> bool:
    return make_url(settings.database_url).get_backend_name() == "sqlite"


def _close_whole(db: Database, path: Path) -> None:
    """Close a SQLite database so that the file alone is all of it."""
    db.close()
    with closing(sqlite3.connect(path)) as last:
        last.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def put_back(settings: Settings, source: Path, *, verify: bool, force: bool) -> dict[str, Any]:
    """Replace database and files by the backup in `source`. The server must not run.

    Raises:
        CannotRestoreError: digests differ, the books of the copy are wrong, or a database stands
            there and `force` is off.
    """
    place = _path(settings) if _is_file(settings) else None
    if place is not None and place.exists() and not force:
        raise CannotRestoreError(f"{place} 已经存在。确认要替换，请加 --force。")
    if not (source / MANIFEST).is_file():
        raise CannotRestoreError(f"{source} 里没有 {MANIFEST}，不是完整的备份。")
    manifest = orjson.loads((source / MANIFEST).read_bytes())
    if verify:
        for name, digest in manifest["sha256"].items():
            if _digest(source / name) != digest:
                raise CannotRestoreError(f"{name} 和清单里的摘要不一致，备份已损坏，没有恢复。")
    with TemporaryDirectory(dir=None if place is None else _made(place.parent)) as folder:
        fresh = Path(folder) / DATABASE
        shutil.copyfile(source / DATABASE, fresh)
        archive = _unpack(source / ARCHIVE, Path(folder) / "archive") if verify else None
        facts = _renew(settings, fresh, archive)
        if place is None:
            facts |= _copy_in(settings, fresh)
        _unpack(source / FILES, settings.files_dir)
        _unpack(source / ARCHIVE, settings.archive_dir)
        if place is not None:
            _clear_log(place)
            fresh.replace(place)  # at no moment is there none
            sync(place)
            sync(place.parent)
    return {"from": str(source), "made_at": manifest["made_at"], **facts}


def _made(folder: Path) -> Path:
    make_folder(folder)
    return folder


def _copy_in(settings: Settings, fresh: Path) -> dict[str, Any]:
    """Into a database on a server, which must be empty: nothing there is ever replaced."""
    clock = SystemClock()
    copy, target = Database(f"sqlite:///{fresh}", clock), Database(settings.database_url, clock)
    try:
        migrations.upgrade(copy)  # a backup may be older than this version
        return {"rows": copy_database(copy, target)}
    except CannotCopyError as problem:
        raise CannotRestoreError(str(problem)) from problem
    finally:
        copy.close()
        target.close()


def _clear_log(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _renew(settings: Settings, path: Path, archive: Path | None) -> dict[str, Any]:
    """Prove the copy with its `archive` and give its event log a new epoch, before it is used."""
    clock = SystemClock()
    db = Database(f"sqlite:///{path}", clock, synchronous=settings.sqlite_synchronous)
    try:
        facts: dict[str, Any] = {"verified": archive is not None}
        if archive is not None:
            if db.read_now(migrations.current):  # a backup may be older than this version
                migrations.upgrade(db)
            proof, problems = prove_all(db, archive)
            if problems:
                raise CannotRestoreError("备份里的账不对，没有恢复：" + "；".join(problems[:3]))
            facts |= {"postings": proof.postings, "events": proof.events}
        epoch = new_id(clock.now())
        db.write_now(lambda tx: events.begin_epoch(tx, epoch))
        return facts | {"epoch": epoch}
    finally:
        _close_whole(db, path)
