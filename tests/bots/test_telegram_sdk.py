"""grammY and python-telegram-bot's own Application as clients of the simulated Bot API, over TCP.

Neither knows our adapter: what they are content with is a good enough vendor.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import telegram as ptb
import uvicorn
from starlette.applications import Starlette
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, RetryAfter
from telegram.ext import Application, CallbackQueryHandler, ContextTypes, MessageHandler, filters

from bots.said import Answer, Click, Photo, Received
from bots.simulator.telegram import Fault, Telegram
from bots.telegram import Account
from bots.telegram import Telegram as Adapter
from core.clock import SECOND, ManualClock
from tests.bots.conftest import delivery
from tests.bots.sdks import Sdk, sdk

TOKEN = "7000001:AAH-test_token"
WANG = 1001
BUTTON = {"text": "同意", "callback_data": "a1:9fK", "style": "primary"}
KEYBOARD = {"inline_keyboard": [[BUTTON, {"text": "打开", "url": "https://jieli.example"}]]}


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the test runner keeps its own


@asynccontextmanager
async def served(sim: Telegram) -> AsyncIterator[str]:
    """The simulator behind a real socket; its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            Starlette(routes=sim.routes()),
            lifespan="off",
            ws="none",
            loop="asyncio",
            log_level="error",
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            await sim.updates.be_quiet()
            server.should_exit = True
            await running


@pytest.fixture
def sim(clock: ManualClock) -> Telegram:
    found = Telegram(clock, TOKEN)
    found.add_person(str(WANG), "王芳")
    found.add_person("1002", "李四", started=False)
    return found


# -- grammY --------------------------------------------------------------------------------------
async def raw(grammy: Sdk, method: str, **payload: Any) -> Any:
    said = await grammy.asked(verb="raw", method=method, payload=payload or None)
    return said.get("answer", said.get("refused"))


async def test_grammy_sends_changes_and_takes_away(sim: Telegram) -> None:
    async with served(sim) as root, sdk("telegram.mjs", TOKEN=TOKEN, API_ROOT=root) as grammy:
        assert (await raw(grammy, "getMe"))["username"] == "jieli_bot"
        sent = await raw(
            grammy,
            "sendMessage",
            chat_id=WANG,
            text="<b>甲</b>&amp;乙",
            parse_mode="HTML",
            reply_markup=KEYBOARD,
        )
        assert (sent["text"], sent["entities"][0]["type"]) == ("甲&乙", "bold")
        where = {"chat_id": WANG, "message_id": sent["message_id"]}
        changed = await raw(grammy, "editMessageText", text="丙", **where)
        assert changed["edit_date"]
        assert "reply_markup" not in changed
        marked = await raw(grammy, "editMessageReplyMarkup", reply_markup=KEYBOARD, **where)
        assert marked["reply_markup"] == KEYBOARD
        assert await raw(grammy, "deleteMessage", **where) is True
        assert sim.pane(str(WANG)) == []
        commands = [{"command": "start", "description": "开始"}]
        assert await raw(grammy, "setMyCommands", commands=commands) is True
        assert sim.vendor.commands == commands


async def test_grammy_uploads_photos_and_files(sim: Telegram) -> None:
    async with served(sim) as root, sdk("telegram.mjs", TOKEN=TOKEN, API_ROOT=root) as grammy:
        said = {"verb": "photo", "chat": WANG, "hex": b"picture".hex(), "caption": "破损"}
        sent = (await grammy.asked(**said))["answer"]
        assert sent["caption"] == "破损"
        file = await raw(grammy, "getFile", file_id=sent["photo"][0]["file_id"])
        assert sim.vendor.download(file["file_path"]) == b"picture"
        again = await raw(grammy, "sendPhoto", chat_id=WANG, photo=sent["photo"][0]["file_id"])
        assert again["photo"] == sent["photo"]
        where = {"chat_id": WANG, "message_id": sent["message_id"]}
        assert (await raw(grammy, "editMessageCaption", caption="好了", **where))[
            "caption"
        ] == "好了"
        document = await grammy.asked(verb="document", chat=WANG, hex=b"a,b".hex())
        assert document["answer"]["document"]["file_name"] == "表.csv"


async def test_grammy_polls_presses_words_and_photos(sim: Telegram) -> None:
    await sim.say(str(WANG), "还没开机")
    async with served(sim) as root, sdk("telegram.mjs", TOKEN=TOKEN, API_ROOT=root) as grammy:
        assert (await grammy.asked(verb="start"))["answer"] == "jieli_bot"
        assert await grammy.hears() == {"heard": "text", "text": "还没开机"}
        await raw(grammy, "sendMessage", chat_id=WANG, text="卡片", reply_markup=KEYBOARD)
        await sim.press(str(WANG), "同意")
        assert await grammy.hears() == {"heard": "press", "data": "a1:9fK", "from": WANG}
        (_, view) = sim.pane(str(WANG))
        assert (view.toast, view.alert, view.grey) == ("收到", True, True)
        await sim.photo(str(WANG), b"picture", "破损")
        heard = {"heard": "photo", "caption": "破损", "bytes": b"picture".hex()}
        assert await grammy.hears() == heard
        await sim.block(str(WANG))
        assert await grammy.hears() == {"heard": "member", "status": "kicked"}
        assert (await grammy.asked(verb="stop"))["answer"] is None


def _one(button: dict[str, str], times: int = 1) -> dict[str, Any]:
    return {"reply_markup": {"inline_keyboard": [[button] * times]}}


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("chat not found", {"chat_id": 9}),
        ("forbidden: bot can't initiate conversation with a user", {"chat_id": 1002}),
        ("message text is empty", {"text": ""}),
        ("message is too long", {"text": "长" * 4097}),
        ("can't parse entities: unsupported start tag", {"text": "<x>"}),
        ("can't parse entities: can't find end tag", {"text": "<b>x"}),
        ("can't parse entities: unexpected end tag", {"text": "</b>"}),
        ("can't parse entities", {"text": "1 < 2"}),
        ("can't parse entities", {"text": "1 & 2"}),
        ("can't parse entities", {"text": "&nbsp;"}),
        ("unsupported parse_mode", {"parse_mode": "MarkdownV9"}),
        ("button_data_invalid", _one(BUTTON | {"callback_data": "长" * 22})),
        ("button_style_invalid", _one(BUTTON | {"style": "pink"})),
        ("reply markup is too long", _one(BUTTON, 9)),
        ("can't parse inline keyboard button", _one({"text": "x"})),
        ("inline keyboard button url", _one({"text": "x", "url": "http://localhost/"})),
        ("inline keyboard button url", _one({"text": "x", "url": "javascript:alert(1)"})),
        ("can't parse reply keyboard markup", {"reply_markup": [1]}),
    ],
)
async def test_the_refusals_are_telegrams(
    sim: Telegram, words: str, changes: dict[str, Any]
) -> None:
    asked = {"chat_id": WANG, "text": "x", "parse_mode": "HTML"} | changes
    async with asking(sim) as bot:
        with pytest.raises((BadRequest, Forbidden)) as caught:
            await bot.do_api_request("send_Message", api_kwargs=asked)
        assert str(caught.value).lower().startswith(words)
        assert sim.pane(str(WANG)) == []


async def test_grammy_sees_codes_and_waits(sim: Telegram) -> None:
    async with served(sim) as root, sdk("telegram.mjs", TOKEN=TOKEN, API_ROOT=root) as grammy:
        for _ in range(3):
            sent = await raw(grammy, "sendMessage", chat_id=WANG, text="x")
        limited = await raw(grammy, "sendMessage", chat_id=WANG, text="x")
        assert limited["error_code"] == 429
        assert limited["parameters"] == {"retry_after": 1}
        where = {"chat_id": WANG, "message_id": sent["message_id"]}
        same = await raw(grammy, "editMessageText", text="x", **where)
        assert "message is not modified" in same["description"]
        lost = await raw(grammy, "editMessageText", chat_id=WANG, message_id=999, text="x")
        assert lost["description"] == "Bad Request: message to edit not found"
        old = await raw(grammy, "answerCallbackQuery", callback_query_id="1")
        assert "query is too old" in old["description"]
        assert await raw(grammy, "setWebhook", url="https://a.example/x", secret_token="s") is True
        assert (await raw(grammy, "getWebhookInfo"))["url"] == "https://a.example/x"
        busy = await raw(grammy, "getUpdates", timeout=0)
        assert (busy["error_code"], "webhook is active" in busy["description"]) == (409, True)
        assert await raw(grammy, "deleteWebhook") is True
        assert await raw(grammy, "getUpdates", timeout=0) == []
        sim.revoke_token("7000001:fresh")
        assert (await raw(grammy, "getMe"))["error_code"] == 401


# -- python-telegram-bot -------------------------------------------------------------------------
@asynccontextmanager
async def asking(sim: Telegram) -> AsyncIterator[ptb.Bot]:
    async with served(sim) as root, ptb.Bot(TOKEN, f"{root}/bot", f"{root}/file/bot") as bot:
        yield bot


async def test_the_librarys_application_runs_on_it(sim: Telegram) -> None:
    """Its updater polls, its handlers answer: nothing of this is in our adapter."""
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def pressed(update: ptb.Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        assert update.callback_query is not None
        await update.callback_query.answer("收到")
        await update.callback_query.edit_message_caption("已处理")
        await heard.put(str(update.callback_query.data))

    async def said(update: ptb.Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        assert update.message is not None
        await heard.put(str(update.message.text))

    async with served(sim) as root:
        builder = Application.builder().token(TOKEN).base_url(f"{root}/bot")
        app = builder.base_file_url(f"{root}/file/bot").build()
        app.add_handler(CallbackQueryHandler(pressed))
        app.add_handler(MessageHandler(filters.TEXT, said))
        async with app:
            await app.start()
            assert app.updater is not None
            await app.updater.start_polling(timeout=5)
            markup = ptb.InlineKeyboardMarkup.de_json(KEYBOARD, app.bot)
            await app.bot.send_photo(
                WANG, b"picture", caption="<i>甲</i>", parse_mode="HTML", reply_markup=markup
            )
            await sim.press(str(WANG), "同意")
            assert await heard.get() == "a1:9fK"
            await sim.start(str(WANG), "b1-x")
            assert await heard.get() == "/start b1-x"
            await sim.updates.be_quiet()
            await app.updater.stop()
            await app.stop()
    (view, _) = sim.pane(str(WANG))
    assert (view.content["caption"], view.toast) == ("已处理", "收到")


async def test_the_library_reads_every_kind_of_refusal(
    sim: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")
    async with asking(sim) as bot:
        sim.order(Fault("sendMessage", retry_after=3))
        with pytest.raises(RetryAfter):
            await bot.send_message(WANG, "x")
        await sim.block(str(WANG))
        with pytest.raises(Forbidden, match="blocked by the user"):
            await bot.send_message(WANG, "x")
        polling = asyncio.create_task(bot.get_updates(timeout=5, offset=sim.updates._last + 1))
        async with sim.updates._changed:
            await sim.updates._changed.wait_for(lambda: sim.updates._poller == 1)
        await sim.updates.get({"timeout": 0})
        with pytest.raises(Conflict, match="terminated by other getUpdates"):
            await polling
        sim.revoke_token("7000001:fresh")
        with pytest.raises(InvalidToken):
            await bot.get_me()


async def test_our_adapter_polls_and_answers_over_a_real_socket(
    sim: Telegram, clock: ManualClock
) -> None:
    """What ASGI in memory cannot show: the library's own connections, and a server that goes."""
    heard: asyncio.Queue[Received] = asyncio.Queue()

    async def handle(received: Received) -> Answer:
        await heard.put(received)
        return Answer("pressed", "已由 李四 处理")

    async with served(sim) as root:
        account = Account(TOKEN, root)
        adapter = Adapter(account, clock, page_of=lambda _: "https://jieli.example/t")
        listening = asyncio.create_task(adapter.listen(handle))
        assert (await adapter.send(delivery(user=str(WANG)))).kind == "sent"
        await sim.press(str(WANG), "让步接收")
        assert isinstance((await heard.get()).said, Click)
        await sim.photo(str(WANG), b"picture")
        photo = (await heard.get()).said
        assert isinstance(photo, Photo)
        assert await adapter.fetch(photo.media) == b"picture"
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    result = await adapter.send(delivery(2, str(WANG)))
    assert (result.kind, result.code) in {("later", "unreachable"), ("ambiguous", "no_answer")}
    await adapter.aclose()


async def test_getfile_and_its_link_work_over_http(sim: Telegram) -> None:
    async with asking(sim) as bot:
        file = await bot.get_file(sim.vendor.keep_file("a.jpg", b"picture"))
        assert bytes(await file.download_as_bytearray()) == b"picture"
        sim.vendor.clock.advance(3600 * SECOND)  # type: ignore[attr-defined]  # a ManualClock
        with pytest.raises(InvalidToken):
            await file.download_as_bytearray()
