"""A browser, the built app, and a house to work in. Without chromium these tests are left out with
a reason on a laptop, and fail on the machine that decides (CI or JIELI_CI is set there)."""

# tidy: skip — a laptop may have no chromium; where CI is set its absence fails

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from api.web import PDA
from tests.web.house import Gun, House, furnished, serving

DECIDES = os.environ.get("CI") or os.environ.get("JIELI_CI")


def chromium() -> str:
    """Where Debian's chromium is; no browser is downloaded."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None and not DECIDES:
        pytest.skip("no chromium on this machine: apt-get install chromium fonts-noto-cjk")
    assert path, "chromium is missing: apt-get install chromium fonts-noto-cjk"
    assert (PDA / "index.html").is_file(), "the app is not built: make web"
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, driven by Playwright; no browser is downloaded.

    One for each file: while it is there, Playwright's loop runs in this thread, and no test that
    needs a loop of its own could run in the same process.
    """
    with sync_playwright() as play:
        found = play.chromium.launch(
            executable_path=chromium(), args=["--host-resolver-rules=MAP pda.test 127.0.0.1"]
        )
        yield found
        found.close()


@pytest.fixture(scope="session")
def furniture() -> str:
    """The demo company, made once."""
    return furnished()


@pytest.fixture
def house(furniture: str, tmp_path: Path) -> Iterator[House]:
    """The running product over a fresh copy of the demo company."""
    with serving(furniture, tmp_path / "files") as found:
        yield found


@pytest.fixture
def gun(house: House, browser: Browser) -> Iterator[Gun]:
    """赵刚 with a bound scanner, signed in, on the first screen."""
    found = Gun.take(house, browser).begin()
    yield found
    found.leave()
