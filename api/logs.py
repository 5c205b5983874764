"""Structured logs: one configuration, secrets blotted out, and the request's id on every line.

Also the only middleware of the app, pure ASGI: it gives each request an id, sets the security
headers and logs refusals and slow answers. Not for metrics.
"""

from __future__ import annotations

import itertools
import logging
import logging.config
import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import too_large
from core.clock import perf
from core.ids import secret_token

log = logging.getLogger(__name__)

SLOW_SECONDS = 1.0
_NOISY = ("httpx", "httpcore", "uvicorn.access", "alembic")
BLOT = "***"
_SECRET_NAME = re.compile(
    r"pass|secret|token|cookie|authorization|api[-_]?key|aes|\bpin\b|enrol_code|signature", re.I
)
_SECRET_TEXT = re.compile(
    r"(?P<keep>(?:/portal/|/h5/|/bot\d+:|[Bb]earer\s+|(?:access_token|corpsecret|msg_signature)=))"
    r"[A-Za-z0-9_\-.~+/=]{8,}"
)

_PLAIN: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=()"),
)
CSP = (
    b"default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; "
    b"connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    b"frame-ancestors 'none'"
)


def blot(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace every value that is a secret by name or by look; the last step before printing."""
    line.pop("color_message", None)  # uvicorn's, with escape codes
    for name, value in line.items():
        if isinstance(value, SecretStr) or (name != "event" and _SECRET_NAME.search(name)):
            line[name] = BLOT
        elif isinstance(value, str):
            line[name] = blot_text(value)
    return line


def blot_text(text: str) -> str:
    """`text` without the portal tokens, bearer tokens and vendor secrets that look like ones."""
    return _SECRET_TEXT.sub(rf"\g<keep>{BLOT}", text)


def configure(*, as_json: bool, level: str = "INFO") -> None:
    """Send every logger of the process through structlog to stderr."""
    before = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = (
        [structlog.processors.format_exc_info, blot, structlog.processors.JSONRenderer()]
        if as_json
        else [
            blot,
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": before,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": formatter},
            "handlers": {"err": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["err"], "level": level},
            "loggers": {name: {"level": "WARNING"} for name in _NOISY}
            | {"psycopg": {"level": "ERROR"}},  # it tells of every clash in a pipeline
        }
    )


class Frame:
    """Pure ASGI around the whole app, outside its own layers; sockets pass through untouched."""

    def __init__(self, app: ASGIApp, *, tls: bool = False) -> None:
        self.app = app
        self.headers = [*_PLAIN]
        self._run = secret_token(48)
        self._count = itertools.count(1)
        if tls:
            self.headers.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Not a secret and not drawn per request: a system call gives the interpreter away.
        request_id = f"{self._run}-{next(self._count):x}"
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began, status, replaced = perf(), 0, False

        async def framed(message: Message) -> None:
            nonlocal status, replaced
            if replaced:
                return
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._framed(message["headers"], request_id)
                if status == 413 and not _is_problem(message["headers"]):
                    replaced = True  # the framework's own plain words, said before any handler
                    await too_large()(scope, receive, framed_problem)
                    return
            await send(message)

        async def framed_problem(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._framed(message["headers"], request_id)
            await send(message)

        try:
            await self.app(scope, receive, framed)
        finally:
            seconds = perf() - began
            if status >= 400 or status == 0 or seconds > SLOW_SECONDS:
                _note(scope, status, seconds)
            structlog.contextvars.unbind_contextvars("request_id")

    def _framed(
        self, given: list[tuple[bytes, bytes]], request_id: str
    ) -> list[tuple[bytes, bytes]]:
        names = {name.lower() for name, _ in given}
        added = [pair for pair in self.headers if pair[0] not in names]
        added.append((b"x-request-id", request_id.encode()))
        if b"content-security-policy" not in names:
            added.append((b"content-security-policy", CSP))
        if b"cache-control" not in names:
            added.append((b"cache-control", b"no-store"))
        return [*given, *added]


def _is_problem(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"content-type" and b"problem+json" in value for name, value in headers)


def _note(scope: Scope, status: int, seconds: float) -> None:
    """One line per refusal or slow answer: the path without its query, never a body."""
    level = logging.ERROR if status >= 500 or status == 0 else logging.INFO
    log.log(
        level,
        "request",
        extra={
            "method": scope["method"],
            "path": blot_text(scope["path"]),
            "status": status,
            "ms": round(seconds * 1000, 1),
        },
    )
