"""The simulator's doors: WeCom's HTTP interface, the page of chat panes, and its JSON interface.

Starlette, loopback only, no sign-in: never mount it in a production process. The JSON doors want
`Content-Type: application/json`, so a page from elsewhere cannot press buttons through a browser.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bots.simulator.press import CannotPress, Posted, Pressing
from bots.simulator.vendor import Person, Vendor, VendorError, View
from core.clock import to_datetime

PAGE = Path(__file__).with_name("page")
SHOWN = 60
HELD_BY = "simulated_member"  # whose phone the browser is

JsonObject = dict[str, Any]


def build(vendor: Vendor, pressing: Pressing) -> Starlette:
    """All routes over one simulated corporation."""
    wecom, desk = _WeComDoor(vendor), _PaneDoor(vendor, pressing)
    api = [
        Route("/gettoken", wecom.gettoken),
        Route("/getcallbackip", wecom.callback_ips),
        Route("/message/send", wecom.posting(vendor.send), methods=["POST"]),
        Route("/message/update_template_card", wecom.posting(vendor.update), methods=["POST"]),
        Route("/message/recall", wecom.posting(vendor.recall), methods=["POST"]),
        Route("/media/upload", wecom.upload, methods=["POST"]),
        Route("/media/get", wecom.download),
        Route("/auth/getuserinfo", wecom.user_of),
    ]
    panes = [
        Route("/people", desk.people, methods=["GET", "POST"]),
        Route("/messages", desk.messages),
        Route("/press", desk.press, methods=["POST"]),
        Route("/say", desk.say, methods=["POST"]),
        Route("/open", desk.open),
        Route("/media/{media_id}", desk.media),
    ]
    return Starlette(
        routes=[
            Mount("/cgi-bin", routes=api),
            Mount("/sim/api", routes=panes),
            Route("/connect/oauth2/authorize", wecom.authorize),
            Route("/sim", _to_page),
            Route("/sim/", _page),
            Mount("/sim", StaticFiles(directory=PAGE)),
        ]
    )


async def _to_page(request: Request) -> Response:
    return RedirectResponse(request.url.path.rstrip("/") + "/")


async def _page(_: Request) -> Response:
    return FileResponse(PAGE / "sim.html")


class _WeComDoor:
    """The vendor's side: HTTP 200 always, judged by errcode, with the ordered faults in between."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor

    async def gettoken(self, request: Request) -> Response:
        keys = request.query_params
        return await self._answer(
            request,
            lambda: self._vendor.gettoken(keys.get("corpid", ""), keys.get("corpsecret", "")),
            with_token=False,
        )

    async def callback_ips(self, request: Request) -> Response:
        return await self._answer(
            request, lambda: {"errcode": 0, "errmsg": "ok", "ip_list": ["127.0.0.1"]}
        )

    def posting(
        self, verb: Callable[[JsonObject], JsonObject]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def door(request: Request) -> Response:
            try:
                body = orjson.loads(await request.body())
            except orjson.JSONDecodeError:
                body = None
            if not isinstance(body, dict):
                return _json({"errcode": 47001, "errmsg": "data format error"})
            return await self._answer(request, lambda: verb(body))

        return door

    async def upload(self, request: Request) -> Response:
        name, data = "", b""
        async with request.form() as form:
            media = form.get("media")
            if isinstance(media, UploadFile):
                name, data = media.filename or "", await media.read()
        kind = request.query_params.get("type", "")
        return await self._answer(request, lambda: self._vendor.upload(kind, name, data))

    async def user_of(self, request: Request) -> Response:
        code = request.query_params.get("code", "")
        return await self._answer(request, lambda: self._vendor.user_of(code))

    async def authorize(self, request: Request) -> Response:
        """open.weixin.qq.com's silent sign-in: the phone knows who holds it, here a cookie does."""
        asked = request.query_params
        missing = {"appid", "redirect_uri", "response_type", "scope", "state"} - set(asked)
        if missing or asked["appid"] != self._vendor.corp_id:
            return Response("参数错误", 400)
        code = self._vendor.sign_in(request.cookies.get(HELD_BY, ""))
        back = httpx.URL(asked["redirect_uri"])
        return RedirectResponse(
            str(back.copy_merge_params({"code": code, "state": asked["state"]})), 302
        )

    async def download(self, request: Request) -> Response:
        """The bytes, or JSON that says why not."""
        vendor = self._vendor
        fault = vendor.fault_for(request.url.path)
        try:
            vendor.check_token(request.query_params.get("access_token", ""))
            if fault is not None:
                raise VendorError(fault.errcode, "ordered fault")
            data = vendor.download(request.query_params.get("media_id", ""))
        except VendorError as problem:
            return _json({"errcode": problem.errcode, "errmsg": problem.errmsg})
        return Response(data, media_type="image/jpeg")

    async def _answer(
        self, request: Request, verb: Callable[[], JsonObject], *, with_token: bool = True
    ) -> Response:
        vendor, path = self._vendor, request.url.path
        name = path.rpartition("/cgi-bin/")[2]
        vendor.calls[name] = vendor.calls.get(name, 0) + 1
        fault = vendor.fault_for(path)
        try:
            if fault is not None and fault.http:
                return Response(status_code=fault.http)
            if with_token:
                vendor.check_token(request.query_params.get("access_token", ""))
            if fault is not None and fault.errcode:
                raise VendorError(fault.errcode, "ordered fault")
            answer = verb()
        except VendorError as problem:
            answer = {"errcode": problem.errcode, "errmsg": problem.errmsg}
        if fault is not None and fault.after:
            raise httpx.ReadTimeout("ordered: accepted, then silent")
        return _json(answer)


class _PaneDoor:
    """What the page and the demo's script use."""

    def __init__(self, vendor: Vendor, pressing: Pressing) -> None:
        self._vendor = vendor
        self._pressing = pressing

    async def people(self, request: Request) -> Response:
        if request.method == "POST":
            body = await _body(request)
            if body is None or not body.get("user_id") or not body.get("name"):
                return _json({"error": "user_id 和 name 必填。"}, 422)
            person = Person(str(body["user_id"]), str(body["name"]), str(body.get("title", "")))
            self._vendor.people[person.user_id] = person
            self._vendor.rev += 1
        return _json({"people": self._people()})

    async def messages(self, request: Request) -> Response:
        """Everything since `rev`, or 204 when nothing changed; `user_id` narrows it to one."""
        if request.query_params.get("rev") == str(self._vendor.rev):
            return Response(status_code=204)
        only = request.query_params.get("user_id", "")
        panes = {
            user_id: [_wire(view) for view in self._views(user_id)]
            for user_id in self._vendor.people
            if only in {"", user_id}
        }
        now = to_datetime(self._vendor.clock.now()).strftime("%Y-%m-%d %H:%M")
        return _json(
            {"rev": self._vendor.rev, "now": now, "people": self._people(), "panes": panes}
        )

    async def press(self, request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return _json({"error": "请用 application/json 提交。"}, 415)
        selected = body.get("selected") or {}
        try:
            posted = await self._pressing.press(
                str(body.get("user_id")), str(body.get("msg_id")), str(body.get("key")), selected
            )
        except CannotPress:
            return _json({"error": "这张卡片已经变了，请看最新的内容。"}, 409)
        return _posted(posted)

    async def say(self, request: Request) -> Response:
        body = await _body(request)
        text = str((body or {}).get("text", "")).strip()[:500]
        if body is None or body.get("user_id") not in self._vendor.people or not text:
            return _json({"error": "user_id 和 text 必填。"}, 422)
        return _posted(await self._pressing.say(body["user_id"], text))

    async def open(self, request: Request) -> Response:
        """Open a link of this member's pane, in the browser of this member's phone."""
        url, user_id = (request.query_params.get(name, "") for name in ("url", "user_id"))
        if not url.startswith(("http://", "https://")) or user_id not in self._vendor.people:
            return Response("打不开这个链接", 422)
        away = RedirectResponse(url, 302)
        away.set_cookie(HELD_BY, user_id, path="/", httponly=True, samesite="lax")
        away.delete_cookie("jieli", path="/")  # every pane is another phone
        return away

    async def media(self, request: Request) -> Response:
        """An uploaded picture, for the pane."""
        _, data = self._vendor.media.get(request.path_params["media_id"], (0, b""))
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=3600"}
        return Response(data, 200 if data else 404, headers, "image/jpeg")

    def _people(self) -> list[JsonObject]:
        return [
            {"user_id": each.user_id, "name": each.name, "title": each.title}
            for each in self._vendor.people.values()
        ]

    def _views(self, user_id: str) -> list[View]:
        mine = [view for view in self._vendor.views.values() if view.user_id == user_id]
        return mine[-SHOWN:]


def _wire(view: View) -> JsonObject:
    return {
        "msg_id": view.msg_id,
        "kind": view.kind,
        "content": view.content,
        "at": to_datetime(view.sent_at).strftime("%m-%d %H:%M"),
        "mine": view.from_member,
        "grey": view.grey,
        "recalled": view.recalled,
    }


def _posted(posted: Posted) -> Response:
    taken = not posted.statuses or 200 in posted.statuses
    words = posted.spoken if taken else "服务器没有响应，已试 3 次。"
    return _json({"statuses": posted.statuses, "words": words}, 200 if taken else 502)


async def _body(request: Request) -> JsonObject | None:
    if not request.headers.get("content-type", "").startswith("application/json"):
        return None
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def _json(content: JsonObject, status: int = 200) -> Response:
    return Response(
        orjson.dumps(content), status, {"Cache-Control": "no-store"}, "application/json"
    )
