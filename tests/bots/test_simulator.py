"""The stand-in itself: it must be as strict as the vendor."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bots.said import Word
from bots.simulator.wecom import CannotPress
from core.clock import DAY, HOUR, MINUTE
from tests.bots.conftest import AGENT, CORP, SECRET, Corp, delivery


class Vendor:
    """A client of the wire that is not our adapter."""

    def __init__(self, corp: Corp) -> None:
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(corp.sim.app), base_url="http://wecom"
        )

    async def token(self) -> str:
        keys = {"corpid": CORP, "corpsecret": SECRET}
        answer = (await self.client.get("/cgi-bin/gettoken", params=keys)).json()
        return str(answer["access_token"])

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        params = {"access_token": await self.token()}
        answer = await self.client.post(f"/cgi-bin/{path}", params=params, json=body)
        assert answer.status_code == 200
        return dict(answer.json())

    async def send(self, card: dict[str, Any], **more: Any) -> dict[str, Any]:
        body = {"touser": "WangFang", "msgtype": "template_card", "agentid": AGENT}
        return await self.post("message/send", body | {"template_card": card} | more)


def _card(task_id: str = "tk_1", **more: Any) -> dict[str, Any]:
    return {
        "card_type": "button_interaction",
        "task_id": task_id,
        "main_title": {"title": "收货"},
        "button_list": [{"text": "好", "key": "k"}],
    } | more


@pytest.fixture
def vendor(corp: Corp) -> Vendor:
    return Vendor(corp)


# -- as strict as the vendor ---------------------------------------------------------------------
async def test_a_code_is_good_once_for_72_hours(corp: Corp, vendor: Vendor) -> None:
    async def update(code: str) -> int:
        body = {"userids": ["WangFang"], "agentid": AGENT, "response_code": code}
        answer = await vendor.post(
            "message/update_template_card", body | {"button": {"replace_name": "已处理"}}
        )
        return int(answer["errcode"])

    code = (await vendor.send(_card()))["response_code"]
    assert await update(code) == 0
    assert corp.sim.pane("WangFang")[0].grey == "已处理"
    assert await update(code) == 40058
    late = (await vendor.send(_card("tk_2")))["response_code"]
    corp.clock.advance(72 * HOUR)
    assert await update(late) == 40058
    assert await update("made up") == 40058


async def test_a_task_id_is_good_once(vendor: Vendor) -> None:
    assert (await vendor.send(_card()))["errcode"] == 0
    assert (await vendor.send(_card()))["errcode"] == 40058


async def test_a_repeated_content_is_swallowed_when_asked_for(corp: Corp, vendor: Vendor) -> None:
    first = await vendor.send(_card(), enable_duplicate_check=1)
    again = await vendor.send(_card(), enable_duplicate_check=1)
    assert again["errcode"] == 0
    assert again["msgid"] == first["msgid"]
    assert "response_code" not in again
    assert len(corp.sim.pane("WangFang")) == 1


async def test_the_31st_message_in_a_minute_is_dropped_without_a_word(
    corp: Corp, vendor: Vendor
) -> None:
    answers = [await vendor.send(_card(f"tk_{n}")) for n in range(31)]
    assert {each["errcode"] for each in answers} == {0}
    assert len(corp.sim.pane("WangFang")) == 30
    assert corp.sim.vendor.dropped == 1
    corp.clock.advance(MINUTE)
    await vendor.send(_card("tk_later"))
    assert len(corp.sim.pane("WangFang")) == 31


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"agentid": 7}, 40056),
        ({"touser": "nobody"}, 81013),
        ({"msgtype": "poem"}, 40008),
        ({"template_card": None}, 41016),
        ({"template_card": {"card_type": "text_notice", "main_title": {"title": "t"}}}, 42045),
        ({"template_card": _card(main_title={})}, 41016),
        ({"template_card": _card("no spaces please")}, 40058),
        ({"template_card": _card(horizontal_content_list=[
            {"keyname": "照片", "type": 2, "value": "a.jpg", "media_id": "gone"}])}, 40007),
    ],
)  # fmt: skip
async def test_bad_messages_get_the_vendors_codes(
    vendor: Vendor, body: dict[str, Any], errcode: int
) -> None:
    whole = {"touser": "WangFang", "msgtype": "template_card", "agentid": AGENT}
    answer = await vendor.post("message/send", whole | {"template_card": _card()} | body)
    assert answer["errcode"] == errcode
    assert "hint" in answer["errmsg"]


async def test_receivers_are_reported_in_lower_case(vendor: Vendor) -> None:
    answer = await vendor.send(_card(), touser="wangfang|NoBody")
    assert answer["invaliduser"] == "nobody"


async def test_recall_works_for_a_day(corp: Corp, vendor: Vendor) -> None:
    first = await vendor.send(_card())
    assert (await vendor.post("message/recall", {"msgid": first["msgid"]}))["errcode"] == 0
    assert corp.sim.pane("WangFang") == []
    second = await vendor.send(_card("tk_2"))
    corp.clock.advance(DAY + MINUTE)
    assert (await vendor.post("message/recall", {"msgid": second["msgid"]}))["errcode"] == 40058


# -- callbacks -----------------------------------------------------------------------------------
async def test_the_console_accepts_our_callback_address(corp: Corp) -> None:
    assert await corp.sim.verify_callback()


async def test_a_press_reaches_us_and_our_reply_greys_the_button(corp: Corp) -> None:
    await corp.channel.send(delivery())
    posted = await corp.sim.press("WangFang", "退回供应商", selected={"reason": ["dent"]})
    assert posted.statuses == (200,)
    (click,) = corp.clicks()
    assert click.user_id == "WangFang"
    assert click.token == delivery().tokens["return"]
    assert click.card == delivery().card_id
    assert click.inputs == {"reason": "dent"}
    assert click.code
    assert corp.sim.pane("WangFang")[0].grey == "已处理"
    with pytest.raises(CannotPress):
        await corp.sim.press("WangFang", "退回供应商")


async def test_an_untouched_drop_down_says_nothing(corp: Corp) -> None:
    await corp.channel.send(delivery())
    await corp.sim.press("WangFang", "让步接收")
    assert corp.clicks()[0].inputs == {}


async def test_a_lost_answer_is_tried_three_times_and_is_one_deed(corp: Corp) -> None:
    await corp.channel.send(delivery())
    corp.statuses[:] = [500, 502]
    posted = await corp.sim.press("WangFang", "让步接收")
    assert posted.statuses == (500, 502, 200)
    corp.sim.pressing.copies = 2
    await corp.channel.send(delivery(2))
    await corp.sim.press("WangFang", "让步接收")
    assert len(corp.received) == 3
    assert len({each.dedupe_key for each in corp.received}) == 2


async def test_callbacks_can_overtake_each_other(corp: Corp) -> None:
    await corp.channel.send(delivery(1))
    await corp.channel.send(delivery(2, "LiSi"))
    corp.sim.pressing.keep_back = True
    await corp.sim.press("WangFang", "让步接收")
    await corp.sim.press("LiSi", "让步接收")
    assert corp.received == []
    await corp.sim.pressing.release()
    assert [each.user_id for each in corp.clicks()] == ["LiSi", "WangFang"]


async def test_typed_words_reach_us_and_the_answer_their_phone(corp: Corp) -> None:
    await corp.sim.say("LiSi", "库存还有多少")
    assert corp.received[0].said == Word("LiSi", "库存还有多少")
    mine, answer = corp.sim.pane("LiSi")
    assert mine.from_member
    assert answer.content["content"] == "你说：库存还有多少"
