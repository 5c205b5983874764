"""Read an uploaded .xlsx or .csv into rows of text, whoever made it. Knows no column.

Files come from strangers: a workbook is a zip (bombs), a text file has any encoding. Sizes are
checked before anything is unpacked, and a workbook is opened in a process of its own.
Blocking: the door calls it in a thread.
"""

from __future__ import annotations

import csv
import hashlib
import io
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import orjson

from core.errors import TOO_LARGE, AppError, define

MAX_BYTES = 10_000_000
MAX_ROWS = 20_000
MAX_COLUMNS = 100
MAX_CELL = 2_000
MAX_UNPACKED = 100_000_000
MAX_RATIO = 200
MAX_MEMBERS = 500
SECONDS = 60

UNREADABLE = define(
    "file_unreadable",
    422,
    "没导入：文件「{name}」读不了，{why}。请用 Excel 另存为 .xlsx，或存成 CSV 后再传。",
    "Not imported: the file “{name}” cannot be read: {why}. Save it as .xlsx or CSV and retry.",
)

_ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file: its number as the spreadsheet shows it, and its texts."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The header and the lines below it that hold anything; `digest` names the file's content."""

    name: str
    digest: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]


def read_sheet(name: str, content: bytes) -> Sheet:
    """The first sheet of a workbook, or the whole of a CSV file.

    Raises:
        AppError(file_unreadable): not a spreadsheet, unknown encoding, no header.
        AppError(too_large): too many bytes, rows or columns, or a zip bomb.
    """
    if len(content) > MAX_BYTES:
        raise AppError(TOO_LARGE, size=f"{len(content):,} 字节", limit=f"{MAX_BYTES:,} 字节")
    if content[:4] == b"PK\x03\x04":
        table = _xlsx(name, content)
    elif content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise AppError(UNREADABLE, name=name, why="这是旧版 .xls，或加了密码")
    else:
        table = _csv(name, content)
    filled = [
        Row(number, tuple(cells))
        for number, cells in enumerate(table, 1)
        if any(cell.strip() for cell in cells)
    ]
    if not filled:
        raise AppError(UNREADABLE, name=name, why="里面没有内容")
    if len(filled) - 1 > MAX_ROWS:
        raise _too_many()
    digest = hashlib.sha256(content).hexdigest()
    return Sheet(name, digest, filled[0].cells, tuple(filled[1:]))


def check_zip(content: bytes) -> None:
    """Refuse a zip that unpacks to something unreasonable, by its directory alone.

    Raises:
        AppError(too_large): too many members, too large, or packed too tightly to be honest.
        zipfile.BadZipFile: not a zip.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS:
        raise AppError(TOO_LARGE, size=f"{len(members)} 个内部文件", limit=f"{MAX_MEMBERS} 个")
    if unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * max(len(content), 10_000):
        raise AppError(TOO_LARGE, size=f"解压后 {unpacked:,} 字节", limit=f"{MAX_UNPACKED:,} 字节")


def _xlsx(name: str, content: bytes) -> list[list[str]]:
    try:
        check_zip(content)
    except zipfile.BadZipFile as problem:
        raise AppError(UNREADABLE, name=name, why="文件不完整") from problem
    command = [sys.executable, "-m", "api.importing.xlsx_child", str(MAX_ROWS + 100)]
    try:
        done = subprocess.run(  # noqa: S603  # our own module, no shell, no text of the user
            [*command, str(MAX_COLUMNS)],
            input=content,
            capture_output=True,
            timeout=SECONDS,
            check=True,
            cwd=_ROOT,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as problem:
        raise AppError(UNREADABLE, name=name, why="打开它要的内存或时间太多") from problem
    answer = orjson.loads(done.stdout)
    match answer.get("refused"):
        case "unreadable":
            raise AppError(UNREADABLE, name=name, why="不是有效的 .xlsx")
        case "too_many":
            raise _too_many()
        case "too_wide":
            raise AppError(TOO_LARGE, size="列太多", limit=f"{MAX_COLUMNS} 列")
    rows: list[list[str]] = answer["rows"]
    return rows


def _csv(name: str, content: bytes) -> list[list[str]]:
    text = _decoded(name, content)
    if "\x00" in text:
        raise AppError(UNREADABLE, name=name, why="里面有二进制内容")
    first = text.partition("\n")[0]
    delimiter = max(",\t;", key=first.count)
    rows: list[list[str]] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            if len(rows) > MAX_ROWS + 100:
                raise _too_many()
            if len(cells) > MAX_COLUMNS:
                raise AppError(TOO_LARGE, size=f"{len(cells)} 列", limit=f"{MAX_COLUMNS} 列")
            rows.append([cell.strip() for cell in cells])
    except csv.Error as problem:
        raise AppError(UNREADABLE, name=name, why="引号或分隔符不对") from problem
    return rows


def _decoded(name: str, content: bytes) -> str:
    """Excel writes UTF-8 with a mark, UTF-16 as “Unicode text” and GB18030 in China."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise AppError(UNREADABLE, name=name, why="认不出文字编码")


def _too_many() -> AppError:
    return AppError(TOO_LARGE, size="行太多", limit=f"{MAX_ROWS:,} 行")
