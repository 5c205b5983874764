"""`jieli`: serve, migrate, demo, import, prove, why, doctor, backup, restore.

Every command takes `--json` for programs; for people it prints tables and progress. Not for rules:
a command calls the same verbs and queries as the doors.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy.engine import make_url

from api.heap import building
from core.clock import SystemClock, perf
from core.config import Settings
from core.db import Database
from core.errors import NOT_FOUND, AppError
from core.people import ENGINE, Actor, actor_of, person_by_login

if TYPE_CHECKING:
    from fastapi import FastAPI

app = typer.Typer(
    no_args_is_help=True,
    help="Jieli 接力: a thin stock ledger whose tasks travel as cards to the people who act.",
    pretty_exceptions_show_locals=False,
)
Json = Annotated[bool, typer.Option("--json", help="Answer as one JSON document")]


def _console() -> Console:
    return Console(stderr=False)


def _print_json(value: Any) -> None:
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())


@contextmanager
def _database() -> Iterator[tuple[Settings, Database]]:
    settings = Settings()
    db = Database(settings.database_url, SystemClock(), synchronous=settings.sqlite_synchronous)
    try:
        yield settings, db
    finally:
        db.close()


@contextmanager
def _progress(words: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr; call what it yields with (done, in all)."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        bar = progress.add_task(words, total=None)
        yield lambda done, whole: progress.update(bar, completed=done, total=whole)


# -- running -------------------------------------------------------------------------------------
@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address; JIELI_HOST by default")] = None,
    port: Annotated[int | None, typer.Option(help="Port; JIELI_PORT by default")] = None,
    demo_data: Annotated[
        bool, typer.Option("--demo-data", help="A small company, and WeCom played by a simulator")
    ] = False,
    engine: Annotated[
        bool | None, typer.Option(help="Run the engine here too; JIELI_ENGINE by default")
    ] = None,
) -> None:
    """Run the server: migrate first, then doors, engine and live sockets in one process."""
    from api.process import prepare, run

    asked = {"host": host, "port": port, "engine": engine}
    settings = Settings(**{name: value for name, value in asked.items() if value is not None})
    prepare(settings)
    served = _demo(settings) if demo_data else _plain(settings)
    if demo_data:
        from api.demo.stage import announce

        announce(_console(), settings, served.state.jieli.db)
    else:
        _announce(settings)
    run(served, settings)


@app.command()
def worker() -> None:
    """Run the engine (timers, delivery) without doors; as many as you like on one PostgreSQL."""
    with building():
        from api.process import prepare
        from api.worker import work

    settings = Settings()
    prepare(settings)
    if settings.worker_port:
        _observed_worker(settings)
    else:
        work(settings)


def _observed_worker(settings: Settings) -> None:
    """A worker with doors of its own, for Prometheus and for whoever restarts what is not well."""
    from api.process import run

    with building():
        from api.main import create_worker

        served = create_worker(settings)
    _migrate(served.state.jieli.db)
    run(served, settings.model_copy(update={"port": settings.worker_port}))


def _plain(settings: Settings) -> FastAPI:
    with building():
        from api.main import create_app

        served = create_app(settings)
    _migrate(served.state.jieli.db)
    return served


def _demo(settings: Settings) -> FastAPI:
    with building():
        from api.demo.stage import demo_app, furnish

        served = demo_app(settings)
    _migrate(served.state.jieli.db)
    furnish(served.state.jieli.db)
    return served


def _announce(settings: Settings) -> None:
    base = settings.public_url.rstrip("/")
    console = _console()
    console.print(f"\n[bold]Jieli 接力[/bold]  {base}")
    for name, path in (("扫码枪页面 (scanner page)", "/pda"), ("接口文档 (API)", "/docs")):
        console.print(f"  {name:<26} {base}{path}")


def _migrate(db: Database) -> tuple[str | None, str]:
    from core.migrations import run as migrations

    before = db.read_now(migrations.current)
    migrations.upgrade(db)
    return before, migrations.newest()


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the database to the newest schema; harmless when it is there already."""
    with _database() as (settings, db):
        before, after = _migrate(db)
    if as_json:
        url = make_url(settings.database_url).render_as_string()  # without its password
        _print_json({"database": url, "from": before, "to": after})
    elif before == after:
        _console().print(f"结构已是最新：{after}")
    else:
        _console().print(f"结构已升级：{before or '（空）'} → {after}")


@app.command()
def demo(
    as_json: Json = False,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the shared data sets", exists=True, file_okay=False),
    ] = None,
) -> None:
    """Play one warehouse day through the real doors, in a minute, and prove the books after it."""
    from api.demo.day import main as play

    raise typer.Exit(play(as_json=as_json, data=data))


@app.command("import")
def import_file(
    *,
    kind: Annotated[str, typer.Argument(help="items, locations, partners, … (see --help)")],
    file: Annotated[Path, typer.Argument(help="XLSX or CSV", exists=True, dir_okay=False)],
    apply: Annotated[bool, typer.Option("--apply", help="Write; without it only check")] = False,
    partial: Annotated[bool, typer.Option(help="Import the good rows, report the others")] = False,
    by: Annotated[str, typer.Option(help="Login of who imports; the engine by default")] = "",
    as_json: Json = False,
) -> None:
    """Check a file, row by row, or import it."""
    from api.importing.run import Job, kind_of, run_import
    from api.importing.sheet import read_sheet

    with _database() as (_, db), _progress(f"{file.name}", quiet=as_json):
        try:
            job = Job(db, _actor(db, by), kind_of(kind), not apply, partial)
            report = asyncio.run(run_import(job, read_sheet(file.name, file.read_bytes())))
        except AppError as refusal:
            _refuse(refusal)
    facts = asdict(report)
    if as_json:
        _print_json(facts)
    else:
        _table(report.sentence or "导入", facts)
    raise typer.Exit(1 if report.failed else 0)


def _actor(db: Database, login: str) -> Actor:
    """Who the audit log will name."""
    if not login:
        return replace(ENGINE, face="cli")
    found = db.read_now(lambda conn: person_by_login(conn, login))
    if found is None:
        raise AppError(NOT_FOUND, what="人员", name=login)
    person_id = found.id
    return db.read_now(lambda conn: actor_of(conn, person_id, "cli"))


# -- asking --------------------------------------------------------------------------------------
@app.command()
def prove(
    with_archive: Annotated[
        bool, typer.Option("--with-archive", help="Read the archived logs too, from their files")
    ] = False,
    as_json: Json = False,
) -> None:
    """Recompute every balance and every link of the chain; exit 1 and name what is wrong."""
    from api.proving import prove_all

    began = perf()
    with _database() as (settings, db), _progress("核对账目 / proving", quiet=as_json) as say:
        proof, problems = prove_all(db, settings.archive_dir if with_archive else None, say)
    seconds = round(perf() - began, 3)
    facts = {
        "ok": not problems,
        "problems": problems,
        "postings": proof.postings,
        "moves": proof.moves,
        "balances": proof.balances,
        "events": proof.events,
        "archived": proof.archived,
        "archive_read": proof.archive_read,
        "head_hash": proof.head_hash,
        "seconds": seconds,
    }
    if as_json:
        _print_json(facts)
    else:
        _table("账目核对 " + ("✓ 全部相符" if not problems else "✗ 不相符"), facts)
    raise typer.Exit(1 if problems else 0)


def _table(title: str, facts: dict[str, Any]) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    for name, value in facts.items():
        shown = "\n".join(map(str, value)) or "—" if isinstance(value, list) else str(value)
        table.add_row(name, shown)
    _console().print(table)


@app.command()
def why(task_id: str, as_json: Json = False) -> None:
    """Why a task is where it is, and the next three things that will happen."""
    from core.tasks.why import explain

    with _database() as (_, db):
        now = db.clock.now()
        try:
            found = db.read_now(lambda conn: explain(conn, task_id, now))
        except AppError as refusal:
            _refuse(refusal)
    if as_json:
        _print_json(found.to_wire())
        return
    console = _console()
    console.print(found.sentence)
    for step in found.steps:
        console.print(f"  · {step.sentence}")


def _refuse(refusal: AppError) -> NoReturn:
    Console(stderr=True).print(refusal.say("zh"))
    raise typer.Exit(1)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look for what is not right yet: settings, schema, people nobody can reach, calendars."""
    from api.doctor import examine

    settings = Settings()
    found = examine(settings)
    if as_json:
        _print_json([{"name": f.name, "ok": f.ok, "said": f.said, "do": f.do} for f in found])
    else:
        table = Table(title="jieli doctor", title_justify="left")
        for column in ("", "检查", "情况", "该做什么"):
            table.add_column(column)
        for finding in found:
            mark = "[green]✓[/green]" if finding.ok else "[red]✗[/red]"
            table.add_row(mark, finding.name, finding.said, finding.do)
        _console().print(table)
    raise typer.Exit(0 if all(finding.ok for finding in found) else 1)


# -- keeping -------------------------------------------------------------------------------------
@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="Folder to write; made if it is not there")],
    as_json: Json = False,
) -> None:
    """A consistent copy of database and files with a manifest, while the server runs."""
    from api.backup import back_up

    with _progress("备份 / backing up", quiet=as_json):
        made = back_up(Settings(), target)
    if as_json:
        _print_json(made)
    else:
        _table(f"备份完成 {target}", made)


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A folder that `jieli backup` wrote")],
    verify: Annotated[
        bool, typer.Option(help="Check digests and prove the books before anything is replaced")
    ] = True,
    force: Annotated[bool, typer.Option(help="Replace a database that exists")] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in place. Stop the server first; clients then start from a new epoch."""
    from api.backup import CannotRestoreError, put_back

    try:
        with _progress("恢复 / restoring", quiet=as_json):
            done = put_back(Settings(), source, verify=verify, force=force)
    except CannotRestoreError as problem:
        Console(stderr=True).print(str(problem))
        raise typer.Exit(1) from problem
    if as_json:
        _print_json(done)
    else:
        _table("恢复完成", done)


def main() -> None:
    """The entry point of the `jieli` command."""
    os.environ.setdefault("PYTHONUTF8", "1")
    app()


if __name__ == "__main__":
    main()
