"""The few WeCom endpoints we call, over an injected httpx client. One attempt, one honest answer.

At most one refresh of the token and one repetition, and only when the token was refused: then
WeCom did nothing, so the repetition cannot double a message. Not for cards (render.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from bots.refusal import Refused, ambiguous, later, never
from bots.tokens import Tokens
from bots.wecom.verdict import TOKEN_CODES, http_verdict, verdict
from core.clock import Clock

# Token and send together stay inside the outbox's patience for one delivery (12 s).
TIMEOUT = httpx.Timeout(5.0, connect=3.0)
_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class Account:
    """One application of one corporation."""

    corp_id: str
    agent_id: int
    secret: str
    api_base: str = "https://qyapi.weixin.qq.com/cgi-bin"
    login_base: str = "https://open.weixin.qq.com"


class Api:
    """Calls with the application's token. Every method raises only Refused."""

    def __init__(self, account: Account, client: httpx.AsyncClient, clock: Clock) -> None:
        self.account = account
        self._client = client
        self.tokens = Tokens("企业微信", self._fetch_token, clock)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST JSON to `<api_base>/<path>`; the answer when errcode is 0."""
        return await self._with_token(
            "POST", path, content=orjson.dumps(body), headers={"Content-Type": "application/json"}
        )

    async def upload(
        self, name: str, data: bytes, media_type: str = "image/jpeg", *, kind: str = "file"
    ) -> str:
        """Upload a file to attach to a card, or an "image" to send; its media_id lives 3 days."""
        answer = await self._with_token(
            "POST",
            "media/upload",
            params={"type": kind},
            files={"media": (name, data, media_type)},
        )
        return str(answer.get("media_id", ""))

    async def download(self, media_id: str) -> bytes:
        """The bytes of what a member sent, within 3 days."""
        token = await self.tokens.get()
        for again in (True, False):
            keys = {"access_token": token, "media_id": media_id}
            content = await self._respond("GET", "media/get", params=keys)
            try:
                if content.startswith(b"{"):  # no picture begins so: it says why there is none
                    _readable(content)
            except Refused as refusal:
                if refusal.code not in TOKEN_CODES or not again:
                    raise
                token = await self.tokens.instead_of(token)
            else:
                break
        return content

    async def user_of(self, code: str) -> str:
        """The member who came back from the silent sign-in with `code`: one use, five minutes."""
        answer = await self._with_token("GET", "auth/getuserinfo", params={"code": code})
        user_id = answer.get("userid")
        if not isinstance(user_id, str) or not user_id:  # an openid: somebody from outside
            raise Refused(never("not_a_member", "只有本企业的成员能打开。"))
        return user_id

    async def callback_ips(self) -> list[str]:
        """The addresses WeCom's callbacks come from."""
        answer = await self._with_token("GET", "getcallbackip")
        return [str(each) for each in answer.get("ip_list", [])]

    async def _with_token(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        token = await self.tokens.get()
        try:
            return await self._once(method, path, token, **request)
        except Refused as refusal:
            if refusal.code not in TOKEN_CODES:
                raise
        token = await self.tokens.instead_of(token)
        return await self._once(method, path, token, **request)

    async def _once(self, method: str, path: str, token: str, **request: Any) -> dict[str, Any]:
        params = {"access_token": token} | request.pop("params", {})
        return await self._ask(method, path, params=params, **request)

    async def _fetch_token(self) -> tuple[str, int]:
        keys = {"corpid": self.account.corp_id, "corpsecret": self.account.secret}
        try:
            answer = await self._ask("GET", "gettoken", params=keys)
        except Refused as refusal:
            if refusal.result.kind == "ambiguous":  # nothing was sent yet: that is certain
                raise Refused(
                    later("unreachable", refusal.result.reason, 5, scope="account")
                ) from None
            raise
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(seconds, int) or seconds < 1:
            raise Refused(later("token", "企业微信没有给出凭证，稍后再试。", 60, scope="account"))
        return token, seconds

    async def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        return _readable(await self._respond(method, path, **request))

    async def _respond(self, method: str, path: str, **request: Any) -> bytes:
        url = f"{self.account.api_base}/{path}"
        try:
            response = await self._client.request(method, url, timeout=TIMEOUT, **request)
        except _NEVER_LEFT:
            raise Refused(
                later("unreachable", "连不上企业微信。请检查服务器网络或代理。", 5, scope="account")
            ) from None
        except httpx.TransportError as problem:
            name = type(problem).__name__
            raise Refused(
                ambiguous("no_answer", f"企业微信没有回答（{name}），不知道是否已送达。")
            ) from None
        if response.status_code != 200:
            retry_after = response.headers.get("Retry-After", "")
            raise Refused(http_verdict(response.status_code, retry_after))
        return response.content


def _readable(content: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("errcode", 0), int):
        raise Refused(ambiguous("not_json", "企业微信的回答读不懂，不知道是否已送达。"))
    errcode = answer.get("errcode", 0)
    if errcode != 0:
        raise Refused(verdict(errcode, str(answer.get("errmsg", ""))), str(errcode))
    return answer
