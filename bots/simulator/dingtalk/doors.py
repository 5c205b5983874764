"""The simulator's doors: DingTalk's new and old HTTP interface, files, and the long connection.

Starlette, loopback only: never mount it in a production process. Errors have the form of the API
they belong to: HTTP status and `{code, message}` in the new one, HTTP 200 and `errcode` in the old.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from bots.simulator.dingtalk.checks import OldError, VendorError, text_of
from bots.simulator.dingtalk.gateway import Gateway
from bots.simulator.dingtalk.notices import Notices
from bots.simulator.dingtalk.vendor import Fault, Vendor
from core.clock import HOUR, MINUTE, Instant

GROUP_PER_MINUTE = 20
GROUP_PUNISHED: Instant = 10 * MINUTE
LARGEST_PICTURE = 20 * 1024 * 1024
_NOTICES = "/topapi/message/corpconversation"

JsonObject = dict[str, Any]
Verb = Callable[[JsonObject, Fault | None], Any]


@dataclass(slots=True)
class Group:
    """A group with its own robot: 20 messages a minute, then silence for ten."""

    token: str
    secret: str
    said: list[str] = field(default_factory=list)
    recent: deque[Instant] = field(default_factory=lambda: deque(maxlen=GROUP_PER_MINUTE))
    punished_until: Instant = 0


class Doors:
    """All HTTP doors over one simulated corporation."""

    def __init__(
        self, vendor: Vendor, gateway: Gateway, groups: dict[str, Group], notices: Notices
    ) -> None:
        self._notices = notices
        self._vendor = vendor
        self._gateway = gateway
        self._groups = groups
        self.sessions: dict[str, str] = {}  # session of a webhook → user id

    def routes(self) -> list[BaseRoute]:
        """To be put under any prefix; addresses handed out follow it."""
        vendor = self._vendor
        posts: dict[str, Verb] = {
            "card/instances": lambda body, _: vendor.create(body),
            "card/instances/deliver": self._deliver,
            "card/instances/createAndDeliver": vendor.create_and_deliver,
            "card/callbacks/register": lambda body, _: self._register(body),
            "robot/oToMessages/batchSend": lambda body, _: vendor.batch_send(body),
            "robot/otoMessages/batchRecall": lambda body, _: vendor.batch_recall(body),
            "robot/groupMessages/send": lambda body, _: vendor.group_send(body),
            "robot/ding/send": lambda body, _: vendor.ding(body),
            "robot/messageFiles/download": lambda body, _: self._download(body),
        }
        found: list[BaseRoute] = [
            Route(f"/v1.0/{path}", self._new(verb), methods=["POST"])
            for path, verb in posts.items()
        ]
        update = self._new(lambda body, _: vendor.update(body))
        return [
            Route("/v1.0/card/instances", update, methods=["PUT"]),
            *found,
            Route("/v1.0/oauth2/accessToken", self._new(self._token, bare=True), methods=["POST"]),
            Route(
                "/v1.0/gateway/connections/open",
                self._new(self._open, bare=True),
                methods=["POST"],
            ),
            Route("/media/upload", self._old(self._upload), methods=["POST"]),
            Route("/robot/send", self._old(self._to_group), methods=["POST"]),
            Route("/robot/sendBySession", self._old(self._to_session), methods=["POST"]),
            Route(f"{_NOTICES}/asyncsend_v2", self._old(self._notices.send), methods=["POST"]),
            Route(f"{_NOTICES}/recall", self._old(self._notices.recall), methods=["POST"]),
            Route("/files/{code}", self._file),
            WebSocketRoute("/connect", self._gateway.door),
        ]

    # -- the two forms of an answer --------------------------------------------------------------
    def _new(self, verb: Verb, *, bare: bool = False) -> Callable[[Request], Awaitable[Response]]:
        async def door(request: Request) -> Response:
            fault = self._arrived(request)
            try:
                if fault is not None and fault.status:
                    raise VendorError(fault.code or "ordered", "ordered fault", fault.status)
                if not bare:
                    token = request.headers.get("x-acs-dingtalk-access-token", "")
                    self._vendor.check_token(token)
                    self._vendor.check_pace(request.method + request.url.path)
                answer = verb(await _object(request), fault)
            except VendorError as problem:
                body = {"code": problem.code, "message": problem.message, "requestid": "simulated"}
                return _json(body, problem.status)
            _perhaps_silent(fault)
            return _json(answer)

        return door

    def _old(
        self, verb: Callable[[Request], Awaitable[JsonObject]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def door(request: Request) -> Response:
            fault = self._arrived(request)
            try:
                if fault is not None and fault.errcode:
                    raise OldError(fault.errcode, "ordered fault")
                answer = {"errcode": 0, "errmsg": "ok"} | await verb(request)
            except OldError as problem:
                return _json({"errcode": problem.errcode, "errmsg": problem.errmsg})
            except VendorError as problem:
                return _json({"errcode": 400002, "errmsg": problem.message})
            _perhaps_silent(fault)
            return _json(answer)

        return door

    def _arrived(self, request: Request) -> Fault | None:
        vendor, url = self._vendor, request.url
        prefix = request.scope.get("root_path", "")  # where we are mounted
        vendor.base = f"{url.scheme}://{url.netloc}{prefix}"
        name = url.path.removeprefix(prefix).removeprefix("/v1.0").lstrip("/")
        key = f"PUT {name}" if request.method == "PUT" else name
        vendor.calls[key] = vendor.calls.get(key, 0) + 1
        return vendor.fault_for(key)

    # -- verbs of the new API --------------------------------------------------------------------
    def _token(self, body: JsonObject, _: Fault | None) -> JsonObject:
        return self._vendor.access_token(body.get("appKey"), body.get("appSecret"))

    def _open(self, body: JsonObject, _: Fault | None) -> JsonObject:
        endpoint = "ws" + self._vendor.base.removeprefix("http") + "/connect"
        return self._gateway.open(body, endpoint)

    def _deliver(self, body: JsonObject, fault: Fault | None) -> JsonObject:
        return {"success": True, "result": self._vendor.deliver(body, fault)}

    def _register(self, body: JsonObject) -> JsonObject:
        key = text_of(body, "callbackRouteKey", "param.callbackRouteKeyEmpty")
        url = text_of(body, "callbackUrl", "param.callbackUrlEmpty")
        known = self._vendor.routes.get(key)
        if known is None or body.get("forceUpdate") is True:
            self._vendor.routes[key] = (url, str(body.get("apiSecret") or ""))
        kept = self._vendor.routes[key]
        result = {"callbackUrl": kept[0], "apiSecret": kept[1]}
        return {"success": True, "result": result}

    def _download(self, body: JsonObject) -> JsonObject:
        self._vendor.check_robot(body)
        code = text_of(body, "downloadCode", "invalidParameter.downloadCode.invalid")
        if code not in self._vendor.media:
            raise VendorError("unknownError", "downloadCode expired")
        return {"downloadUrl": f"{self._vendor.base}/files/{code}"}

    # -- verbs of the old API --------------------------------------------------------------------
    async def _upload(self, request: Request) -> JsonObject:
        if not self._vendor.knows_token(request.query_params.get("access_token", "")):
            raise OldError(40014, "不合法的access_token")
        kind = request.query_params.get("type", "")
        async with request.form() as form:
            media = form.get("media")
            if kind != "image" or not isinstance(media, UploadFile) or not media.filename:
                raise OldError(40004, "不合法的媒体文件")
            data = await media.read()
        if not 0 < len(data) <= LARGEST_PICTURE:
            raise OldError(40009, "不合法的图片大小")
        media_id = "@" + self._vendor.new_id("lALP")
        self._vendor.media[media_id] = data
        return {"media_id": media_id, "type": kind, "created_at": 0}

    async def _to_group(self, request: Request) -> JsonObject:
        query, now = request.query_params, self._vendor.clock.now()
        group = self._groups.get(query.get("access_token", ""))
        if group is None:
            raise OldError(300005, "token is not exist")
        stamp = query.get("timestamp", "")
        signed = f"{stamp}\n{group.secret}".encode()
        mac = hmac.new(group.secret.encode(), signed, hashlib.sha256).digest()
        if not stamp.isdecimal() or abs(now - int(stamp) * 1000) > HOUR:
            raise OldError(310000, "invalid timestamp")
        if query.get("sign") != base64.b64encode(mac).decode():
            raise OldError(310000, "sign not match")
        too_fast = len(group.recent) == GROUP_PER_MINUTE and now - group.recent[0] < MINUTE
        if too_fast:
            group.punished_until = now + GROUP_PUNISHED
        if now < group.punished_until:
            raise OldError(130101, "send too fast, exceed 20 times per minute")
        group.recent.append(now)
        group.said.append(await _words(request))
        return {}

    async def _to_session(self, request: Request) -> JsonObject:
        user_id = self.sessions.get(request.query_params.get("session", ""))
        if user_id is None:
            raise OldError(300001, "session is not exist")
        self._vendor.show(user_id, "sampleText", {"content": await _words(request)})
        return {}

    async def _file(self, request: Request) -> Response:
        data = self._vendor.media.get(request.path_params["code"])
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=3600"}
        return Response(data or b"", 200 if data else 404, headers, "image/jpeg")


async def _object(request: Request) -> JsonObject:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise VendorError("param.empty")
    return body


async def _words(request: Request) -> str:
    body = await _object(request)
    text = body.get("text") or {}
    if body.get("msgtype") != "text" or not text.get("content"):
        raise OldError(40035, "缺少参数 json")
    return str(text["content"])


def _perhaps_silent(fault: Fault | None) -> None:
    if fault is not None and fault.after:
        raise httpx.ReadTimeout("ordered: accepted, then silent")


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
