"""The process that opens a spreadsheet: bytes on stdin, rows as JSON on stdout, then it ends.

A hostile workbook can ask for any amount of memory or time (a sheet of one cell at XFD1048576 is
seventeen thousand million cells), so it is opened here, under limits of the operating system, and
only its death is noticed by the server. Not imported by the product: see `sheet.py`.
"""

from __future__ import annotations

import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO

import orjson

MEMORY = 1024 * 1024 * 1024
CPU_SECONDS = 30


def main() -> None:
    """Read `[max_rows, max_columns]` from the arguments and the workbook from stdin."""
    _limit_this_process()
    max_rows, max_columns = int(sys.argv[1]), int(sys.argv[2])
    answer = read(sys.stdin.buffer.read(), max_rows, max_columns)
    sys.stdout.buffer.write(orjson.dumps(answer))


def read(content: bytes, max_rows: int, max_columns: int) -> dict[str, object]:
    """The first sheet as text: `{"rows": …}`, or `{"refused": unreadable|too_many|too_wide}`."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(BytesIO(content))
        sheet = book.get_sheet_by_index(0)
    except (CalamineError, OSError, ValueError, IndexError):
        return {"refused": "unreadable"}
    if sheet.total_height > max_rows:
        return {"refused": "too_many"}
    if sheet.total_width > max_columns:
        return {"refused": "too_wide"}
    rows = sheet.to_python(skip_empty_area=False)
    return {"rows": [[as_text(cell) for cell in row] for row in rows]}


def as_text(cell: object) -> str:
    """A cell as a person reads it: 15 digits like Excel, days as 2026-03-02, yes and no."""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, float):
        # Excel keeps 17 digits and shows 15: 0.1 + 0.2 is 0.3 to everybody who looks at it.
        return format(Decimal(format(cell, ".15g")).normalize(), "f")
    if isinstance(cell, datetime):
        midnight = (cell.hour, cell.minute, cell.second) == (0, 0, 0)
        return cell.date().isoformat() if midnight else cell.isoformat(" ", "seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell).strip()


def _limit_this_process() -> None:
    try:
        import resource
    except ImportError:  # not on Windows; the size limits of `sheet.py` still hold there
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


if __name__ == "__main__":
    main()
