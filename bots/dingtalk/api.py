"""The few DingTalk endpoints we call, over an injected httpx client. One attempt, one answer.

At most one refresh of the token and one repetition, and only when the token was refused: then
DingTalk did nothing, so the repetition cannot double a message. Not for cards (render.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import orjson

from bots.dingtalk.verdict import OLD_TOKEN_CODES, refuses_token, verdict
from bots.refusal import Refused, ambiguous, later, never
from bots.tokens import Tokens
from core.clock import Clock
from core.outbox.channel import SendResult

# Token and send together stay inside the outbox's patience for one delivery (12 s).
TIMEOUT = httpx.Timeout(5.0, connect=3.0)
LARGEST_FILE = 10 * 1024 * 1024
_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """One application with its robot. Without `template_id` people get plain messages.

    `agent_id`: its number for work notices, `proxy`: for the long connection; "" for none.
    """

    client_id: str
    client_secret: str = field(repr=False)
    robot_code: str = ""
    template_id: str = ""
    agent_id: str = ""
    mode: Literal["stream", "http"] = "stream"
    api_base: str = "https://api.dingtalk.com"
    oapi_base: str = "https://oapi.dingtalk.com"
    login_base: str = "https://login.dingtalk.com"
    proxy: str = ""

    @property
    def robot(self) -> str:
        """The robot's code: an application's own robot is named like the application."""
        return self.robot_code or self.client_id

    def trusts(self, url: str) -> bool:
        """Whether `url` leads to DingTalk itself, or to the address configured in its place."""
        try:
            found = urlsplit(url)
            bases = [urlsplit(base) for base in (self.api_base, self.oapi_base)]
            if any((found.scheme, found.netloc) == (each.scheme, each.netloc) for each in bases):
                return True
            host = found.hostname or ""
            return found.scheme == "https" and host.endswith(".dingtalk.com") and not found.username
        except ValueError:
            return False


class Api:
    """Calls with the application's token. Every method raises only Refused."""

    def __init__(self, account: Account, client: httpx.AsyncClient, clock: Clock) -> None:
        self.account = account
        self._client = client
        self.tokens = Tokens("钉钉", self._fetch_token, clock)

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        """POST JSON to `<api_base>/v1.0/<path>` with the token in its header."""
        return await self._with_token("POST", path, body)

    async def put(self, path: str, body: JsonObject) -> JsonObject:
        """PUT JSON to `<api_base>/v1.0/<path>` with the token in its header."""
        return await self._with_token("PUT", path, body)

    async def bare(self, url: str, body: JsonObject) -> JsonObject:
        """POST JSON to an address that carries its own permission (session and group robots)."""
        return await self._ask("POST", url, content=orjson.dumps(body), headers=_JSON)

    async def old(self, path: str, body: JsonObject) -> JsonObject:
        """POST JSON to `<oapi_base>/<path>` with the token in its address."""
        return await self._old(path, {}, content=orjson.dumps(body), headers=_JSON)

    async def upload(self, name: str, data: bytes) -> str:
        """Upload a picture; the media id that cards can show."""
        files = {"media": (name, data, "image/jpeg")}
        answer = await self._old("media/upload", {"type": "image"}, files=files)
        return str(answer.get("media_id", ""))

    async def _old(self, path: str, query: dict[str, str], **request: Any) -> JsonObject:
        url = f"{self.account.oapi_base}/{path}"
        token = await self.tokens.get()
        for last in (False, True):
            try:
                params = {"access_token": token, **query}
                return await self._ask("POST", url, params=params, **request)
            except Refused as refusal:
                if last or refusal.code not in OLD_TOKEN_CODES:
                    raise
            token = await self.tokens.instead_of(token)
        raise AssertionError("the second round returns or raises")

    async def user_of(self, code: str) -> str:
        """The member who came back from the sign-in with `code`: one use, some minutes."""
        keys = {
            "clientId": self.account.client_id,
            "clientSecret": self.account.client_secret,
            "code": code,
            "grantType": "authorization_code",
        }
        base = f"{self.account.api_base}/v1.0"
        answer = await self._ask(
            "POST", f"{base}/oauth2/userAccessToken", content=orjson.dumps(keys), headers=_JSON
        )
        own = {"x-acs-dingtalk-access-token": str(answer.get("accessToken") or "")}
        person = await self._ask("GET", f"{base}/contact/users/me", headers=own)
        asked = {"unionid": str(person.get("unionId") or "")}
        url = f"{self.account.oapi_base}/topapi/user/getbyunionid"
        token = {"access_token": await self.tokens.get()}
        found = await self._ask(
            "POST", url, params=token, content=orjson.dumps(asked), headers=_JSON
        )
        member = found.get("result")
        user_id = member.get("userid") if isinstance(member, dict) else ""
        if not isinstance(user_id, str) or not user_id:
            raise Refused(never("not_a_member", "只有本企业的成员能打开。"))
        return user_id

    async def open_connection(self, subscriptions: list[dict[str, str]]) -> tuple[str, str]:
        """Where to connect for callbacks, and the ticket that is good for one connection."""
        body = {
            "clientId": self.account.client_id,
            "clientSecret": self.account.client_secret,
            "subscriptions": subscriptions,
            "ua": "jieli/1.0",
        }
        url = f"{self.account.api_base}/v1.0/gateway/connections/open"
        answer = await self._ask("POST", url, content=orjson.dumps(body), headers=_JSON)
        endpoint, ticket = answer.get("endpoint"), answer.get("ticket")
        secure = self.account.api_base.startswith("https://")
        schemes = ("wss://",) if secure else ("ws://", "wss://")
        if not isinstance(endpoint, str) or not isinstance(ticket, str) or not ticket:
            raise Refused(later("gateway", "钉钉没有给出长连接的地址，稍后再试。", 5))
        if not endpoint.startswith(schemes):
            raise Refused(later("gateway", "钉钉给出的长连接地址没有加密，没有连接。", 60))
        return endpoint, ticket

    async def download(self, url: str) -> bytes:
        """The bytes behind a download address: https, or the configured host; at most 10 MB."""
        if url.startswith("http://") and not self.account.trusts(url):
            url = "https://" + url.removeprefix("http://")
        if not url.startswith("https://") and not self.account.trusts(url):
            raise Refused(never("bad_address", "钉钉给出的下载地址不能用。"))
        try:
            async with self._client.stream("GET", url, timeout=TIMEOUT) as response:
                if response.status_code != 200:
                    raise Refused(never("not_there", "照片已经取不到了。"))
                return await _limited(response)
        except (httpx.TransportError, httpx.InvalidURL):
            raise Refused(later("unreachable", "下载照片时断开了。", 5)) from None

    async def _with_token(self, method: str, path: str, body: JsonObject) -> JsonObject:
        token = await self.tokens.get()
        try:
            return await self._once(method, path, body, token)
        except Refused as refusal:
            if refusal.code != _TOKEN_REFUSED:
                raise
        token = await self.tokens.instead_of(token)
        return await self._once(method, path, body, token)

    async def _once(self, method: str, path: str, body: JsonObject, token: str) -> JsonObject:
        headers = _JSON | {"x-acs-dingtalk-access-token": token}
        url = f"{self.account.api_base}/v1.0/{path}"
        return await self._ask(method, url, content=orjson.dumps(body), headers=headers)

    async def _fetch_token(self) -> tuple[str, int]:
        keys = {"appKey": self.account.client_id, "appSecret": self.account.client_secret}
        url = f"{self.account.api_base}/v1.0/oauth2/accessToken"
        try:
            answer = await self._ask("POST", url, content=orjson.dumps(keys), headers=_JSON)
        except Refused as refusal:  # nothing was sent yet: that is certain
            raise Refused(_about_token(refusal), refusal.code) from None
        token, seconds = answer.get("accessToken"), answer.get("expireIn")
        if not isinstance(token, str) or not token or not isinstance(seconds, int) or seconds < 1:
            raise Refused(later("token", "钉钉没有给出凭证，稍后再试。", 60, scope="account"))
        return token, seconds

    async def _ask(self, method: str, url: str, **request: Any) -> JsonObject:
        try:
            response = await self._client.request(method, url, timeout=TIMEOUT, **request)
        except _NEVER_LEFT:
            raise Refused(
                later("unreachable", "连不上钉钉。请检查服务器网络或代理。", 5, scope="account")
            ) from None
        except (httpx.TransportError, httpx.InvalidURL) as problem:
            name = type(problem).__name__
            raise Refused(
                ambiguous("no_answer", f"钉钉没有回答（{name}），不知道是否已送达。")
            ) from None
        return _read(response)


_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_TOKEN_REFUSED = "InvalidAuthentication"  # noqa: S105  # the code, not a token


def _about_token(refusal: Refused) -> SendResult:
    """A token was refused: no message is concerned, so it is always `later`, for everybody."""
    found = refusal.result
    if found.kind == "never" or refusal.code == _TOKEN_REFUSED:
        reason = "钉钉不认应用的 Client ID 或密钥。请核对 JIELI_DINGTALK_CLIENT_ID 和 _SECRET。"
        return later(found.code, reason, 600, scope="account")
    if found.kind == "ambiguous":
        return later("unreachable", found.reason, 5, scope="account")
    return found


def _read(response: httpx.Response) -> JsonObject:
    """The JSON of an answer that means yes; Refused for every other."""
    status = response.status_code
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    if isinstance(answer, dict) and answer.get("status") == 1111:  # the firewall before the API
        reason = "调用太密，钉钉停用了本机的出口 IP 5 分钟。系统会自动重发。"
        raise Refused(later("dingtalk_1111", reason, 300, scope="account"))
    if status != 200:
        known = answer if isinstance(answer, dict) else {}
        code, message = str(known.get("code") or ""), str(known.get("message") or "")
        found = verdict(status, code, message, response.headers.get("Retry-After", ""))
        raise Refused(found, _TOKEN_REFUSED if refuses_token(status, code) else code)
    if not isinstance(answer, dict):
        raise Refused(ambiguous("not_json", "钉钉的回答读不懂，不知道是否已送达。"))
    errcode = answer.get("errcode", 0)
    if errcode != 0:
        code = str(errcode)
        raise Refused(verdict(200, code, str(answer.get("errmsg") or "")), code)
    return answer


async def _limited(response: httpx.Response) -> bytes:
    found = bytearray()
    async for chunk in response.aiter_bytes():
        found += chunk
        if len(found) > LARGEST_FILE:
            raise Refused(never("too_large", "照片超过 10 MB。请压缩后再发。"))
    return bytes(found)
