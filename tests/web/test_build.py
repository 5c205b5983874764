"""The built files: a WebView 66 can read them, the first screen is small, nobody else is asked.

Parsed by acorn at the level that WebView knows, ES2018 and `import()`: newer is a blank page.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest

from api.web import PDA

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.sqlite  # about files

FIRST_SCREEN = 110_000  # bytes of JavaScript, gzipped

PARSE = """
import { parse } from 'acorn';
import { readFileSync } from 'node:fs';
const bad = [];
for (const path of process.argv.slice(1)) {
  const text = readFileSync(path, 'utf8');
  const sort = /assets\\//.test(path) ? 'module' : 'script';
  // import() and import.meta are in Chrome 63 and 64; acorn counts them as ES2020.
  const plain = text.replace(/\\bimport\\.meta\\b/g, 'import_meta')
    .replace(/\\bimport\\(/g, 'import_(');
  const level = /check\\.js$/.test(path) ? 5 : 2019;
  try { parse(plain, { ecmaVersion: level, sourceType: sort }); }
  catch (problem) { bad.push(path + ': ' + problem.message); }
}
console.log(JSON.stringify(bad));
"""

# Calls that Chrome 66 does not have. Guarded uses inside libraries are listed below by name.
TOO_NEW = re.compile(
    r"\.(?:flat|flatMap|matchAll|replaceAll|replaceChildren|at)\(|Object\.fromEntries"
    r"|Promise\.(?:allSettled|any)\(|structuredClone\(|crypto\.randomUUID"
)
OURS = ("pda/web/src", "api/client/src")


def built() -> list[Path]:
    found = sorted(PDA.rglob("*.js"))
    assert found, "the app is not built: make web"
    return found


def test_every_built_script_parses_at_the_level_of_webview_66() -> None:
    done = subprocess.run(
        ["node", "--input-type=module", "-e", PARSE, *map(str, built())],
        cwd=ROOT / "pda" / "web",
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []


def test_our_own_code_calls_nothing_newer_than_webview_66() -> None:
    found = [
        f"{path.name}: {match.group()}"
        for folder in OURS
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in {".ts", ".vue"} and ".test." not in path.name
        for match in TOO_NEW.finditer(path.read_text())
    ]
    assert found == []


def test_the_first_screen_is_small() -> None:
    page = (PDA / "index.html").read_text()
    names = re.findall(r'(?:src|href)="/pda/(assets/[^"]+\.js)"', page)
    assert names, "the page names its scripts"
    size = sum(len(gzip.compress((PDA / name).read_bytes(), 9)) for name in names)
    assert size <= FIRST_SCREEN, f"{size} bytes of JavaScript before the first screen"


def test_the_page_runs_no_inline_code_and_names_no_other_host() -> None:
    page = (PDA / "index.html").read_text()
    assert not re.findall(r"<script>|<script [^>]*>[^<]|\son\w+=", page)
    assert "check.js" in page
    for path in [*PDA.rglob("*.css"), PDA / "index.html", PDA / "sw.js"]:
        assert not re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", path.read_text()), path.name


def test_the_offline_shell_holds_what_the_first_screen_needs_and_not_the_camera() -> None:
    worker = (PDA / "sw.js").read_text()
    files = json.loads(re.search(r"var FILES = (\[.*?\]);", worker).group(1))  # type: ignore[union-attr]
    page = (PDA / "index.html").read_text()
    wanted = re.findall(r'(?:src|href)="(?:/pda/)?([\w./-]+)"', page)
    assert set(wanted) <= set(files)
    assert not [name for name in files if name.endswith(".wasm")]
    for name in files:
        assert (PDA / name).is_file(), name
