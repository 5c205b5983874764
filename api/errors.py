"""Every refusal as problem+json (RFC 9457): one shape for AppError, validation, 404, 405, 413, 500.

`{type, title, status, code, detail, detail_en, facts}`; the detail is a sentence for a storekeeper.
Not for defining refusals: those stand beside the rules of their feature.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.errors import DISK_FULL, INVALID, NOT_FOUND, TOO_LARGE, AppError, ErrorKind, define

log = logging.getLogger(__name__)

UNREADABLE = define(
    "unreadable",
    400,
    "请求读不懂：{why}。请升级客户端后重试。",
    "The request could not be read: {why}. Update the client and retry.",
)
WRONG_METHOD = define(
    "wrong_method",
    405,
    "这个地址不接受 {method}。请升级客户端后重试。",
    "This address does not take {method}. Update the client and retry.",
)
INTERNAL = define(
    "internal",
    500,
    "系统出错了，这一步没有完成。原因已记下，编号 {request_id}。"
    "请原样重试一次；还不行，把编号发给管理员。",
    "Something broke and this step was not done. It is on record as {request_id}. "
    "Retry once as it is; if it fails again give the number to an admin.",
)

TITLES = {
    400: "请求不对",
    401: "需要登录",
    403: "没有权限",
    404: "没找到",
    405: "方法不对",
    409: "和现状冲突",
    413: "内容太大",
    415: "格式不对",
    422: "内容不对",
    429: "太频繁",
    500: "系统出错",
    503: "系统正忙",
}

_WHY = {
    "missing": "没有填",
    "extra_forbidden": "系统不认识这一项",
    "string_too_long": "太长",
    "string_too_short": "太短",
    "string_pattern_mismatch": "格式不对",
    "greater_than_equal": "太小",
    "less_than_equal": "太大",
    "literal_error": "不在可选范围内",
    "too_short": "不能为空",
    "too_long": "条数太多",
    "json_invalid": "不是合法的 JSON",
}


def problem(refusal: AppError, status: int | None = None) -> Response:
    """The wire form of a refusal."""
    return problem_of(refusal.kind, dict(refusal.facts), status)


def problem_of(kind: ErrorKind, facts: dict[str, Any], status: int | None = None) -> Response:
    """problem+json for `kind` filled with `facts`."""
    refusal = AppError(kind, **facts)
    status = status or kind.status
    body = {
        "type": f"urn:jieli:problem:{kind.code}",
        "title": TITLES.get(status, "没有成功"),
        "status": status,
        "code": kind.code,
        "detail": refusal.say("zh"),
        "detail_en": refusal.say("en"),
        "facts": facts,
    }
    headers = {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if status == 429 and "seconds" in facts:
        headers["retry-after"] = str(facts["seconds"])
    content = orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS)
    return Response(content, status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Answer every failure of `app` in this one shape."""
    app.add_exception_handler(AppError, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OSError, _no_room)
    app.add_exception_handler(Exception, broken)


async def _refused(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, AppError)
    return problem(refusal)


async def _no_room(request: Request, failure: Exception) -> Response:
    """A file that could not be kept, be it an upload on its way in; any other failure is a bug."""
    assert isinstance(failure, OSError)
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        log.error("disk_full")
        return problem(AppError(DISK_FULL))
    return await broken(request, failure)


async def _not_valid(_request: Request, failure: Exception) -> Response:
    assert isinstance(failure, RequestValidationError)
    return invalid(failure.errors())


class UnfitError(ValueError):
    """What a check of a field says, in Chinese and in English; never what was sent."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


def invalid(errors: Sequence[Any]) -> Response:
    """422 naming every field that is wrong and why; never echoes what was sent."""
    fields = [{"field": _name(error["loc"])} | _why(error) for error in errors[:20]]
    first = fields[0] if fields else {"field": "—", "why": "填法不对", "why_en": ""}
    facts = {**first, "fields": fields}
    return problem_of(INVALID, facts)


def _why(error: Any) -> dict[str, str]:
    said = error.get("ctx", {}).get("error")
    if isinstance(said, UnfitError):
        return {"why": said.zh, "why_en": said.en}
    return {"why": _WHY.get(error["type"], "填法不对"), "why_en": str(error["msg"])}


def _name(location: tuple[int | str, ...]) -> str:
    parts = [str(part) for part in location]
    if len(parts) > 1 and parts[0] in ("body", "query", "path", "header", "cookie"):
        parts = parts[1:]
    return ".".join(parts)[:120]


async def _http(request: Request, failure: Exception) -> Response:
    """What Starlette itself refuses: unknown address, wrong method, body too large."""
    assert isinstance(failure, HTTPException)
    if failure.status_code == 404:
        return problem_of(NOT_FOUND, {"what": "地址", "name": request.url.path[:120]})
    if failure.status_code == 405:
        answer = problem_of(WRONG_METHOD, {"method": request.method})
        answer.headers["allow"] = ", ".join(_methods_of(request))
        return answer
    if failure.status_code == 413:
        return too_large()
    return problem_of(UNREADABLE, {"why": str(failure.detail)[:120]}, failure.status_code)


def too_large() -> Response:
    """413 for a body over the limit of its route."""
    return problem_of(TOO_LARGE, {"size": "超过上限", "limit": "这个地址的请求大小"})


def _methods_of(request: Request) -> list[str]:
    """Every method that some route takes at this address; Starlette names only the first one's."""
    found: set[str] = set()
    for context in iter_route_contexts(request.app.routes):
        route = context.original_route
        if isinstance(route, Route) and route.path_regex.match(request.url.path):
            found |= route.methods or set()
    return sorted(found)


async def broken(request: Request, failure: Exception) -> Response:
    """A bug: the person learns a number, the log learns everything."""
    request_id = getattr(request.state, "request_id", "-")
    log.error("request_failed", exc_info=failure, extra={"request_id": request_id})
    return problem_of(INTERNAL, {"request_id": request_id})
