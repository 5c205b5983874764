"""The Telegram channel: brings a card to a person, changes it, and says how each attempt ended.

A message can be changed as often as one likes for as long as it exists, so a card stays one
message. Where it is gone, the news comes as a new one. Telegram knows no idempotency key: after
`ambiguous` the outbox sends once more, and the person may then have the card twice; both carry the
same tokens, so pressing either is the same deed. Nothing here retries or waits: core/outbox does.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from bots.refusal import Refused, never
from bots.said import Answer, Click, Received
from bots.telegram.account import Account, webhook_problem
from bots.telegram.limits import PHOTO_BYTES, broken_limit, chat_number
from bots.telegram.listen import Handle, Listener, Pause
from bots.telegram.proof import user_of
from bots.telegram.receive import Callbacks
from bots.telegram.render import CAPTION, TEXT, Shown, cut_units, plain_words, shown
from bots.telegram.verdict import NO_ANSWER
from core.clock import Clock
from core.outbox.card import Card
from core.outbox.channel import Capabilities, Delivery, SendResult

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0  # for a whole attempt; the outbox hangs up after 12
PRESS_WORDS = 200
PICTURES_KEPT = 500

PictureOf = Callable[[str], Awaitable[bytes]]
PageOf = Callable[[Delivery], str]


class Telegram:
    """`core.outbox.channel.Channel` for one bot, and what api/ asks of it besides.

    `page_of` gives the page of a delivery's task; `picture_of` the bytes of a file id (None: cards
    go without pictures). `pause` is how `listen` waits between two tries.
    """

    def __init__(
        self,
        account: Account,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        page_of: PageOf,
        picture_of: PictureOf | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        from bots.telegram.wire import Wire

        self._account = account
        self._clock = clock
        self._wire = Wire(account, transport)
        self._callbacks = Callbacks(clock, account.webhook_secret)
        self._page_of = page_of
        self._picture_of = picture_of
        self._pause = pause
        self._known: OrderedDict[str, str] = OrderedDict()

    @property
    def name(self) -> str:
        return "telegram"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            edit=True,
            receipts=False,
            inputs=frozenset({"choice"}),
            buttons=100,
            pictures=self._picture_of is not None,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()

    # -- out -------------------------------------------------------------------------------------
    async def send(self, delivery: Delivery) -> SendResult:
        """One attempt to bring a new card to the person."""
        return await _ended(self._new(delivery))

    async def edit(self, delivery: Delivery, handle: Mapping[str, Any]) -> SendResult:
        """Make the person's card show `delivery.card`; a new message where that one is gone."""
        return await _ended(self._change(delivery, handle))

    async def tell(self, user_id: str, text: str) -> SendResult:
        """Plain words to a person, outside any card."""
        return await _ended(self._tell(user_id, text))

    async def show(self, user_id: str, picture: bytes, name: str) -> SendResult:
        """A picture to a person, outside any card."""
        return await _ended(self._show(user_id, picture, name))

    async def _show(self, user_id: str, picture: bytes, name: str) -> SendResult:
        chat = chat_number(user_id)
        if chat is None:
            return _invalid("a chat is a number")
        return _sent(await self._wire.bare_picture(chat, picture, name), chat)

    async def answer(self, received: Received, answer: Answer) -> None:
        """Say what came of `received`: on the pressed button, or as a message. Never raises.

        A press is always answered, or the button keeps turning and the app sends it again.
        """
        said = received.said
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if isinstance(said, Click):
                    words = "" if answer.kind == "nothing" else cut_units(answer.said, PRESS_WORDS)
                    await self._wire.answer_press(received.nonce, words, alert=bool(words))
                elif answer.kind != "nothing" and answer.said:
                    await self._tell(said.user_id, answer.said)
        except (Refused, TimeoutError) as problem:
            if not isinstance(problem, Refused) or problem.code != "old_query":
                log.warning("telegram_not_answered", extra={"why": str(problem)})

    def sign_in_url(self, back: str, state: str) -> str:  # noqa: ARG002  # the page is told
        return ""

    async def who(self, proof: Mapping[str, str]) -> str:
        """The user that Telegram vouches for on a page opened from a button.

        Raises:
            LookupError: it vouches for nobody.
        """
        return user_of(proof.get("proof", ""), self._account.token, self._clock.now())

    async def bind_link(self, code: str) -> str:
        """t.me/<bot>?start=<code>: pressing Start there says the code; empty when Telegram is
        away."""
        try:
            return f"https://t.me/{await self.username()}?start={code}"
        except ConnectionError:
            return ""

    async def username(self) -> str:
        """The bot's name in links: t.me/<name>?start=<code>. Something harmless to ask, too.

        Raises:
            ConnectionError: Telegram does not say; the reason in words for who runs the server.
        """
        try:
            return await self._wire.username()
        except Refused as refusal:
            raise ConnectionError(refusal.result.reason) from refusal

    async def fetch(self, media: str) -> bytes:
        """The bytes of a photo that a person sent.

        Raises:
            LookupError: Telegram has it no more, or it is over 20 MB; in words for the person.
            ConnectionError: Telegram cannot be asked just now; later it may be there.
        """
        try:
            return await self._wire.download(media)
        except Refused as refusal:
            if refusal.result.kind == "never":
                raise LookupError(
                    "这张照片取不到了：可能已过期，或超过 20 MB。请重新拍一张发过来。"
                ) from refusal
            raise ConnectionError(refusal.result.reason) from refusal

    # -- in --------------------------------------------------------------------------------------
    async def listen(self, handle: Handle) -> None:
        """Fetch updates until cancelled, each to `handle`, what it says back to the person."""
        await Listener(self._wire, self._callbacks.read, self.answer, self._pause).run(handle)

    async def register_webhook(self, url: str) -> SendResult:
        """Have updates posted to `url`, asking first: it is set only when something differs.

        Telegram does not tell the registered secret; that it refused our door's answer 403 is how
        an outdated one shows.
        """
        if problem := webhook_problem(self._account, url):
            return never("telegram_webhook", problem)
        return await _ended(self._register(url))

    async def _register(self, url: str) -> SendResult:
        from bots.telegram.wire import UPDATES

        known, kinds, trouble = await self._wire.webhook()
        if (known, kinds) == (url, frozenset(UPDATES)) and "403" not in trouble:
            return SendResult("sent", code="webhook_kept")
        await self._wire.set_webhook(url, self._account.webhook_secret)
        return SendResult("sent", code="webhook_set")

    # -- inside ----------------------------------------------------------------------------------
    async def _new(self, delivery: Delivery) -> SendResult:
        chat = chat_number(delivery.user_id)
        if chat is None:
            return _NOT_A_NUMBER
        if delivery.card.picture and self._picture_of is not None:
            result = await self._with_picture(chat, delivery, self._picture_of)
            if result is not None:
                return result
        message = self._shown(delivery, TEXT)
        if problem := broken_limit(message, TEXT):
            return _invalid(problem)
        try:
            return _sent(await self._wire.card(chat, message), chat)
        except Refused as refusal:
            return await self._plainly(chat, delivery, refusal)

    async def _change(self, delivery: Delivery, handle: Mapping[str, Any]) -> SendResult:
        chat = chat_number(str(handle.get("chat") or delivery.user_id))
        message_id = chat_number(str(handle.get("ref") or ""))
        if chat is None:
            return _NOT_A_NUMBER
        if message_id is None:  # its send was never answered: nobody knows the message's number
            return await self._new(delivery)
        has_picture = handle.get("kind") == "picture"
        limit = CAPTION if has_picture else TEXT
        message = self._shown(delivery, limit)
        if problem := broken_limit(message, limit):
            return _invalid(problem)
        try:
            await self._wire.change(chat, message_id, message, has_picture=has_picture)
        except Refused as refusal:
            if refusal.code in {"uneditable", "content"}:
                log.info("telegram_not_edited", extra={"why": refusal.result.reason})
                return await self._new(delivery)
            return refusal.result
        return SendResult("sent")

    async def _with_picture(
        self, chat: int, delivery: Delivery, picture_of: PictureOf
    ) -> SendResult | None:
        """Send it under its picture; None when it has to go without one."""
        message = self._shown(delivery, CAPTION)
        if problem := broken_limit(message, CAPTION):
            return _invalid(problem)
        file_id = delivery.card.picture
        picture = self._known.get(file_id) or await _bytes_of(file_id, picture_of)
        if not picture:
            return None
        try:
            number, known = await self._wire.picture(chat, picture, message)
        except Refused as refusal:
            if refusal.code not in {"content", "file"}:
                return refusal.result
            self._known.pop(file_id, None)
            log.warning("telegram_picture_left_out", extra={"why": refusal.result.reason})
            return None
        self._remember(file_id, known)
        return _sent(number, chat, kind="picture")

    def _remember(self, file_id: str, known: str) -> None:
        """Telegram keeps what was uploaded: the next person gets it by its name there."""
        if known:
            self._known[file_id] = known
        while len(self._known) > PICTURES_KEPT:
            self._known.popitem(last=False)

    async def _plainly(self, chat: int, delivery: Delivery, refusal: Refused) -> SendResult:
        """The card's form was refused: plain words, so that the person hears of it."""
        if refusal.code != "content":
            return refusal.result
        log.warning("telegram_card_refused", extra={"why": refusal.result.reason})
        words = plain_words(delivery.card, self._page_of(delivery))
        return _sent(await self._wire.words(chat, words), chat)

    async def _tell(self, user_id: str, text: str) -> SendResult:
        chat = chat_number(user_id)
        if chat is None:
            return _NOT_A_NUMBER
        return _sent(await self._wire.words(chat, cut_units(text, TEXT)), chat)

    def _shown(self, delivery: Delivery, limit: int) -> Shown:
        card: Card = delivery.card
        return shown(card, delivery.tokens, self._page_of(delivery), limit=limit)


async def _ended(attempt: Awaitable[SendResult]) -> SendResult:
    """How `attempt` ended; silence is ended before the outbox would end it."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await attempt
    except Refused as refusal:
        return refusal.result
    except TimeoutError:
        return NO_ANSWER


async def _bytes_of(file_id: str, picture_of: PictureOf) -> bytes:
    """A picture's bytes; none when it cannot be had or is too big: a card never waits for it."""
    try:
        data = await picture_of(file_id)
    except Exception:
        log.exception("telegram_picture_left_out")
        return b""
    return data if len(data) <= PHOTO_BYTES else b""


def _sent(message_id: int, chat: int, kind: str = "text") -> SendResult:
    return SendResult("sent", handle={"ref": str(message_id), "chat": str(chat), "kind": kind})


def _invalid(problem: str) -> SendResult:
    return never("card_invalid", f"卡片不合 Telegram 的格式，没有发出：{problem}")


_NOT_A_NUMBER = never(
    "telegram_user_id", "绑定的 Telegram 账号不是数字编号。请解除绑定，让此人用开始链接重新绑定。"
)
