"""Telegram: all that knows this vendor. Start at send.py (out), listen.py and receive.py (in).

`Telegram` is a `core.outbox.channel.Channel`; `Callbacks` verifies and reads what comes back.
Nothing here decides who may do what, and nothing here is imported by core. Off unless a token is
set: api.telegram.org cannot be reached from mainland China without a proxy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bots.telegram.account import Account
from bots.telegram.limits import PACE
from bots.telegram.receive import MAX_BODY, Callbacks
from bots.telegram.send import PageOf, PictureOf, Telegram
from core.clock import Clock
from core.config import Settings

if TYPE_CHECKING:
    import httpx

__all__ = ["MAX_BODY", "PACE", "Account", "Callbacks", "Telegram", "callbacks_of", "channel_of"]


def channel_of(
    settings: Settings,
    clock: Clock,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    picture_of: PictureOf | None = None,
    page_of: PageOf | None = None,
) -> Telegram:
    """The configured bot's channel with its own connections; `aclose` it at the end.

    `transport` is the simulator's in the demo. `page_of` gives the page of a delivery's task.
    """
    account = Account(
        settings.telegram_token.get_secret_value(),
        settings.telegram_api_base,
        settings.telegram_proxy,
        settings.telegram_webhook_secret.get_secret_value(),
    )
    page = settings.public_url.rstrip("/") + "/tasks/"
    return Telegram(
        account,
        clock,
        transport,
        page_of=page_of or (lambda delivery: page + delivery.task_id),
        picture_of=picture_of,
    )


def callbacks_of(settings: Settings, clock: Clock) -> Callbacks:
    """The receiving side of the configured bot's webhook."""
    return Callbacks(clock, settings.telegram_webhook_secret.get_secret_value())
