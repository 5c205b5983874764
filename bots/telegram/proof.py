"""Who opened a page from a Telegram button: Telegram writes it, signed, behind the address's #.

The proof is signed with a key made of the bot's token, so only this bot can read it as true.
Source: core.telegram.org/bots/webapps, "Validating data received via the Mini App". Pure.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qsl

import orjson

from core.clock import HOUR, SECOND, Instant

LIVES: Instant = HOUR
LONGEST = 4096


def user_of(proof: str, token: str, now: Instant) -> str:
    """The user id that `proof` (tgWebAppData, decoded once) vouches for.

    Raises:
        LookupError: not signed by Telegram for this bot, too old, or without a user.
    """
    if len(proof) > LONGEST:
        raise LookupError("Telegram 给出的身份太长。")
    said = dict(parse_qsl(proof, keep_blank_values=True))
    given = said.pop("hash", "")
    lines = "\n".join(f"{name}={said[name]}" for name in sorted(said))
    key = hmac.new(b"WebAppData", token.encode(), hashlib.sha256).digest()
    expected = hmac.new(key, lines.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise LookupError("Telegram 给出的身份核对不上。")
    signed_at = said.get("auth_date", "")
    if not (signed_at.isascii() and signed_at.isdecimal() and len(signed_at) < 12):
        raise LookupError("Telegram 给出的身份没有时间。")
    if abs(now - int(signed_at) * SECOND) > LIVES:
        raise LookupError("Telegram 给出的身份已超过一小时。")
    try:
        user = orjson.loads(said.get("user", ""))
        return str(int(user["id"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise LookupError("Telegram 没有说是谁。") from None
