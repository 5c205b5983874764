"""WeCom's HTTP interface, as the vendor answers it. Not for the page of panes (../page.py)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from bots.simulator.wecom.vendor import Vendor, VendorError

PAGE = Path(__file__).with_name("page")
SHOWN = 60
HELD_BY = "simulated_member"  # whose phone the browser is

JsonObject = dict[str, Any]


def routes(vendor: Vendor) -> list[BaseRoute]:
    """The vendor's doors, to be mounted where the adapter's addresses point to."""
    wecom = _WeComDoor(vendor)
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
    return [
        Mount("/cgi-bin", routes=api),
        Route("/connect/oauth2/authorize", wecom.authorize),
    ]


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


def _json(content: JsonObject, status: int = 200) -> Response:
    return Response(
        orjson.dumps(content), status, {"Cache-Control": "no-store"}, "application/json"
    )
