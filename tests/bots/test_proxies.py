"""A server whose address moves calls its vendors by a proxy whose address does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr, ValidationError

from bots import dingtalk, wecom
from core.clock import Clock, ManualClock
from core.config import Settings
from core.outbox.channel import SendResult


@asynccontextmanager
async def proxy(asked: list[str]) -> AsyncIterator[str]:
    """Notes what it is asked for and refuses it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.splitlines()[0].decode())
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def by_wecom(clock: Clock, address: str) -> SendResult:
    settings = Settings(
        wecom_corp_id="ww1",
        wecom_agent_id=1,
        wecom_secret=SecretStr("s"),
        wecom_api_base="http://wecom.invalid/cgi-bin",
        wecom_proxy=address,
    )
    channel = wecom.channel_of(settings, clock)
    result = await channel.tell("WangFang", "好")
    await channel.aclose()
    return result


async def by_dingtalk(clock: Clock, address: str) -> SendResult:
    settings = Settings(
        dingtalk_client_id="ding1",
        dingtalk_client_secret=SecretStr("s"),
        dingtalk_api_base="http://dingtalk.invalid",
        dingtalk_proxy=address,
    )
    channel = dingtalk.channel_of(settings, clock)
    result = await channel.tell("WangFang", "好")
    await channel.aclose()
    return result


@pytest.mark.parametrize("call", [by_wecom, by_dingtalk])
async def test_the_proxy_is_asked_and_its_refusal_only_delays(
    clock: ManualClock, call: Callable[[Clock, str], Awaitable[SendResult]]
) -> None:
    asked: list[str] = []
    async with proxy(asked) as address:
        result = await call(clock, address)
    assert result.kind == "later"
    (line,) = asked
    assert ".invalid/" in line


@pytest.mark.parametrize("option", ["wecom_proxy", "dingtalk_proxy", "telegram_proxy"])
def test_what_is_no_proxy_is_refused_at_the_start(option: str) -> None:
    for wrong in ("proxy:3128", "ftp://proxy", "http://", "http://a b"):
        with pytest.raises(ValidationError, match="a proxy is http://host:port"):
            Settings(**{option: wrong})
