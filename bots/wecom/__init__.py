"""WeCom (企业微信): all that knows this vendor. Start at send.py (out) and callback.py (in).

`WeCom` is a `core.outbox.channel.Channel`; `Callbacks` verifies and reads what comes back. Nothing
here decides who may do what, and nothing here is imported by core.
"""

from __future__ import annotations

import httpx

from bots.client import client_of
from bots.wecom.api import Account
from bots.wecom.callback import Callbacks
from bots.wecom.crypto import Crypto
from bots.wecom.send import CODE_LIVES, PageOf, PictureOf, WeCom, card_id_of
from core.clock import Clock
from core.config import Settings

__all__ = [
    "CODE_LIVES",
    "Account",
    "Callbacks",
    "Crypto",
    "WeCom",
    "callbacks_of",
    "card_id_of",
    "channel_of",
]


def channel_of(
    settings: Settings,
    clock: Clock,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    picture_of: PictureOf | None = None,
    page_of: PageOf | None = None,
) -> WeCom:
    """The configured account's channel with its own client; `aclose` it at the end.

    `transport` is the simulator's in the demo. Links on cards lead to `page_of`, the page that asks
    for quantities and photos; to the task's page by itself when it is left out.
    """
    account = Account(
        settings.wecom_corp_id,
        settings.wecom_agent_id,
        settings.wecom_secret.get_secret_value(),
        settings.wecom_api_base.rstrip("/"),
        settings.wecom_login_base.rstrip("/"),
    )
    page = settings.public_url.rstrip("/") + "/tasks/"
    return WeCom(
        account,
        client_of(transport, settings.wecom_proxy),
        clock,
        page_of=page_of or (lambda delivery: page + delivery.task_id),
        picture_of=picture_of,
    )


def callbacks_of(settings: Settings, clock: Clock) -> Callbacks:
    """The receiving side of the configured account."""
    crypto = Crypto(
        settings.wecom_corp_id,
        settings.wecom_token.get_secret_value(),
        settings.wecom_aes_key.get_secret_value(),
    )
    return Callbacks(crypto, settings.wecom_agent_id, clock)
