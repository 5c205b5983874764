"""Guessing is counted over all processes through Redis; without Redis each process counts."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
import redis as client

from api.attempts import Attempts
from api.main import create_app
from core.clock import ManualClock, perf
from core.config import Settings
from core.errors import AppError
from tests.api.room import HOST, PASSWORD, Ids, Room
from tests.servers import Redis, redis_server

WRONG = {"login": "admin", "password": "canary-guess"}
OWN = {"Origin": HOST}
IN_ANOTHER_PROCESS = """
import asyncio, sys
from api.attempts import Attempts
from core.errors import AppError

async def main():
    attempts = Attempts(sys.argv[1])
    for _ in range(int(sys.argv[2])):
        try:
            await attempts.check("sign-in", "admin", "10.0.0.7")
        except AppError:
            print("refused")
        else:
            print("counted")
    await attempts.close()

asyncio.run(main())
"""


@pytest.fixture
def redis() -> Iterator[Redis]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def two(
    settings: Settings, company: tuple[str, Ids], clock: ManualClock, redis: Redis
) -> AsyncIterator[tuple[Room, Room]]:
    """Two servers of one fleet."""
    settings.redis_url = redis.url
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(opened(settings, company[1], clock)) for _ in range(2)
        ]
        yield first, second


@asynccontextmanager
async def opened(settings: Settings, ids: Ids, clock: ManualClock) -> AsyncIterator[Room]:
    app = create_app(settings, clock)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
            yield Room(app, copy.deepcopy(ids), http, clock)


async def guess(room: Room, times: int) -> list[int]:
    return [
        (await room.http.post("/api/session", json=WRONG, headers=OWN)).status_code
        for _ in range(times)
    ]


async def test_a_guesser_who_goes_from_server_to_server_is_counted_once(
    two: tuple[Room, Room], redis: Redis
) -> None:
    first, second = two
    assert await guess(first, 3) == [401] * 3
    assert await guess(second, 3) == [401, 401, 429]
    assert await guess(first, 1) == [429]
    other = {"login": "buyer", "password": PASSWORD}
    assert (await first.http.post("/api/session", json=other, headers=OWN)).status_code == 200
    with client.Redis.from_url(redis.url) as look:
        keys = b"".join(look.keys())
        assert all(0 < look.ttl(key) <= 130 for key in list(look.scan_iter())), (
            "Redis forgets by itself"
        )
    assert keys.startswith(b"jieli-attempts")
    assert b"admin" not in keys


def test_two_processes_share_the_count(redis: Redis) -> None:
    def process(times: int) -> list[str]:
        words = [sys.executable, "-c", IN_ANOTHER_PROCESS, redis.url, str(times)]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        return done.stdout.split()

    assert process(3) == ["counted"] * 3
    assert process(3) == ["counted", "counted", "refused"]


@pytest.mark.usefixtures("standing_minute")
async def test_without_redis_everybody_gets_in_and_guessing_is_still_slow(
    two: tuple[Room, Room], redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = two
    assert await guess(first, 2) == [401] * 2
    redis.kill()
    good = {"login": "admin", "password": PASSWORD}
    for room in two:
        answer = await room.http.post("/api/session", json=good, headers=OWN)
        assert answer.status_code == 200, answer.text
    assert await guess(first, 3) == [401, 401, 429], "what it counted before is not forgotten"
    assert await guess(second, 5) == [401] * 4 + [429]
    lines = [each for each in caplog.records if each.message == "attempts_counted_alone"]
    assert len(lines) == 2, "each process says it once, not with every try"


@pytest.mark.usefixtures("standing_minute")
async def test_redis_that_hangs_costs_half_a_second_and_comes_back(redis: Redis) -> None:
    """SIGSTOP: it takes the connection and says nothing."""
    attempts = Attempts(redis.url)
    await attempts.check("sign-in", "admin", "10.0.0.7")
    assert redis._process is not None
    redis._process.send_signal(19)
    began = perf()
    for _ in range(4):
        await attempts.check("sign-in", "admin", "10.0.0.7")
    assert perf() - began < 5, "it was asked once, not four times two"
    redis._process.send_signal(18)
    with pytest.raises(AppError):
        await attempts.check("sign-in", "admin", "10.0.0.7")
    attempts._alone_until = 0.0  # ten seconds later
    await attempts.check("sign-in", "anybody", "10.0.0.8")
    with client.Redis.from_url(redis.url) as look:
        assert len(look.keys()) >= 4, "the count is shared again"
    await attempts.close()
    await attempts.close()
