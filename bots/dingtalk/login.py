"""Who opened a page inside DingTalk: its sign-in, then the member behind the person.

The sign-in names a person by union id; the corporation's directory turns that into the user id that
cards are sent to. Somebody from outside has none. Not for messages (send.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from bots.dingtalk.api import Api
from bots.refusal import Refused

CODE_LENGTH = 256


def sign_in_url(base: str, client_id: str, back: str, state: str) -> str:
    """Where the browser goes; it comes back to `back` with `authCode` and `state`."""
    query = {
        "redirect_uri": back,
        "response_type": "code",
        "client_id": client_id,
        "scope": "openid",
        "state": state,
        "prompt": "consent",
    }
    return f"{base}/oauth2/auth?{urlencode(query)}"


async def who(api: Api, proof: Mapping[str, str]) -> str:
    """The member's user id behind the code of the way back.

    Raises:
        LookupError: used up, too old, or nobody of this corporation.
    """
    code = (proof.get("authCode") or proof.get("code") or "")[:CODE_LENGTH]
    if not code:
        raise LookupError("钉钉没有给出登录凭证。")
    try:
        return await api.user_of(code)
    except Refused as refusal:
        raise LookupError(refusal.result.reason) from refusal
