"""Expected refusals: one stable code, one HTTP status, one sentence a storekeeper can act on.

Not for bugs: those are assertions and crash the request. `CATALOGUE` lists every code that exists,
docs/errors.md is checked against it, and the doors render it as problem+json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.english import english


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the catalogue: `zh`/`en` are format strings filled with the error's facts."""

    code: str
    status: int
    zh: str
    en: str


CATALOGUE: dict[str, ErrorKind] = {}


def define(code: str, status: int, zh: str, en: str) -> ErrorKind:
    """Add a refusal to the catalogue; a code is defined once, at import time, in one place."""
    assert code not in CATALOGUE, f"error code {code} is defined twice"
    kind = ErrorKind(code, status, zh, en)
    CATALOGUE[code] = kind
    return kind


class AppError(Exception):
    """A refusal that a person caused and a person can mend. Never raised for our own mistakes."""

    def __init__(self, kind: ErrorKind, **facts: Any) -> None:
        self.kind = kind
        self.facts: Mapping[str, Any] = facts
        super().__init__(f"{kind.code}: {self.say('zh')}")

    @property
    def code(self) -> str:
        return self.kind.code

    @property
    def status(self) -> int:
        return self.kind.status

    def say(self, language: str = "zh") -> str:
        """The sentence in `zh` or `en`; in English a fact `why_en`, if given, stands for `why`."""
        if language == "zh":
            return self.kind.zh.format_map(_Facts(self.facts))
        words = {
            name: self.facts.get(f"{name}_en") or (english(fact) if isinstance(fact, str) else fact)
            for name, fact in self.facts.items()
        }
        return self.kind.en.format_map(_Facts(words))


class _Facts(dict[str, Any]):
    """A missing fact shows as a dash: a broken sentence must never turn a refusal into a crash."""

    def __missing__(self, key: str) -> str:
        return "—"


# General refusals. A feature defines its own codes beside its rules.
NOT_FOUND = define(
    "not_found",
    404,
    "没找到{what} {name}。核对编号，或扫一次条码再查。",
    "No {what} {name}. Check the code, or scan it again.",
)
FORBIDDEN = define(
    "forbidden",
    403,
    "你没有「{verb}」的权限。请找{who}开通或代办。",
    "You may not do “{verb}”. Ask {who} to grant it or to act for you.",
)
SIGNED_OUT = define(
    "signed_out",
    401,
    "登录已失效。请重新登录（扫码枪请重扫工牌并输 PIN）。",
    "You are signed out. Sign in again (scanner: badge and PIN).",
)
INVALID = define(
    "invalid",
    422,
    "「{field}」填得不对：{why}。改好再提交，其它内容都还在。",
    "“{field}” is not right: {why}. Correct it and send again; nothing else is lost.",
)
KEY_REUSED = define(
    "key_reused",
    422,
    "操作号 {key} 已经用于另一笔内容。换一个新的操作号再提交。",
    "Operation {key} was already used for different content. Send it under a new key.",
)
KEY_MISSING = define(
    "key_missing",
    400,
    "这次写入没有带操作号（Idempotency-Key）。请升级客户端后重试。",
    "This write carries no Idempotency-Key. Update the client and retry.",
)
BUSY = define(
    "busy",
    503,
    "系统正忙，这一笔没有入账。请保留页面，几秒后用同一操作号重试。",
    "The system is busy; nothing was posted. Retry in a few seconds with the same key.",
)
DISK_FULL = define(
    "disk_full",
    503,
    "服务器的磁盘满了，这一步没有做。请保留页面并告诉管理员；腾出空间后用同一操作号重试。",
    "The server's disk is full; nothing was done. Tell an admin; retry with the same key once "
    "there is room.",
)
TOO_MANY = define(
    "too_many",
    429,
    "操作太频繁。请等 {seconds} 秒再试。",
    "Too many attempts. Wait {seconds} seconds and retry.",
)
TOO_LARGE = define(
    "too_large",
    413,
    "内容太大（{size}），上限是 {limit}。请拆小后再传。",
    "The content is too large ({size}); the limit is {limit}. Split it and retry.",
)
