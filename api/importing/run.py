"""Drive an import: check every row against the database, then write in chunks, and report.

Checking is the real thing, undone: each chunk runs its verbs in one command and is rolled back, so
a dry run finds what a real run would refuse. Every unit is known by what it says, not by the file:
the same file again, or a corrected one, changes only what is not so yet, and a run that was cut off
continues where it stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from api.importing import catalog_rows, stock_rows
from api.importing.kinds import KINDS, Kind
from api.importing.rows import Parsed, RowError, read_rows
from api.importing.sheet import Sheet
from core.db import Database, Tx
from core.errors import NOT_FOUND, AppError
from core.people import Actor, Thing, record, require

MAX_REPORTED = 1000

_PER_ROW: dict[str, Callable[[Tx, Actor, Parsed], bool]] = {
    "items": catalog_rows.put_item,
    "partners": catalog_rows.put_partner,
    "locations": catalog_rows.put_location,
    "opening": stock_rows.put_opening,
}


@dataclass(frozen=True, slots=True)
class Unit:
    """What stands or falls together: one row, or all rows of one order."""

    rows: tuple[Parsed, ...]

    @property
    def whole(self) -> bool:
        return all(row.whole for row in self.rows)


Answer: TypeAlias = Literal["imported", "known"] | RowError


@dataclass(slots=True)
class Report:
    """What happened, row by row. `known` rows were so already; `errors` holds the first 1,000."""

    kind: str
    file: str
    digest: str  # sha256 of the file
    rows: int
    dry_run: bool
    imported: int = 0
    known: int = 0
    failed: int = 0  # rows in error, and rows of an order in which another row is
    errors: list[RowError] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One run over one file."""

    db: Database
    actor: Actor
    kind: Kind
    dry_run: bool
    partial: bool


async def run_import(job: Job, sheet: Sheet) -> Report:
    """Import `sheet`. Without `partial` one bad row means that no row is imported.

    Raises:
        AppError(forbidden), AppError(import_no_header), AppError(busy).
    """
    require(job.actor, "import.run", Thing("import", job.kind.code))
    reading = read_rows(job.kind, sheet)
    units = _units(job.kind, reading.rows)
    answers: dict[int, Answer] = {}
    await _run(job, units, answers, keep=False)
    bad = [n for n, unit in enumerate(units) if not unit.whole or n in _refused(answers)]
    checked = dict(answers)
    if not job.dry_run:
        answers = {n: checked[n] for n in bad if n in checked}
        if job.partial or not bad:
            await _run(job, units, answers, keep=True, but=frozenset(bad))
    report = Report(job.kind.code, sheet.name, sheet.digest, len(sheet.rows), job.dry_run)
    report.ignored_columns = reading.ignored
    _fill(report, units, answers, reading.errors)
    report.sentence = _sentence(report)
    if not job.dry_run:
        await job.db.write(lambda tx: _note(tx, job, report))
    return report


def kind_of(code: str) -> Kind:
    """The kind of file.

    Raises:
        AppError(not_found).
    """
    kind = KINDS.get(code)
    if kind is None:
        raise AppError(NOT_FOUND, what="导入类型", name=code[:40])
    return kind


class _UndoneError(Exception):
    """Carries the answers of a chunk out of its command, which is rolled back by it."""

    def __init__(self, answers: dict[int, Answer]) -> None:
        super().__init__("checked and undone")
        self.answers = answers


async def _run(
    job: Job,
    units: Sequence[Unit],
    answers: dict[int, Answer],
    *,
    keep: bool,
    but: frozenset[int] = frozenset(),
) -> None:
    """Run all whole units but those in `but`, chunk by chunk; what they answered goes into
    `answers` by place. A run that keeps stops at the first surprise unless it is partial.
    """
    for chunk in _chunks(job.kind, units, but):

        def command(tx: Tx, chunk: dict[int, Unit] = chunk) -> dict[int, Answer]:
            found = {n: _attempt(tx, job, unit) for n, unit in chunk.items()}
            if not keep or (_refused(found) and not job.partial):
                raise _UndoneError(found)
            return found

        try:
            answers |= await job.db.write(command)
        except _UndoneError as undone:
            if not keep:
                answers |= undone.answers
                continue
            # Somebody changed the data between the check and now: this chunk is not in.
            answers |= {n: a for n, a in undone.answers.items() if isinstance(a, RowError)}
            return


def _attempt(tx: Tx, job: Job, unit: Unit) -> Answer:
    def verb() -> bool:
        if job.kind.code == "orders":
            return stock_rows.put_order(tx, job.actor, unit.rows)
        return _PER_ROW[job.kind.code](tx, job.actor, unit.rows[0])

    try:
        return "imported" if tx.attempt(verb) else "known"
    except AppError as refusal:
        return _row_error(job.kind, unit, refusal)


def _row_error(kind: Kind, unit: Unit, refusal: AppError) -> RowError:
    """The refusal at the row and column it is most likely about."""
    facts = refusal.facts
    said = {str(facts[each]) for each in ("name", "code", "lot", "text") if each in facts}
    for row in unit.rows:
        for column in kind.columns:
            text = str(row.get(column.key, ""))
            if column.names[0] == facts.get("field") or (text and text in said):
                return RowError(row.number, column.names[0], refusal.say("zh"), text[:100])
    return RowError(unit.rows[0].number, "", refusal.say("zh"))


def _units(kind: Kind, rows: Sequence[Parsed]) -> list[Unit]:
    if not kind.together:
        return [Unit((row,)) for row in rows]
    groups: dict[object, list[Parsed]] = {}
    for row in rows:
        # A row without the common value belongs to nobody and stands alone (it is in error).
        groups.setdefault(row.get(kind.together, -row.number), []).append(row)
    return [Unit(tuple(group)) for group in groups.values()]


def _chunks(kind: Kind, units: Sequence[Unit], but: frozenset[int]) -> Iterator[dict[int, Unit]]:
    """Whole units by place, as many as fit into the rows of one command (one at least)."""
    chunk: dict[int, Unit] = {}
    size = 0
    for n, unit in enumerate(units):
        if not unit.whole or n in but:
            continue
        if chunk and size + len(unit.rows) > kind.chunk:
            yield chunk
            chunk, size = {}, 0
        chunk[n] = unit
        size += len(unit.rows)
    if chunk:
        yield chunk


def _refused(answers: dict[int, Answer]) -> frozenset[int]:
    return frozenset(n for n, answer in answers.items() if isinstance(answer, RowError))


def _fill(
    report: Report, units: Sequence[Unit], answers: dict[int, Answer], unread: Sequence[RowError]
) -> None:
    errors = list(unread)
    for n, unit in enumerate(units):
        answer = answers.get(n)
        if isinstance(answer, RowError):
            errors.append(answer)
        if isinstance(answer, RowError) or not unit.whole:
            report.failed += len(unit.rows)
        elif answer == "imported":
            report.imported += len(unit.rows)
        elif answer == "known":
            report.known += len(unit.rows)
    errors.sort(key=lambda each: (each.row, each.column))
    report.errors = errors[:MAX_REPORTED]


def _sentence(report: Report) -> str:
    """The result in words."""
    known = f"，{report.known} 行和现有数据一样" if report.known else ""
    if report.dry_run:
        wrong = f"，{report.failed} 行有错" if report.failed else "，没有错误"
        return f"试运行，什么都没写入：{report.imported} 行可以导入{known}{wrong}。"
    if report.failed and not report.imported:
        return f"没导入：{report.failed} 行有错{known}。改好这些行，再传整份文件。"
    wrong = f"，{report.failed} 行有错没有导入。改好后再传整份文件" if report.failed else ""
    return f"已导入 {report.imported} 行{known}{wrong}。"


def _note(tx: Tx, job: Job, report: Report) -> None:
    after = {
        "file": report.file[:200],
        "digest": report.digest,
        "rows": report.rows,
        "imported": report.imported,
        "known": report.known,
        "failed": report.failed,
    }
    record(tx, job.actor, "import.run", f"import:{job.kind.code}", after=after)
