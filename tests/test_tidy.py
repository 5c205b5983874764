"""House budgets and bans (docs/ARCHITECTURE.md), enforced like any other promise.

An exception needs a comment in the file: `# tidy: <rule> — <reason>`.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PRODUCT = ("core", "bots", "pda", "api", "bench")
FORBIDDEN_NAMES = {"service", "manager", "helper", "helpers", "utils", "common", "misc", "base"}
FORBIDDEN_NAMES |= {"handler", "handlers", "processor", "services", "managers"}


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "versions" not in path.parts:
                yield path


def excused(text: str, rule: str) -> bool:
    return re.search(rf"# tidy: {rule} — \S", text) is not None


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


PRODUCT_FILES = list(python_files(*PRODUCT))
ALL_FILES = [*PRODUCT_FILES, *python_files("tests")]


@pytest.mark.parametrize("path", ALL_FILES, ids=relative)
def test_file_is_within_budget(path: Path) -> None:
    text = path.read_text()
    limit = 600 if path.is_relative_to(ROOT / "tests") else 400
    assert text.count("\n") <= limit or excused(text, "long file"), f"more than {limit} lines"
    assert path.stem not in FORBIDDEN_NAMES, "a file is named by what it does, not by its role"
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "no docstring says what this module is for"


@pytest.mark.parametrize("path", PRODUCT_FILES, ids=relative)
def test_functions_are_within_budget(path: Path) -> None:
    text = path.read_text()
    long = [
        f"{node.name} ({node.end_lineno - node.lineno + 1})"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > 60
    ]
    assert not long or excused(text, "long function"), f"over 60 lines: {long}"


WEB = ("pda/web/src", "api/client/src")
WEB_FILES = sorted(
    path
    for folder in WEB
    for path in (ROOT / folder).rglob("*.*")
    if path.suffix in {".ts", ".vue"} and path.name != "types.ts"  # generated from the doors
)


@pytest.mark.parametrize("path", WEB_FILES, ids=relative)
def test_a_file_of_the_web_faces_is_short_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    limit = 400 if ".test." in path.name else 250
    assert text.count("\n") <= limit or excused(text, "long file"), f"more than {limit} lines"
    assert path.stem.lower() not in FORBIDDEN_NAMES, "a file is named by what it does"
    if not path.name.endswith(".d.ts"):
        assert text.startswith(("//", "<!--")), "no comment says what this file is for"
    if ".test." not in path.name:
        assert [why for ban, why in WEB_BANS.items() if re.search(ban, text)] == []


WEB_BANS = {
    r"\bTODO\b|\bFIXME\b|\bXXX\b": "unfinished work has an owner, not a comment",
    r"v-html|innerHTML\b": "text only, never markup from data",
    r"\bas any\b|:\s*any[;,)\]>=|]|\bany\[\]": "a type, or `unknown` and a check",
    r"@ts-ignore": "an error is mended, not hidden",
}

BANS = {
    r"\bTODO\b|\bFIXME\b|\bXXX\b": "unfinished work has an owner, not a comment",
    r"NotImplementedError": "no stubs",
    r"except Exception:\s*\n\s*(pass|continue)\b": "an error is never swallowed",
    r"\basyncio\.sleep\((?!0\))": "nothing waits by sleeping; timers are rows",
    r"\beval\(|\bexec\(": "no code from data",
}


@pytest.mark.parametrize("path", PRODUCT_FILES, ids=relative)
def test_no_banned_words(path: Path) -> None:
    text = path.read_text()
    found = [why for pattern, why in BANS.items() if re.search(pattern, text)]
    assert not found or excused(text, "banned"), found


def test_sql_stays_in_core() -> None:
    """api, bots and pda ask core; they hold no statement of their own."""
    leaks = [
        relative(path)
        for path in python_files("api", "bots", "pda")
        if re.search(r"^from sqlalchemy import (?!Connection\n)", path.read_text(), re.MULTILINE)
    ]
    assert leaks == []


def test_no_skipped_tests() -> None:
    pattern = re.compile(r"pytest\.mark\.(skip|xfail)\b|pytest\.skip\(")
    texts = {relative(p): p.read_text() for p in python_files("tests")}
    found = [name for name, text in texts.items() if pattern.search(text)]
    assert [p for p in found if p != "tests/test_tidy.py" and not excused(texts[p], "skip")] == []


def test_nothing_tracked_names_a_host_or_a_path_of_a_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    pattern = re.compile(r"index-url|https?://[^ \"']*/simple\b|/(wor" r"k|roo" r"t)/\w")
    bad = []
    for name in listed:
        path = ROOT / name
        if path.suffix in {".png", ".jpg", ".db"} or not path.is_file():
            continue
        excused_names = {"Makefile", "tests/test_tidy.py"}
        if name not in excused_names and pattern.search(path.read_text(errors="ignore")):
            bad.append(name)
    assert bad == []
