"""DingTalk's sign-in for pages: a code for the browser, a person for the code, a member for both.

The phone knows who holds it; here a cookie of the page of panes does.
"""

from __future__ import annotations

import secrets

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bots.simulator.dingtalk.vendor import Vendor
from core.clock import MINUTE, Instant

HELD_BY = "simulated_member"
CODE_LIVES: Instant = 5 * MINUTE


class Login:
    """The doors of the sign-in."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._codes: dict[str, tuple[Instant, str]] = {}
        self._tokens: dict[str, str] = {}

    def routes(self) -> list[BaseRoute]:
        """To be put under any prefix."""
        return [
            Route("/oauth2/auth", self._authorize),
            Route("/v1.0/oauth2/userAccessToken", self._token, methods=["POST"]),
            Route("/v1.0/contact/users/me", self._me),
            Route("/topapi/user/getbyunionid", self._member, methods=["POST"]),
        ]

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        needed = {"redirect_uri", "response_type", "client_id", "scope", "state"}
        if needed - set(asked) or asked["client_id"] != self._vendor.client_id:
            return Response("参数错误", 400)
        code = secrets.token_hex(16)
        user_id = request.cookies.get(HELD_BY, "")
        self._codes[code] = (self._vendor.clock.now() + CODE_LIVES, user_id)
        back = httpx.URL(asked["redirect_uri"])
        more = {"authCode": code, "state": asked["state"]}
        return RedirectResponse(str(back.copy_merge_params(more)), 302)

    async def _token(self, request: Request) -> Response:
        asked = orjson.loads(await request.body())
        until, user_id = self._codes.pop(str(asked.get("code")), (0, ""))
        keys = (asked.get("clientId"), asked.get("clientSecret"), asked.get("grantType"))
        ours = (self._vendor.client_id, self._vendor.client_secret, "authorization_code")
        if keys != ours or self._vendor.clock.now() >= until:
            return _json(
                {"code": "invalidParameter.authCode", "message": "不合法的临时授权码"}, 400
            )
        token = secrets.token_hex(16)
        self._tokens[token] = user_id
        return _json({"accessToken": token, "refreshToken": "r" + token, "expireIn": 7200})

    async def _me(self, request: Request) -> Response:
        user_id = self._tokens.get(request.headers.get("x-acs-dingtalk-access-token", ""))
        if user_id is None:
            return _json({"code": "InvalidAuthentication", "message": "不合法的access_token"}, 401)
        return _json(
            {"nick": user_id or "外部联系人", "unionId": f"union-{user_id}", "openId": "o"}
        )

    async def _member(self, request: Request) -> Response:
        union_id = str(orjson.loads(await request.body()).get("unionid", ""))
        user_id = union_id.removeprefix("union-")
        person = self._vendor.people.get(user_id)
        if person is None or person.left:
            return _json({"errcode": 60121, "errmsg": "找不到该用户"})
        return _json(
            {"errcode": 0, "errmsg": "ok", "result": {"contact_type": 0, "userid": user_id}}
        )


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
