"""What an error of the library means for a message: sent, later, never, or nobody knows.

Telegram answers in English sentences; what is compared here was seen at the live service (sources:
channels.md §3, docs/recipes/telegram.md). What is not known is judged by its HTTP status, and a
sentence that no list names ends the message loudly instead of repeating it for hours.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from bots.refusal import Refused, ambiguous, later, never
from core.outbox.channel import SendResult

if TYPE_CHECKING:
    from telegram.error import TelegramError

About = Literal["", "unchanged", "uneditable", "content", "old_query", "conflict", "token", "file"]

UNCHANGED = "message is not modified"
_UNEDITABLE = (
    "message to edit not found",
    "message can't be edited",
    "message_id_invalid",
    "there is no text in the message to edit",
    "there is no caption in the message to edit",
)
# The words, buttons or picture were not understood: the same will never pass, plain words may.
_CONTENT = (
    "can't parse entities",
    "button_data_invalid",
    "button_url_invalid",
    "button url",
    "wrong http url",
    "button_type_invalid",
    "reply markup is too long",
    "message is too long",
    "message_too_long",
    "caption is too long",
    "entities_too_long",
    "image_process_failed",
    "photo_invalid_dimensions",
    "photo_save_file_invalid",
    "wrong type of the web page content",
    "wrong file identifier",
    "wrong remote file identifier",
    "file_reference_",
)
_GONE = (
    "bot was blocked by the user",
    "user is deactivated",
    "bot can't initiate conversation with a user",
    "bot can't send messages to bots",
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "input_user_deactivated",
)
_OLD_QUERY = ("query is too old", "query id is invalid", "query_id_invalid")
_NO_FILE = ("file is too big", "wrong file_id", "invalid file_id", "temporarily unavailable")
_FOREIGN = "parsing the server response"  # the library's words for an answer that is not JSON


NO_ANSWER = ambiguous("no_answer", "Telegram 没有回答，不知道是否已送达。")


def verdict(problem: TelegramError) -> Refused:
    """What the library raised, as a result and its reason."""
    from telegram import error

    words = str(problem).lower()
    if isinstance(problem, error.RetryAfter):
        return Refused(_limited(problem.retry_after))
    if _FOREIGN in words and 400 <= _status(words) < 500 and _status(words) != 429:
        return Refused(_NOT_TELEGRAM)
    if isinstance(problem, error.InvalidToken):
        return Refused(_TOKEN, "token")
    if isinstance(problem, error.Conflict):
        reason = "Telegram 说还有别的程序在用同一个机器人收消息。请停掉另一个。"
        return Refused(later("telegram_conflict", reason, 30, scope="account"), "conflict")
    if isinstance(problem, error.Forbidden | error.BadRequest):
        return _refusal(words, str(problem))
    if isinstance(problem, error.NetworkError):
        return Refused(_no_answer(problem, words))
    return Refused(ambiguous("telegram_unreadable", "Telegram 的回答读不懂，不知道是否已送达。"))


def _refusal(words: str, said: str) -> Refused:
    """A 400 or 403: Telegram looked at it and did nothing."""
    if UNCHANGED in words:
        return Refused(SendResult("sent"), "unchanged")
    if any(each in words for each in _GONE):
        reason = (
            "此人在 Telegram 里屏蔽了机器人、还没按过「开始」，或账号已注销。"
            "请他打开机器人按「开始」，再重新绑定。"
        )
        return Refused(never("telegram_gone", reason, gone=True))
    lists: tuple[tuple[About, tuple[str, ...]], ...] = (
        ("uneditable", _UNEDITABLE),
        ("content", _CONTENT),
        ("old_query", _OLD_QUERY),
        ("file", _NO_FILE),
    )
    about: About = next((name for name, known in lists if any(each in words for each in known)), "")
    reason = f"Telegram 没收下这条消息：{said[:120]}"
    return Refused(never(f"telegram_{about or 'refused'}", reason), about)


def _limited(asked: int | float | timedelta) -> SendResult:
    """429. Telegram does not say whether the chat or the whole bot is over its limit.

    The chat is by far the likelier (1 message a second; the bot's 30 a second are more than the
    outbox sends), and a wrong "account" would silence everybody for one busy person.
    """
    seconds = asked.total_seconds() if isinstance(asked, timedelta) else asked
    reason = "发得太密，Telegram 限流。系统会按它说的时间再发。"
    return later("telegram_429", reason, max(1, min(int(seconds + 0.999), 3600)), scope="person")


def _no_answer(problem: Exception, words: str) -> SendResult:
    import httpx

    never_left = (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.UnsupportedProtocol,
        httpx.InvalidURL,
    )
    if isinstance(problem.__cause__, never_left):
        return later("unreachable", _UNREACHABLE, 5, scope="account")
    code = _status(words)
    if code == 429 or "too many requests" in words:
        return later("http_429", "Telegram 限流。系统会自动放慢重发。", 30, scope="account")
    if code == 503:
        return later("http_503", "Telegram 或代理暂时不可用。系统会自动重发。", 30, scope="account")
    if 400 <= code < 500:
        return _NOT_TELEGRAM
    if code:
        return ambiguous(f"http_{code}", "Telegram 出错，不知道这条是否已送达。系统会核对后重发。")
    return NO_ANSWER


def _status(words: str) -> int:
    """The HTTP status that the library names when the answer does not explain itself; else 0."""
    found = re.search(r"\((\d{3})\)", words)
    return int(found.group(1)) if found else 0


_UNREACHABLE = (
    "连不上 Telegram。中国大陆的网络需要代理：请检查服务器网络，或设置 JIELI_TELEGRAM_PROXY。"
)
_NOT_TELEGRAM = later(
    "telegram_foreign",
    "回答的不是 Telegram。请核对 JIELI_TELEGRAM_API_BASE，并检查代理是否拦下了请求。",
    600,
    scope="account",
)
_TOKEN = later(
    "telegram_token",
    "Telegram 不认机器人的令牌。请核对 JIELI_TELEGRAM_TOKEN；"
    "用自建的接口地址时也核对 JIELI_TELEGRAM_API_BASE。",
    600,
    scope="account",
)
