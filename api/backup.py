"""Backup and restore: one folder with the database, the files and a manifest of digests.

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

from core import audit, events
from core.clock import SystemClock, iso
from core.config import Settings
from core.copying import CannotCopyError, copy_database
from core.db import Database
from core.durable import make_folder, sync, sync_all, write_whole
from core.ids import new_id
from core.migrations import run as migrations
from core.stock import prove

DATABASE, FILES, MANIFEST = "jieli.db", "files.tar", "manifest.json"


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
    files = 0
    with tarfile.open(target / FILES, "w") as tar:
        if settings.files_dir.is_dir():
            for path in sorted(settings.files_dir.rglob("*")):
                if path.is_file() and not path.name.startswith("tmp"):
                    tar.add(path, str(path.relative_to(settings.files_dir)))
                    files += 1
    manifest = {
        "made_at": iso(SystemClock().now()),
        "schema": migrations.newest(),
        "files": files,
        "sha256": {name: _digest(target / name) for name in (DATABASE, FILES)},
        "bytes": {name: (target / name).stat().st_size for name in (DATABASE, FILES)},
    }
    sync_all(target)  # what a manifest speaks of is there
    write_whole(target / MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return manifest


def _copy_out(settings: Settings, copy: Path) -> None:
    if _is_file(settings):
        with closing(sqlite3.connect(f"file:{_path(settings)}?mode=ro", uri=True)) as source:
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
        raise CannotRestoreError(f"{place} 已经存在。确认要替换,请加 --force。")
    if not (source / MANIFEST).is_file():
        raise CannotRestoreError(f"{source} 里没有 {MANIFEST},不是完整的备份。")
    manifest = orjson.loads((source / MANIFEST).read_bytes())
    if verify:
        for name, digest in manifest["sha256"].items():
            if _digest(source / name) != digest:
                raise CannotRestoreError(f"{name} 和清单里的摘要不一致,备份已损坏,没有恢复。")
    with TemporaryDirectory(dir=None if place is None else _made(place.parent)) as folder:
        fresh = Path(folder) / DATABASE
        shutil.copyfile(source / DATABASE, fresh)
        facts = _renew(settings, fresh, verify=verify)
        if place is None:
            facts |= _copy_in(settings, fresh)
        _put_files(settings, source)
        if place is not None:
            _clear(place)
            fresh.replace(place)
            sync(place)
            sync(place.parent)
    return {"from": str(source), "made_at": manifest["made_at"], **facts}


def _made(folder: Path) -> Path:
    make_folder(folder)
    return folder


def _put_files(settings: Settings, source: Path) -> None:
    _made(settings.files_dir)
    with tarfile.open(source / FILES) as tar:
        tar.extractall(settings.files_dir, filter="data")
    sync_all(settings.files_dir)


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


def _clear(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _renew(settings: Settings, path: Path, *, verify: bool) -> dict[str, Any]:
    """Prove the copy and give its event log a new epoch, before it takes its place."""
    clock = SystemClock()
    db = Database(f"sqlite:///{path}", clock, synchronous=settings.sqlite_synchronous)
    try:
        facts: dict[str, Any] = {"verified": verify}
        if verify:
            proof = db.read_now(prove)
            problems = [*proof.problems, *db.read_now(lambda conn: list(audit.verify(conn)))]
            if problems:
                raise CannotRestoreError("备份里的账不对,没有恢复:" + ";".join(problems[:3]))
            facts |= {"postings": proof.postings, "events": proof.events}
        epoch = new_id(clock.now())
        db.write_now(lambda tx: events.begin_epoch(tx, epoch))
        return facts | {"epoch": epoch}
    finally:
        _close_whole(db, path)
