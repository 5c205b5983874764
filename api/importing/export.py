"""CSV for people: templates and error reports that no spreadsheet program will execute.

A cell that begins like a formula gets an apostrophe in front (OWASP, ASVS 1.2.10), unless it is a
plain number; `rows.py` takes the apostrophe off again.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from api.importing.kinds import Kind
from api.importing.run import Report

_FULL_WIDTH = "\uff1d\uff0b\uff0d\uff20"  # = + - @ as Chinese keyboards type them
_DANGEROUS = tuple("=+-@\t\r\n" + _FULL_WIDTH)
_NUMBER = re.compile(r"[+-]?\d{1,16}(\.\d+)?")


def safe_cell(text: str) -> str:
    """`text` so that Excel, WPS and LibreOffice show it and never run it."""
    cleaned = text.replace("\x00", "")
    if cleaned.lstrip(" \u3000").startswith(_DANGEROUS) and not _NUMBER.fullmatch(cleaned):
        return f"'{cleaned}"
    return cleaned


def to_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """UTF-8 with the mark that makes Excel read Chinese, every cell made safe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([safe_cell(cell) for cell in header])
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def template(kind: Kind, language: str = "zh") -> bytes:
    """The header of a kind with one example row; required columns carry a star."""
    header = []
    for column in kind.columns:
        name = column.names[0] if language == "zh" else column.names[-1]
        header.append(f"{name}*" if column.required else name)
    return to_csv(header, [[column.example for column in kind.columns]])


def error_report(report: Report) -> bytes:
    """One line per problem: row, column, what is wrong, what stood there."""
    rows = [[str(each.row), each.column, each.message, each.value] for each in report.errors]
    return to_csv(("行", "列", "问题", "原来的内容"), rows)
