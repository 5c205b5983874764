"""The scanner's page as it is served: whole, ours alone, and readable by an old WebView."""

from __future__ import annotations

import re

import httpx
import pytest

from api.live import PAGE
from tests.pda.floor import Floor

SCRIPTS = sorted(PAGE.glob("*.js"))
# Syntax and calls that a WebView 66 does not know: optional chaining, ??, and later methods.
TOO_NEW = re.compile(
    r"\?\.[A-Za-z\[(]|\?\?|\.(at|flat|flatMap|replaceAll|matchAll)\(|\ballSettled\b"
)


async def test_the_page_is_served_with_a_policy_and_without_a_stale_copy(floor: Floor) -> None:
    transport = httpx.ASGITransport(app=floor.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        page = await client.get("/pda/")
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-cache"
        assert "default-src 'self'" in page.headers["content-security-policy"]
        for name in re.findall(r'(?:src|href)="([\w.]+)"', page.text):
            assert (await client.get(f"/pda/{name}")).status_code == 200, name


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_inline_code() -> None:
    page = (PAGE / "index.html").read_text()
    everything = page + "".join(path.read_text() for path in (*SCRIPTS, PAGE / "look.css"))
    assert not re.findall(r"https?://", everything)
    assert not re.findall(r"<script>|\son\w+=|innerHTML|eval\(", everything)
    assert 'lang="zh-CN"' in page


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_short_and_old_enough(path: object) -> None:
    text = (PAGE / str(path)).read_text()
    assert text.count("\n") <= 250
    assert not TOO_NEW.findall(text)
