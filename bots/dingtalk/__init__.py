"""DingTalk (钉钉): all that knows this vendor. Start at send.py (out) and stream.py (in).

`DingTalk` is a `core.outbox.channel.Channel` that also listens; `Callbacks` verifies and reads what
comes back. Nothing here decides who may do what, and nothing here is imported by core.
"""

from __future__ import annotations

import httpx

from bots.client import client_of
from bots.dingtalk.api import Account
from bots.dingtalk.group import PACE as GROUP_PACE
from bots.dingtalk.group import Group
from bots.dingtalk.limits import PACE
from bots.dingtalk.receive import Callbacks, card_answer, card_id_of, card_secret, route_key
from bots.dingtalk.robot import GroupRobot
from bots.dingtalk.send import DingTalk, PageOf, PictureOf
from bots.dingtalk.stream import Pace
from core.clock import Clock
from core.config import Settings

__all__ = [
    "GROUP_PACE",
    "PACE",
    "Account",
    "Callbacks",
    "DingTalk",
    "Group",
    "GroupRobot",
    "Pace",
    "callbacks_of",
    "card_answer",
    "card_id_of",
    "card_secret",
    "channel_of",
    "route_key",
]


def channel_of(
    settings: Settings,
    clock: Clock,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    picture_of: PictureOf | None = None,
    page_of: PageOf | None = None,
    group_robot: GroupRobot | None = None,
) -> DingTalk:
    """The configured account's channel with its own client; `aclose` it at the end.

    `transport` is the simulator's in the demo. Links on cards lead to the task's page unless
    `page_of` says where; callbacks over HTTP come to `<public url>/callbacks/dingtalk`.
    """
    account = Account(
        client_id=settings.dingtalk_client_id,
        client_secret=settings.dingtalk_client_secret.get_secret_value(),
        robot_code=settings.dingtalk_robot_code,
        template_id=settings.dingtalk_card_template_id,
        agent_id=settings.dingtalk_agent_id,
        mode=settings.dingtalk_mode,
        api_base=settings.dingtalk_api_base.rstrip("/"),
        oapi_base=settings.dingtalk_oapi_base.rstrip("/"),
        login_base=settings.dingtalk_login_base.rstrip("/"),
        proxy=settings.dingtalk_proxy,
    )
    public = settings.public_url.rstrip("/")
    return DingTalk(
        account,
        client_of(transport, settings.dingtalk_proxy),
        clock,
        page_of=page_of or (lambda delivery: f"{public}/tasks/{delivery.task_id}"),
        picture_of=picture_of,
        callback_url=f"{public}/callbacks/dingtalk",
        group_robot=group_robot,
    )


def callbacks_of(settings: Settings, clock: Clock) -> Callbacks:
    """The receiving side of the configured account, for callbacks over HTTP."""
    return Callbacks(settings.dingtalk_client_secret.get_secret_value(), clock)
