"""The stand-in for Telegram: it must be as strict as the vendor, for clients that are not ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bots.simulator.telegram import CannotPress, Fault, Telegram
from bots.simulator.telegram.checks import parsed
from bots.telegram import Account
from bots.telegram import Telegram as Adapter
from core.clock import MINUTE, SECOND, ManualClock
from tests.bots.conftest import delivery

TOKEN, WANG = "7000001:AAH-test_token", "1001"
KEYBOARD = {"inline_keyboard": [[{"text": "同意", "callback_data": "a1:9fK"}]]}


class Client:
    """Somebody who speaks HTTP and nothing else."""

    def __init__(self, clock: ManualClock) -> None:
        self.sim = Telegram(clock, TOKEN)
        self.sim.add_person(WANG, "王芳")
        app = Starlette(routes=[Mount("/simulator/telegram", routes=self.sim.routes())])
        self.transport = httpx.ASGITransport(app)
        self.http = httpx.AsyncClient(transport=self.transport, base_url="http://here")

    async def post(self, method: str, token: str = TOKEN, **body: Any) -> dict[str, Any]:
        answer = await self.http.post(f"/simulator/telegram/bot{token}/{method}", json=body)
        found = dict(answer.json())
        assert answer.status_code == (200 if found["ok"] else found["error_code"])
        return found

    async def sent(self, **more: Any) -> int:
        body: dict[str, Any] = {"chat_id": WANG, "text": "卡片"} | more
        return int((await self.post("sendMessage", **body))["result"]["message_id"])


@pytest.fixture
async def client(clock: ManualClock) -> AsyncIterator[Client]:
    made = Client(clock)
    yield made
    await made.http.aclose()


async def test_it_can_be_mounted_below_another_path(client: Client, clock: ManualClock) -> None:
    account = Account(TOKEN, "http://here/simulator/telegram/")
    adapter = Adapter(account, clock, client.transport, page_of=lambda _: "https://jieli.example/t")
    assert (await adapter.send(delivery(user=WANG))).kind == "sent"
    assert await adapter.username() == "jieli_bot"
    client.sim.order(Fault("getMe", silent="connect"))
    with pytest.raises(ConnectionError, match="连不上 Telegram"):
        await adapter.username()
    await adapter.aclose()


async def test_parameters_come_in_every_form(client: Client) -> None:
    address = f"/simulator/telegram/bot{TOKEN}/sendMessage"
    form = {"chat_id": WANG, "text": "a", "reply_markup": '{"inline_keyboard":[]}'}
    for answer in (
        await client.http.get(address, params={"chat_id": WANG, "text": "a"}),
        await client.http.post(address, data=form),
        await client.http.post(
            address.replace("sendMessage", "sendmessage"), json={"chat_id": int(WANG), "text": "a"}
        ),
    ):
        assert answer.json()["result"]["text"] == "a"
    client.sim.vendor.clock.advance(MINUTE)  # type: ignore[attr-defined]  # a ManualClock
    broken = await client.http.post(address, data=form | {"reply_markup": "{"})
    assert "can't parse reply_markup" in broken.json()["description"]
    nothing = await client.http.post(
        address, content=b"[]", headers={"Content-Type": "application/json"}
    )
    assert nothing.json()["description"] == "Bad Request: can't parse JSON object"


@pytest.mark.parametrize(
    ("method", "token", "code"),
    [("getMe", TOKEN + "x", 401), ("getEverything", TOKEN, 404)],
)
async def test_strangers_and_unknown_methods_are_refused(
    client: Client, method: str, token: str, code: int
) -> None:
    assert (await client.post(method, token))["error_code"] == code


async def test_one_a_second_to_a_chat_and_a_short_burst(client: Client, clock: ManualClock) -> None:
    codes = [(await client.post("sendMessage", chat_id=WANG, text="a")) for _ in range(5)]
    assert [each.get("error_code") for each in codes] == [None, None, None, 429, 429]
    assert codes[-1]["parameters"] == {"retry_after": 1}
    clock.advance(SECOND)
    assert (await client.post("sendMessage", chat_id=WANG, text="a"))["ok"]
    assert (await client.post("sendMessage", chat_id=WANG, text="a"))["error_code"] == 429


async def test_twenty_a_minute_to_a_group(client: Client, clock: ManualClock) -> None:
    client.sim.add_person("-100200", "仓库群")
    for _ in range(20):
        sent = await client.post("sendMessage", chat_id=-100200, text="a")
        assert sent["result"]["chat"]["type"] == "supergroup"
    assert (await client.post("sendMessage", chat_id=-100200, text="a"))["error_code"] == 429
    clock.advance(3 * SECOND)
    assert (await client.post("sendMessage", chat_id=-100200, text="a"))["ok"]


async def test_thirty_a_second_in_all_edits_too(client: Client, clock: ManualClock) -> None:
    where: dict[str, Any] = {"chat_id": WANG, "message_id": await client.sent()}
    for number in range(29):
        body = where | {"text": f"{number}"}
        assert (await client.post("editMessageText", **body))["ok"]
    body = where | {"text": "one too many"}
    assert (await client.post("editMessageText", **body))["error_code"] == 429
    clock.advance(SECOND)
    assert (await client.post("editMessageText", **body))["ok"]


async def test_what_is_refused_costs_nothing(client: Client) -> None:
    for _ in range(9):
        assert (await client.post("sendMessage", chat_id=WANG, text=""))["error_code"] == 400
    assert await client.sent()


async def test_a_press_is_answered_once_and_in_time(client: Client, clock: ManualClock) -> None:
    await client.sent(reply_markup=KEYBOARD)
    (first,), (late,) = [(await client.sim.press(WANG, "同意")).query_ids for _ in range(2)]
    answered = {"callback_query_id": first, "text": "长" * 201}
    assert (await client.post("answerCallbackQuery", **answered))["error_code"] == 400
    assert (await client.post("answerCallbackQuery", callback_query_id=first))["ok"]
    assert (
        "too old"
        in (await client.post("answerCallbackQuery", callback_query_id=first))["description"]
    )
    clock.advance(61 * SECOND)
    assert (
        "too old"
        in (await client.post("answerCallbackQuery", callback_query_id=late))["description"]
    )


async def test_only_what_a_message_shows_can_be_pressed(client: Client) -> None:
    message_id = str(await client.sent(reply_markup=KEYBOARD))
    with pytest.raises(CannotPress):
        await client.sim.press(WANG, "驳回")
    with pytest.raises(CannotPress):
        await client.sim.press_key(WANG, message_id, "a1:forged")
    assert (await client.post("deleteMessage", chat_id=WANG, message_id=message_id))["ok"]
    with pytest.raises(CannotPress):
        await client.sim.press_key(WANG, message_id, "a1:9fK")
    gone = await client.post("deleteMessage", chat_id=WANG, message_id=message_id)
    assert gone["description"] == "Bad Request: message to delete not found"


async def test_only_the_bots_own_text_is_edited_as_text(client: Client) -> None:
    await client.sim.say(WANG, "我的话")
    (own,) = client.sim.pane(WANG)
    body = {"chat_id": WANG, "message_id": own.msg_id, "text": "x"}
    assert "can't be edited" in (await client.post("editMessageText", **body))["description"]
    file_id = client.sim.vendor.keep_file("a.jpg", b"x")
    photo = (await client.post("sendPhoto", chat_id=WANG, photo=file_id))["result"]
    body = {"chat_id": WANG, "message_id": photo["message_id"]}
    no_text = await client.post("editMessageText", text="x", **body)
    assert "no text in the message" in no_text["description"]
    no_caption = await client.post(
        "editMessageCaption", chat_id=WANG, message_id=await client.sent()
    )
    assert "no caption in the message" in no_caption["description"]
    unknown = await client.post("sendPhoto", chat_id=WANG, photo="AgAC-unknown")
    assert "wrong file identifier" in unknown["description"]


async def test_updates_are_confirmed_by_a_higher_offset_and_by_nothing_else(
    client: Client,
) -> None:
    for text in "abc":
        await client.sim.say(WANG, text)
    first = (await client.post("getUpdates", timeout=0, limit=2))["result"]
    assert [each["message"]["text"] for each in first] == ["a", "b"]
    assert (await client.post("getUpdates", timeout=0, limit=2))["result"] == first
    offset = first[0]["update_id"] + 1
    left = (await client.post("getUpdates", timeout=0, offset=offset))["result"]
    assert [each["message"]["text"] for each in left] == ["b", "c"]
    last = (await client.post("getUpdates", timeout=0, offset=-1))["result"]
    assert [each["message"]["text"] for each in last] == ["c"]
    assert (await client.post("getUpdates", offset="x"))["error_code"] == 400


async def test_only_wanted_kinds_of_update_come(client: Client) -> None:
    await client.post("getUpdates", timeout=0, allowed_updates=["callback_query"])
    await client.sim.say(WANG, "a")
    assert (await client.post("getUpdates", timeout=0))["result"] == []
    assert not (await client.post("setWebhook", url="http://plain.example"))["ok"]


async def test_everything_that_is_seen_moves_the_revision(client: Client) -> None:
    seen = [client.sim.rev]
    message_id = await client.sent(reply_markup=KEYBOARD)
    seen.append(client.sim.rev)
    posted = await client.sim.press(WANG, "同意")
    seen.append(client.sim.rev)
    query_id = posted.query_ids[0]
    await client.post("answerCallbackQuery", callback_query_id=query_id, text="好", show_alert=True)
    seen.append(client.sim.rev)
    await client.post("editMessageText", chat_id=WANG, message_id=message_id, text="完")
    seen.append(client.sim.rev)
    await client.sim.photo(WANG, b"x" * 9)
    seen.append(client.sim.rev)
    assert seen == sorted(set(seen))
    card, photo = map(client.sim.wire, client.sim.pane(WANG))
    assert card == {
        "msg_id": str(message_id),
        "kind": "text",
        "content": {"text": "完"},
        "at": "03-02 09:00",
        "mine": False,
        "grey": True,
        "edited": True,
        "gone": False,
        "toast": "好",
        "alert": True,
    }
    assert photo["mine"]
    assert client.sim.media(photo["content"]["photo"][-1]["file_id"]) == b"x" * 9
    assert client.sim.media("unknown") == b""


@pytest.mark.parametrize(
    ("html", "text", "kinds"),
    [
        ("<b>甲</b><i>乙</i>", "甲乙", ["bold", "italic"]),
        ('<a href="https://a.b">甲 &amp; 乙</a>', "甲 & 乙", ["text_link"]),
        ("&#128578;<b></b>&quot;", '🙂"', []),
        ("<b>🙂<u>x</u></b>", "🙂x", ["underline", "bold"]),
    ],
)
def test_html_is_read_as_documented(html: str, text: str, kinds: list[str]) -> None:
    plain, entities = parsed(html, "HTML")
    assert (plain, [each["type"] for each in entities]) == (text, kinds)
    if "underline" in kinds:
        assert (entities[0]["offset"], entities[1]["length"]) == (2, 3)
