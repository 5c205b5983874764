"""What `jieli doctor` says about the chat vendors: connected, or what is wrong and what to do."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr

from api.demo.stage import Stage, simulated
from api.doctor import Finding, vendors
from bots.simulator.wecom import Fault
from core.clock import ManualClock
from core.config import Settings


@pytest.fixture
def stage(settings: Settings, clock: ManualClock) -> Stage:
    return Stage(settings, clock)


async def asked(stage: Stage, settings: Settings, clock: ManualClock) -> dict[str, Finding]:
    transport = httpx.ASGITransport(stage.app, root_path="")

    class Below(httpx.AsyncBaseTransport):
        """The simulators are below /simulator of the stage's address."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            path = "/simulator" + request.url.raw_path.decode()
            request.url = request.url.copy_with(raw_path=path.encode())
            return await transport.handle_async_request(request)

    return {each.name: each for each in await vendors(settings, clock, Below())}


async def test_all_three_are_connected(
    stage: Stage, settings: Settings, clock: ManualClock
) -> None:
    found = await asked(stage, simulated(settings), clock)
    assert {name: each.ok for name, each in found.items()} == {
        "企业微信": True,
        "钉钉": True,
        "Telegram": True,
    }
    assert "@jieli_demo_bot" in found["Telegram"].said


async def test_what_is_wrong_is_said_with_what_to_do(
    stage: Stage, settings: Settings, clock: ManualClock
) -> None:
    """60020 names the address and the place to enter it; wrong keys name the option."""
    stage.simulator.order(Fault("getcallbackip", errcode=60020))
    wrong = simulated(settings).model_copy(
        update={
            "dingtalk_client_secret": SecretStr("nonsense"),
            "telegram_token": SecretStr("7000000000:revoked"),
        }
    )
    found = await asked(stage, wrong, clock)
    assert not any(each.ok for each in found.values())
    assert "企业可信IP" in found["企业微信"].do
    assert "JIELI_DINGTALK_CLIENT_ID" in found["钉钉"].do
    assert "JIELI_TELEGRAM_TOKEN" in found["Telegram"].do


async def test_without_a_template_dingtalk_can_only_write(
    stage: Stage, settings: Settings, clock: ManualClock
) -> None:
    plain = simulated(settings).model_copy(update={"dingtalk_card_template_id": ""})
    found = (await asked(stage, plain, clock))["钉钉"]
    assert not found.ok
    assert "docs/recipes/dingtalk.md" in found.do


async def test_without_any_it_says_so(stage: Stage, settings: Settings, clock: ManualClock) -> None:
    found = await asked(stage, settings, clock)
    assert "卡片只到工作台和扫码枪" in found["聊天渠道"].said
