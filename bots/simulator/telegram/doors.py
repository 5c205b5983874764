"""The Bot API over HTTP: every method as GET or POST, with a query, a form, multipart or JSON.

Answers as Telegram does: `{"ok": true, "result": …}`, or ok=false with an error_code that is also
the HTTP status. Ordered faults come in between. Starlette, loopback only, no sign-in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import httpx
import orjson
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bots.simulator.telegram.checks import ApiError, JsonObject, bad
from bots.simulator.telegram.updates import Updates
from bots.simulator.telegram.vendor import Fault, Vendor

_STRUCTURED = ("reply_markup", "allowed_updates", "commands", "link_preview_options", "entities")
_SILENT = {
    "connect": httpx.ConnectError("ordered: no connection"),
    "before": httpx.RemoteProtocolError("ordered: hung up before anything was done"),
    "after": httpx.ReadTimeout("ordered: done, then silent"),
}


class Doors:
    """The routes of one bot."""

    def __init__(self, vendor: Vendor, updates: Updates) -> None:
        self._vendor = vendor
        self._methods: dict[str, Callable[[JsonObject], Any]] = {
            "getme": vendor.get_me,
            "sendmessage": vendor.send_message,
            "sendphoto": vendor.send_photo,
            "senddocument": vendor.send_document,
            "editmessagetext": vendor.edit_text,
            "editmessagecaption": vendor.edit_caption,
            "editmessagereplymarkup": vendor.edit_markup,
            "deletemessage": vendor.delete_message,
            "answercallbackquery": vendor.answer_press,
            "getfile": vendor.get_file,
            "setmycommands": vendor.set_commands,
            "getupdates": updates.get,
            "setwebhook": updates.set_webhook,
            "deletewebhook": updates.delete_webhook,
            "getwebhookinfo": updates.webhook_info,
        }

    def routes(self) -> list[Route]:
        """To be mounted where `JIELI_TELEGRAM_API_BASE` points."""
        return [
            Route("/bot{token}/{method}", self.call, methods=["GET", "POST"]),
            Route("/file/bot{token}/{path:path}", self.file),
        ]

    async def call(self, request: Request) -> Response:
        """One method; names are taken in any case, as there."""
        name = str(request.path_params["method"])
        self._vendor.calls[name] = self._vendor.calls.get(name, 0) + 1
        fault = self._vendor.fault_for(name)
        if fault is not None and fault.silent in {"connect", "before"}:
            raise _SILENT[fault.silent]
        if fault is not None and fault.http:
            return Response("<html>proxy</html>", fault.http, media_type="text/html")
        try:
            answer = await self._result(request, name, fault)
        except ApiError as problem:
            return _refused(problem)
        if fault is not None and fault.silent == "after":
            raise _SILENT["after"]
        return _json({"ok": True, "result": answer}, 200)

    async def _result(self, request: Request, name: str, fault: Fault | None) -> Any:
        if request.path_params["token"] != self._vendor.token:
            raise ApiError(401, "Unauthorized")
        method = self._methods.get(name.lower())
        if method is None:
            raise ApiError(404, "Not Found")
        if fault is not None and fault.retry_after:
            words = f"Too Many Requests: retry after {fault.retry_after}"
            raise ApiError(429, words, retry_after=fault.retry_after)
        if fault is not None and fault.code:
            raise ApiError(fault.code, fault.description)
        found = method(await _asked(request))
        return await found if inspect.isawaitable(found) else found

    async def file(self, request: Request) -> Response:
        """The bytes behind a `file_path`."""
        if request.path_params["token"] != self._vendor.token:
            return _refused(ApiError(401, "Unauthorized"))
        data = self._vendor.download(request.path_params["path"])
        if data is None:
            return _refused(ApiError(404, "Not Found"))
        return Response(data, media_type="application/octet-stream")


async def _asked(request: Request) -> JsonObject:
    """The parameters, wherever they stand; files as (name, bytes)."""
    asked: JsonObject = dict(request.query_params)
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        body = await request.body()
        asked |= _object(body) if body else {}
    elif kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        async with request.form() as form:
            for name, value in form.items():
                asked[name] = value
                if isinstance(value, UploadFile):
                    asked[name] = (value.filename, await value.read())
    for name, value in asked.items():
        if isinstance(value, str) and value.startswith("attach://"):
            asked[name] = asked.get(value.removeprefix("attach://"))
        elif isinstance(value, str) and name in _STRUCTURED and value:
            asked[name] = _parsed(name, value)
    return asked


def _object(body: bytes) -> JsonObject:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise bad("can't parse JSON object")
    return found


def _parsed(name: str, value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise bad(f"can't parse {name} JSON object") from None


def _refused(problem: ApiError) -> Response:
    body: JsonObject = {
        "ok": False,
        "error_code": problem.code,
        "description": problem.description,
    }
    if problem.parameters:
        body["parameters"] = problem.parameters
    return _json(body, problem.code)


def _json(body: JsonObject, status: int) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
