"""The `jieli` command: what people and programs get from it, and that a backup is one."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.backup import MANIFEST
from api.cli import app
from api.process import uvicorn_options
from api.sockets import LetGo
from core import events
from core.archive import Archiving
from core.clock import DAY, ManualClock
from core.config import Settings
from core.db import Database
from core.migrations import run as migrations
from tests.api.room import Ids
from tests.databases import MONDAY_0900

Run = Callable[..., Result]


@pytest.fixture
def place(company: tuple[str, Ids], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A migrated company database where the environment says it is."""
    path = tmp_path / "live" / "jieli.db"
    path.parent.mkdir()
    shutil.copyfile(company[0].removeprefix("sqlite:///"), path)
    monkeypatch.setenv("JIELI_DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.setenv("JIELI_FILES_DIR", str(tmp_path / "live" / "files"))
    monkeypatch.setenv("JIELI_ARCHIVE_DIR", str(tmp_path / "live" / "archive"))
    monkeypatch.setenv("JIELI_SQLITE_SYNCHRONOUS", "OFF")
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def run() -> Run:
    def call(*words: str) -> Result:
        return CliRunner().invoke(app, list(words), catch_exceptions=False)

    return call


def as_json(result: Result) -> Any:
    return json.loads(result.stdout)


@pytest.mark.sqlite
def test_prove_says_the_books_are_right(place: Path, run: Run) -> None:
    result = run("prove", "--json")
    assert result.exit_code == 0
    facts = as_json(result)
    assert facts["ok"]
    assert facts["postings"] == 2
    assert "全部相符" in run("prove").stdout


@pytest.mark.sqlite
def test_prove_names_a_changed_balance_and_exits_1(place: Path, run: Run) -> None:
    with closing(sqlite3.connect(place)) as conn, conn:
        conn.execute("UPDATE balance SET on_hand = on_hand + 1 WHERE on_hand > 0")
    result = run("prove", "--json")
    assert result.exit_code == 1
    assert as_json(result)["problems"]


def test_migrate_is_harmless_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("JIELI_DATABASE_URL", f"sqlite:///{tmp_path / 'new' / 'j.db'}")
    monkeypatch.chdir(tmp_path)
    first = as_json(run("migrate", "--json"))
    assert first["from"] is None
    assert first["to"] == migrations.newest()
    assert as_json(run("migrate", "--json"))["from"] == first["to"]
    assert "已是最新" in run("migrate").stdout


@pytest.mark.sqlite
def test_why_says_what_will_happen(place: Path, run: Run) -> None:
    with closing(sqlite3.connect(place)) as conn, conn:
        (task,) = conn.execute("SELECT id FROM task WHERE kind = 'receive' LIMIT 1").fetchone()
    assert as_json(run("why", task, "--json"))["steps"]
    assert "·" in run("why", task).stdout
    assert run("why", "0" * 32).exit_code == 1


@pytest.mark.sqlite
def test_doctor_finds_what_is_not_right_yet(place: Path, run: Run) -> None:
    result = run("doctor", "--json")
    found = {each["name"]: each for each in as_json(result)}
    assert result.exit_code == 1
    assert not found["结构版本"]["ok"], "made without migrations"
    assert found["结构版本"]["do"] == "运行 jieli migrate"
    assert not found["断电安全"]["ok"]


def test_doctor_looks_at_people_policies_and_holidays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.setenv("JIELI_DATABASE_URL", f"sqlite:///{tmp_path / 'j.db'}")
    monkeypatch.chdir(tmp_path)
    run("migrate")
    found = {each["name"]: each for each in as_json(run("doctor", "--json"))}
    assert found["结构版本"]["ok"]
    assert not found["升级对象"]["ok"], "there is nobody yet"
    assert "qc_failed" in found["升级对象"]["said"] or "找不到人" in found["升级对象"]["said"]
    assert "假日表" in found


@pytest.mark.sqlite
def test_a_backup_restores_to_the_same_books_under_a_new_epoch(
    place: Path, tmp_path: Path, run: Run
) -> None:
    photo = tmp_path / "live" / "files" / "ab" / ("ab" * 32)
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"pixels")
    target = tmp_path / "backup"
    made = as_json(run("backup", str(target), "--json"))
    assert made["files"] == 1
    assert (target / MANIFEST).is_file()
    epoch, head = facts_of(place)
    place.unlink()
    photo.unlink()
    done = as_json(run("restore", str(target), "--json"))
    assert done["verified"]
    assert done["postings"] == 2
    fresh_epoch, fresh_head = facts_of(place)
    assert fresh_head == head
    assert fresh_epoch != epoch, "clients must not mistake the old history for theirs"
    assert photo.read_bytes() == b"pixels"
    assert run("prove").exit_code == 0


def facts_of(path: Path) -> tuple[str, int]:
    """Epoch and head of the event log of a database file."""
    db = Database(f"sqlite:///{path}", ManualClock(0), synchronous="OFF")
    try:
        return db.read_now(lambda conn: (events.epoch(conn), events.head(conn)))
    finally:
        db.close()


def archived(place: Path) -> Path:
    """Archive all that is older than a month, two months later; the folder."""
    folder = place.parent / "archive"
    db = Database(f"sqlite:///{place}", ManualClock(MONDAY_0900 + 60 * DAY), synchronous="OFF")
    step = Archiving(db, db.clock, folder, 31)
    while asyncio.run(step.run()):
        pass
    db.close()
    return folder


@pytest.mark.sqlite
def test_archived_logs_are_proven_and_travel_with_a_backup(
    place: Path, tmp_path: Path, run: Run
) -> None:
    folder = archived(place)
    facts = as_json(run("prove", "--json"))
    assert (facts["ok"], facts["postings"], facts["archive_read"]) == (True, 2, False)
    assert facts["archived"] > 2
    assert as_json(run("prove", "--with-archive", "--json"))["archive_read"]
    files = sorted(each.name for each in folder.iterdir())
    run("backup", str(tmp_path / "backup"))
    shutil.rmtree(folder)
    assert run("prove").exit_code == 0
    assert run("prove", "--with-archive").exit_code == 1
    place.unlink()
    assert run("restore", str(tmp_path / "backup")).exit_code == 0
    assert sorted(each.name for each in folder.iterdir()) == files
    assert run("prove", "--with-archive").exit_code == 0


@pytest.mark.sqlite
def test_a_backup_without_its_archive_is_not_restored(
    place: Path, tmp_path: Path, run: Run
) -> None:
    """Somebody lost the folder before the backup was taken: the digests fit, the past is gone."""
    shutil.rmtree(archived(place))
    run("backup", str(tmp_path / "poor"))
    refused = run("restore", str(tmp_path / "poor"), "--force")
    assert refused.exit_code == 1
    assert "is missing" in refused.stderr


@pytest.mark.sqlite
def test_a_file_is_checked_first_and_imported_when_told(
    place: Path, tmp_path: Path, run: Run
) -> None:
    from api.importing.export import template
    from api.importing.run import kind_of

    header = template(kind_of("items"), "zh").decode("utf-8-sig").splitlines()[0]
    names = header.split(",")
    row = ["" for _ in names]
    row[0], row[1] = "GEAR", "齿轮"
    file = tmp_path / "货品.csv"
    file.write_text("\n".join([header, ",".join(row)]), "utf-8-sig")
    checked = as_json(run("import", "items", str(file), "--json"))
    assert checked["dry_run"], checked
    done = as_json(run("import", "items", str(file), "--apply", "--by", "admin", "--json"))
    assert (done["imported"], done["failed"]) == (1, 0), done
    assert as_json(run("import", "items", str(file), "--apply", "--json"))["imported"] == 0
    assert run("import", "nonsense", str(file)).exit_code == 1


@pytest.mark.sqlite
def test_nothing_is_replaced_without_saying_so(place: Path, tmp_path: Path, run: Run) -> None:
    target = str(tmp_path / "backup")
    run("backup", target)
    refused = run("restore", target)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert run("restore", target, "--force").exit_code == 0


@pytest.mark.sqlite
def test_a_damaged_backup_is_not_restored(place: Path, tmp_path: Path, run: Run) -> None:
    target = tmp_path / "backup"
    run("backup", str(target))
    copy = target / "jieli.db"
    content = bytearray(copy.read_bytes())
    content[5000] ^= 0xFF
    copy.write_bytes(bytes(content))
    before = place.read_bytes()
    refused = run("restore", str(target), "--force")
    assert refused.exit_code == 1
    assert "摘要" in refused.stderr
    assert place.read_bytes() == before


@pytest.mark.sqlite
def test_a_backup_with_wrong_books_is_not_restored(place: Path, tmp_path: Path, run: Run) -> None:
    """Somebody changed a row before the backup was taken: the digests fit, the books do not."""
    with closing(sqlite3.connect(place)) as conn, conn:
        conn.execute("UPDATE balance SET on_hand = on_hand + 1 WHERE on_hand > 0")
    target = str(tmp_path / "backup")
    run("backup", target)
    refused = run("restore", target, "--force")
    assert refused.exit_code == 1
    assert "账不对" in refused.stderr


@pytest.mark.sqlite
def test_a_backup_never_overwrites_one(place: Path, tmp_path: Path) -> None:
    from api.backup import back_up

    target = tmp_path / "backup"
    back_up(Settings(_env_file=None), target)
    with pytest.raises(FileExistsError):
        back_up(Settings(_env_file=None), target)


@pytest.mark.parametrize(
    ("said", "reached"),
    [
        ({}, "http://127.0.0.1:8600"),
        ({"JIELI_PORT": "8655"}, "http://127.0.0.1:8655"),
        ({"JIELI_PORT": "8655", "JIELI_PUBLIC_URL": "https://jieli.firm"}, "https://jieli.firm"),
    ],
)
def test_links_lead_to_the_port_where_the_server_listens(
    said: dict[str, str], reached: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("JIELI_PORT", "JIELI_PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert Settings().public_url == reached


def test_the_server_is_run_as_measured() -> None:
    options = uvicorn_options(Settings(_env_file=None))
    assert options["ws"] is LetGo
    assert options["ws_max_size"] == 65_536
    assert options["ws_per_message_deflate"] is False
    assert options["loop"] == "uvloop"
    assert issubclass(options["http"], HttpToolsProtocol)


@pytest.mark.parametrize(
    "command",
    ["serve", "migrate", "demo", "import", "prove", "why", "doctor", "backup", "restore"],
)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    if command != "serve":
        assert "--json" in result.stdout
