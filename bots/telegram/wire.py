"""The few Bot API calls we make, through python-telegram-bot. One attempt, one honest answer.

The only file that imports the library, and itself imported when a channel is made: 0.5 s nobody
pays who does not use Telegram. Of the library we take the calls, the file upload and the errors;
not its Application, queues and limiters, which would wait and repeat on their own.
Every method raises only Refused. The library knows no idempotency key, and nor does Telegram: a
message that is sent twice is there twice.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable
from typing import Any, TypeVar

import httpx

os.environ.setdefault("PTB_TIMEDELTA", "1")  # or every 429 becomes a deprecation warning

from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    WebAppInfo,
)
from telegram.error import TelegramError
from telegram.request import HTTPXRequest

from bots.presses import Press
from bots.refusal import Refused, ambiguous, never
from bots.telegram.account import Account
from bots.telegram.limits import DOWNLOAD_BYTES
from bots.telegram.render import Rows, Shown, label_of
from bots.telegram.verdict import verdict

log = logging.getLogger(__name__)

# Connect, pool and one answer stay inside the channel's patience (send.py), and that inside the
# outbox's 12 s: a connection that cannot be made is then known as such, not as silence.
CONNECT_SECONDS, POOL_SECONDS, WRITE_SECONDS, READ_SECONDS = 3.0, 1.0, 4.0, 6.0
UPDATES = ("message", "callback_query", "my_chat_member")
UPDATES_AT_ONCE = 50
LATE_SECONDS = 10.0  # after its own timeout a long poll counts as a dead connection

_STYLES = {"primary": "primary", "danger": "danger", "plain": None}
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
T = TypeVar("T")


class _Bot(Bot):
    """The library's bot, and the updates as they came: one that it cannot read must not stop all
    that come after it."""

    async def raw_updates(self, offset: int, seconds: int) -> Any:
        data = {
            "offset": offset,
            "timeout": seconds,
            "limit": UPDATES_AT_ONCE,
            "allowed_updates": list(UPDATES),
        }
        return await self._post("getUpdates", data, read_timeout=seconds + LATE_SECONDS)


class Wire:
    """Calls as one bot. `transport` replaces the network in tests and in the demo."""

    def __init__(self, account: Account, transport: httpx.AsyncBaseTransport | None = None) -> None:
        base = account.api_base.rstrip("/")
        calls = _request(account, transport, connections=16)
        polls = _request(account, transport, connections=1)
        self._requests = (calls, polls)
        self._bot = _Bot(
            account.token,
            base_url=f"{base}/bot",
            base_file_url=f"{base}/file/bot",
            request=calls,
            get_updates_request=polls,
        )

    async def aclose(self) -> None:
        """Close both clients' connections."""
        for request in self._requests:
            await request.shutdown()

    async def username(self) -> str:
        """The bot's name in links, without @."""
        return (await _asked(self._bot.get_me())).username or ""

    # -- messages --------------------------------------------------------------------------------
    async def card(self, chat: int, message: Shown) -> int:
        """Send a message with mark-up and buttons; its number in the chat."""
        sent = await _asked(
            self._bot.send_message(
                chat,
                message.html,
                parse_mode="HTML",
                reply_markup=_keyboard(message.rows),
                link_preview_options=_NO_PREVIEW,
            )
        )
        return sent.message_id

    async def picture(self, chat: int, picture: bytes | str, message: Shown) -> tuple[int, str]:
        """Send a picture (its bytes, or the file id it got before) with the message under it."""
        sent = await _asked(
            self._bot.send_photo(
                chat,
                picture,
                caption=message.html,
                parse_mode="HTML",
                reply_markup=_keyboard(message.rows),
                filename="photo.jpg",
                write_timeout=WRITE_SECONDS,
            )
        )
        return sent.message_id, sent.photo[-1].file_id if sent.photo else ""

    async def bare_picture(self, chat: int, picture: bytes, name: str) -> int:
        """Send a picture without words."""
        sent = await _asked(
            self._bot.send_photo(chat, picture, filename=name, write_timeout=WRITE_SECONDS)
        )
        return sent.message_id

    async def words(self, chat: int, text: str) -> int:
        """Send words as they are: no mark-up, no buttons."""
        sent = await _asked(self._bot.send_message(chat, text, link_preview_options=_NO_PREVIEW))
        return sent.message_id

    async def change(
        self, chat: int, message_id: int, message: Shown, *, has_picture: bool
    ) -> None:
        """Make a message show something else; without rows its buttons go away."""
        markup = _keyboard(message.rows)
        if has_picture:
            call = self._bot.edit_message_caption(
                chat, message_id, caption=message.html, parse_mode="HTML", reply_markup=markup
            )
        else:
            call = self._bot.edit_message_text(
                message.html,
                chat,
                message_id,
                parse_mode="HTML",
                reply_markup=markup,
                link_preview_options=_NO_PREVIEW,
            )
        await _asked(call)

    async def answer_press(self, query_id: str, text: str, *, alert: bool) -> None:
        """End the waiting of a pressed button, with words or without."""
        await _asked(self._bot.answer_callback_query(query_id, text or None, show_alert=alert))

    async def download(self, file_id: str) -> bytes:
        """The bytes of a file that somebody sent, at most 20 MB."""
        file = await _asked(self._bot.get_file(file_id))
        if (file.file_size or 0) > DOWNLOAD_BYTES:
            raise Refused(never("telegram_file", "file is too big"), "file")
        return bytes(await _asked(file.download_as_bytearray()))

    # -- updates ---------------------------------------------------------------------------------
    async def updates(self, offset: int, seconds: int) -> list[Any]:
        """What came since `offset` (everything before it is thereby confirmed), as JSON."""
        found = await _asked(self._bot.raw_updates(offset, seconds))
        return found if isinstance(found, list) else []

    async def webhook(self) -> tuple[str, frozenset[str], str]:
        """The registered address ("" without one), the kinds of update it gets, its last error."""
        info = await _asked(self._bot.get_webhook_info())
        kinds = frozenset(info.allowed_updates or ())
        return info.url, kinds, info.last_error_message or ""

    async def set_webhook(self, url: str, secret: str) -> None:
        """Have updates posted to `url`; what waits is kept."""
        await _asked(self._bot.set_webhook(url, allowed_updates=list(UPDATES), secret_token=secret))

    async def delete_webhook(self) -> None:
        """Have updates wait for `updates` again; what waits is kept."""
        await _asked(self._bot.delete_webhook(drop_pending_updates=False))


def _request(
    account: Account, transport: httpx.AsyncBaseTransport | None, *, connections: int
) -> HTTPXRequest:
    return HTTPXRequest(
        connection_pool_size=connections,
        connect_timeout=CONNECT_SECONDS,
        pool_timeout=POOL_SECONDS,
        write_timeout=WRITE_SECONDS,
        read_timeout=READ_SECONDS,
        media_write_timeout=WRITE_SECONDS,
        proxy=None if transport else account.proxy or None,
        httpx_kwargs={"transport": transport} if transport else None,
    )


async def _asked(call: Awaitable[T]) -> T:
    try:
        return await call
    except TelegramError as problem:
        raise verdict(problem) from problem
    except Exception as problem:  # the library stumbled over an answer that is not Telegram's
        log.exception("telegram_unreadable")
        reason = "Telegram 的回答读不懂，不知道是否已送达。"
        raise Refused(ambiguous("telegram_unreadable", reason)) from problem


def _keyboard(rows: Rows) -> InlineKeyboardMarkup | None:
    if not rows:
        return None
    return InlineKeyboardMarkup([[_button(each) for each in row] for row in rows])


def _button(press: Press) -> InlineKeyboardButton:
    style = _STYLES[press.style]
    if press.is_page and press.url.startswith("https://"):  # there the page is told who opened it
        return InlineKeyboardButton(label_of(press), web_app=WebAppInfo(press.url), style=style)
    if press.url:
        return InlineKeyboardButton(label_of(press), url=press.url, style=style)
    return InlineKeyboardButton(label_of(press), callback_data=press.data, style=style)
