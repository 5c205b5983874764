"""From texts to values: find the columns by their headers, read every cell, collect all problems.

Asks no table: what only the database can know is refused by the verb later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from api.importing.kinds import Column, Kind
from api.importing.sheet import MAX_CELL, Row, Sheet
from core.errors import AppError, define
from core.quantity import parse

NO_HEADER = define(
    "import_no_header",
    422,
    "没导入：表头里缺少{missing}。先下载模板，把列名对上再传。",
    "Not imported: the header lacks {missing}. Download the template and match the column names.",
)

YES = frozenset({"是", "对", "有", "y", "yes", "true", "1", "√"})
NO = frozenset({"", "否", "不", "无", "n", "no", "false", "0", "×"})
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00(?::00)?)?")
_REMARK = re.compile(r"[(\uff08].*?[)\uff09]|[*\uff0a\s_\-]")


@dataclass(frozen=True, slots=True)
class RowError:
    """One problem of one cell (or of the row, when `column` is empty), in words."""

    row: int
    column: str
    message: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """One row as values; empty cells and those that could not be read are not in `values`."""

    number: int
    values: dict[str, Any]
    whole: bool = True  # False: a cell has an error, and the row may only be counted

    def get(self, key: str, otherwise: Any = None) -> Any:
        return self.values.get(key, otherwise)


@dataclass(slots=True)
class Reading:
    """Everything a file says, before the database is asked."""

    rows: list[Parsed] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)  # headers nobody knows


def read_rows(kind: Kind, sheet: Sheet) -> Reading:
    """Read every cell of a known column.

    Raises:
        AppError(import_no_header): a required column is missing, or two columns are the same.
    """
    places, ignored = _columns(kind, sheet.header)
    reading = Reading(ignored=ignored)
    seen: dict[tuple[str, Any], int] = {}
    for row in sheet.rows:
        values, errors = _values(kind, places, row)
        errors += _repeated(kind, values, row.number, seen)
        reading.errors += errors
        reading.rows.append(Parsed(row.number, values, whole=not errors))
    return reading


def _columns(kind: Kind, header: tuple[str, ...]) -> tuple[dict[str, int], list[str]]:
    by_name = {
        _plain(name): column.key for column in kind.columns for name in (*column.names, column.key)
    }
    places: dict[str, int] = {}
    ignored = []
    for place, title in enumerate(header):
        key = by_name.get(_plain(title))
        if key is None:
            if title.strip():
                ignored.append(title.strip()[:40])
        elif key in places:
            raise AppError(NO_HEADER, missing=f"唯一的「{title}」列（出现了两次）")
        else:
            places[key] = place
    missing = [column.names[0] for column in kind.columns if column.required]
    missing = [name for name in missing if by_name[_plain(name)] not in places]
    if missing:
        raise AppError(NO_HEADER, missing="、".join(f"「{name}」" for name in missing))
    return places, ignored


def _plain(title: str) -> str:
    """`数量(件) *` and `数量` are the same header."""
    return _REMARK.sub("", title).lower()


def _values(kind: Kind, places: dict[str, int], row: Row) -> tuple[dict[str, Any], list[RowError]]:
    values: dict[str, Any] = {}
    errors = []
    for column in kind.columns:
        place = places.get(column.key)
        text = row.cells[place].strip() if place is not None and place < len(row.cells) else ""
        # An export of ours protects texts that look like a formula with an apostrophe.
        text = text[1:] if text[:1] == "'" and text[1:2] in "=+-@\t" else text
        if not text:
            if column.required:
                errors.append(RowError(row.number, column.names[0], "必填，这里是空的"))
            continue
        try:
            values[column.key] = _value(column, text)
        except ValueError as problem:
            errors.append(RowError(row.number, column.names[0], str(problem), text[:100]))
        except AppError as refusal:
            message = refusal.say("zh")
            errors.append(RowError(row.number, column.names[0], message, text[:100]))
    return values, errors


def _value(column: Column, text: str) -> Any:
    """Raises ValueError with a sentence, or AppError from the quantity parser."""
    if len(text) > MAX_CELL:
        raise ValueError(f"太长：最多 {MAX_CELL} 个字")
    match column.what:
        case "number":
            return parse(text)
        case "whole":
            digits = text.replace(",", "").removesuffix("%").removesuffix("天").strip()
            if not digits.isdecimal() or len(digits) > 9:
                raise ValueError("不是整数，请填 0 或更大的整数")
            return int(digits)
        case "yes":
            return _yes(text)
        case "day":
            return _day(text)
        case "choice":
            known = column.choices.get(text.lower())
            if known is None:
                options = "、".join(name for name in column.choices if name and not name.isascii())
                raise ValueError(f"不认识这个值，请填：{options}")
            return known
    return text


def _yes(text: str) -> bool:
    if text.lower() in YES:
        return True
    if text.lower() in NO:
        return False
    raise ValueError("请填 是 或 否")


def _day(text: str) -> str:
    match = _DAY.fullmatch(text)
    try:
        if match is not None:
            return date(*(int(part) for part in match.groups())).isoformat()
        if len(text) == 8 and text.isdecimal():
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass  # 2026-02-30 has the form of a day; the sentence below is for both
    raise ValueError("不是日期，请写成 2026-03-02")


def _repeated(
    kind: Kind, values: dict[str, Any], number: int, seen: dict[tuple[str, Any], int]
) -> list[RowError]:
    errors = []
    for keys in kind.unique:
        if keys[0] in values:
            said = tuple(values.get(key) for key in keys)
            first = seen.setdefault((keys[0], said), number)
            if first != number:
                title = next(each.names[0] for each in kind.columns if each.key == keys[0])
                message = f"和第 {first} 行重复，请合并成一行"
                errors.append(RowError(number, title, message, str(said[0])))
    return errors
