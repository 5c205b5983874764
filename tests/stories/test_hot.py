"""The hot route in front of FastAPI answers exactly as the same route behind it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api import hot
from tests.world import World


@pytest.fixture
def behind(w: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A way to send the same request through FastAPI's own route."""

    async def send(*words: Any, **more: Any) -> httpx.Response:
        with monkeypatch.context() as patch:
            patch.setattr(hot, "PATH", "/nowhere")
            return await w.http.request(*words, **more)

    return send


def cases(w: World) -> dict[str, dict[str, Any]]:
    line = {
        "item_id": w.seeded.items["JL-201"],
        "quantity": "10",
        "from_location": w.seeded.locations["ZJ-D-04-1"],
        "to_location": w.seeded.locations["ZJ-D-02-1"],
    }
    good = {"authorization": f"Bearer {w.token('zhaogang')}", "idempotency-key": "hot-posting-1"}
    order = {"kind": "transfer", "lines": [line]}
    return {
        "posted": {"json": order, "headers": good},
        "same key, other content": {"json": order | {"kind": "scrap"}, "headers": good},
        "no key": {"json": order, "headers": {"authorization": good["authorization"]}},
        "signed out": {"json": order, "headers": {"idempotency-key": "hot-posting-2"}},
        "not allowed": {
            "json": order,
            "headers": good | {"authorization": f"Bearer {w.token('chenxi')}"},
        },
        "broken JSON": {"content": b"{nope", "headers": good},
        "unknown field": {"json": order | {"x": 1}, "headers": good},
        "too much": {"content": b"x" * 2_100_000, "headers": good},
        "not enough": {
            "json": {"kind": "transfer", "lines": [line | {"quantity": "99999999"}]},
            "headers": good | {"idempotency-key": "hot-posting-3"},
        },
    }


async def test_both_ways_answer_alike(w: World, behind: Any) -> None:
    statuses = set()
    for name, case in cases(w).items():
        front = await w.http.post("/api/postings", **case)
        back = await behind("POST", "/api/postings", **case)
        assert (front.status_code, front.json()) == (back.status_code, back.json()), name
        same = {"content-type", "cache-control", "x-content-type-options", "www-authenticate"}
        assert {k: front.headers.get(k) for k in same} == {k: back.headers.get(k) for k in same}
        statuses.add(front.status_code)
    assert statuses == {201, 400, 401, 403, 409, 413, 422}
