"""The scanner's app as it is served: cached where that is safe, guarded, honest without a build."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from api.web import routes


def client_of(dist: Path) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Starlette(routes=routes(dist)))
    return httpx.AsyncClient(transport=transport, base_url="http://testserver")


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    for name in ("index.html", "sw.js", "manifest.webmanifest", "assets/app-1a2b.js"):
        (tmp_path / name).write_text(name)
    (tmp_path / "assets" / "reader.wasm").write_bytes(b"\0asm")
    return tmp_path


async def test_the_bare_address_leads_to_the_page(built: Path) -> None:
    """`make run` and the README name it; it answered 404."""
    async with client_of(built) as client:
        answer = await client.get("/", follow_redirects=True)
    assert answer.url.path == "/pda/"
    assert answer.text == "index.html"


@pytest.mark.parametrize("name", ["", "sw.js", "manifest.webmanifest"])
async def test_what_keeps_its_name_is_asked_for_again_each_time(built: Path, name: str) -> None:
    async with client_of(built) as client:
        answer = await client.get(f"/pda/{name}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert "default-src 'self'" in answer.headers["content-security-policy"]


async def test_what_has_its_digest_in_the_name_is_kept(built: Path) -> None:
    async with client_of(built) as client:
        script = await client.get("/pda/assets/app-1a2b.js")
        reader = await client.get("/pda/assets/reader.wasm")
        missing = await client.get("/pda/assets/gone.js")
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"].startswith("text/javascript")
    assert reader.headers["content-type"] == "application/wasm"
    assert missing.status_code == 404
    assert missing.headers.get("cache-control", "no-cache") == "no-cache"


async def test_without_a_build_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    async with client_of(tmp_path / "dist") as client:
        answer = await client.get("/pda/")
        assert answer.status_code == 503
        assert "npm ci" in answer.text
        assert "网页还没有构建" in answer.text
        (tmp_path / "dist").mkdir()
        (tmp_path / "dist" / "index.html").write_text("built meanwhile")
        assert (await client.get("/pda/")).text == "built meanwhile"
