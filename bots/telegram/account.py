"""One Telegram bot: its token, where its API is, and what is wrong with the settings, in words.

Not for calls (wire.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
WEBHOOK_PORTS = frozenset({443, 80, 88, 8443})


@dataclass(frozen=True, slots=True)
class Account:
    """`proxy` is for reaching Telegram; `webhook_secret` is what its posts must carry."""

    token: str
    api_base: str = "https://api.telegram.org"
    proxy: str = ""
    webhook_secret: str = ""


def webhook_problem(account: Account, url: str) -> str:
    """Why Telegram would not post to `url`, as a sentence for who runs the server; "" when fine."""
    if not _SECRET.fullmatch(account.webhook_secret):
        return (
            "Telegram 回调没有登记：请把 JIELI_TELEGRAM_WEBHOOK_SECRET 设成 1 到 256 个"
            "字母、数字、_ 或 -，再重启。"
        )
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        return "Telegram 回调没有登记：JIELI_PUBLIC_URL 不是一个网址，请改正后重启。"
    if parts.scheme != "https" or not parts.hostname or port not in WEBHOOK_PORTS:
        return (
            "Telegram 回调没有登记：它只投递到 https 网址的 443、80、88 或 8443 端口。"
            "请改 JIELI_PUBLIC_URL，或把 JIELI_TELEGRAM_MODE 设成 polling。"
        )
    return ""
