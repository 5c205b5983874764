"""The one route answered in front of FastAPI: POST /api/postings, which comes thousands a second.

The same handler, refusals and limits as behind it (tests/stories/test_hot.py compares both ways);
what is saved is routing, dependency solving and five layers of middleware. Not for other routes.
"""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors
from api.stock import post_body
from core.errors import AppError

PATH = "/api/postings"


class Hot:
    """Pure ASGI; whatever is not plainly this route goes on to the application."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            request = Request(scope, receive)
            length = request.headers.get("content-length", "")
            if length.isascii() and length.isdigit() and int(length) <= self.limit:
                response = await self._answer(request, receive)
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _answer(self, request: Request, receive: Receive) -> Response:
        try:
            first = await receive()
            if first["type"] == "http.request" and not first.get("more_body", False):
                return await post_body(request, first.get("body", b""))
            return await post_body(request, first.get("body", b"") + await request.body())
        except AppError as refusal:
            return errors.problem(refusal)
        except RequestValidationError as failure:
            return errors.invalid(failure.errors())
        except Exception as failure:  # noqa: BLE001  # a bug: logged with its number, answered 500
            return await errors.broken(request, failure)
