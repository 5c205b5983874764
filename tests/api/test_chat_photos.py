"""A photo sent into the chat hangs on the task it answers; where that is not clear, one asks."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from bots.simulator.wecom import Fault
from tests.api.chat_room import ChatRoom


def picture(colour: str = "brown") -> bytes:
    """A JPEG as a phone sends it."""
    out = BytesIO()
    Image.new("RGB", (640, 480), colour).save(out, "JPEG")
    return out.getvalue()


async def attached(chat: ChatRoom, task_id: str) -> list[str]:
    found = await chat.ask("admin", f"/api/tasks/{task_id}")
    return [str(each["file_id"]) for each in found["attachments"]]


async def second_task(chat: ChatRoom) -> str:
    """Another thing that waits for the buyer."""
    arrive = {
        "order_line_id": chat.ids.lines["S"],
        "quantity": "10",
        "lot_code": "L-8",
        "accepted": "0",
        "rejected": "10",
        "reason": "破损",
    }
    await chat.do("admin", "/api/receipts/combined", arrive)
    await chat.settle()
    found = await chat.ask("buyer", "/api/tasks/inbox")
    return str(found["items"][-1]["id"])


async def test_with_one_open_task_there_is_nothing_to_ask(chat: ChatRoom) -> None:
    await chat.fail_inspection()
    task = await chat.task_of("buyer", "qc_decide")
    posted = await chat.stage.simulator.photo("buyer", picture())
    assert posted.spoken == f"照片已附到「{task['title'][:40]}」。"
    (file_id,) = await attached(chat, task["id"])
    shown = await chat.get("buyer", f"/api/files/{file_id}")
    assert shown.headers["content-type"] == "image/jpeg"
    assert Image.open(BytesIO(shown.content)).size == (640, 480)


async def test_with_two_it_asks_which_and_waits_for_the_answer(chat: ChatRoom) -> None:
    await chat.fail_inspection()
    other = await second_task(chat)
    asked = (await chat.stage.simulator.photo("buyer", picture())).spoken
    assert asked.startswith("照片收到了，附到哪件事？")
    assert f"〔{other[-4:]}〕" in asked
    await chat.stage.simulator.photo("buyer", picture("green"))
    said = (await chat.stage.simulator.say("buyer", f"照片 {other[-4:].upper()}")).spoken
    assert said.startswith("2 张照片已附到")
    assert len(await attached(chat, other)) == 2
    again = (await chat.stage.simulator.say("buyer", f"照片 {other[-4:]}")).spoken
    assert again.startswith("没附上：最近一天没有还没归处的照片")
    wrong = (await chat.stage.simulator.say("buyer", "照片 00000")).spoken
    assert wrong.startswith("没附上：〔00000〕不是等你处理的事")


async def test_a_repeated_callback_attaches_once(chat: ChatRoom) -> None:
    await chat.fail_inspection()
    task = await chat.task_of("buyer", "qc_decide")
    chat.stage.simulator.pressing.copies = 3
    await chat.stage.simulator.photo("buyer", picture())
    assert len(await attached(chat, task["id"])) == 1


async def test_what_is_no_picture_and_what_cannot_be_fetched_say_so(chat: ChatRoom) -> None:
    await chat.fail_inspection()
    said = (await chat.stage.simulator.photo("buyer", b"GIF89a-not-one")).spoken
    assert said.startswith("照片没收下"), said
    chat.stage.simulator.order(Fault("media/get", errcode=40007))
    said = (await chat.stage.simulator.photo("buyer", picture())).spoken
    assert said.startswith("照片没收到："), said
    assert (await chat.stage.simulator.photo("stranger", picture())).spoken.startswith("没办成")


async def test_with_nothing_to_do_the_photo_is_kept_for_a_day(chat: ChatRoom) -> None:
    said = (await chat.stage.simulator.photo("buyer", picture())).spoken
    assert said.startswith("照片收到了。现在没有等你处理的事")
    await chat.fail_inspection()
    task = await chat.task_of("buyer", "qc_decide")
    said = (await chat.stage.simulator.say("buyer", f"照片 {task['id'][-4:]}")).spoken
    assert said.startswith("1 张照片已附到")


async def test_stock_comes_with_a_curve_and_a_task_with_a_code(chat: ChatRoom) -> None:
    """Words first, the picture after them; who asks again gets both again."""
    await chat.fail_inspection()
    say = chat.stage.simulator.say
    assert "可用" in (await say("buyer", "库存 BOLT")).spoken
    task = await chat.task_of("buyer", "qc_decide")
    assert "就打开「" in (await say("buyer", f"扫码 {task['id'][-4:]}")).spoken
    for each in list(chat.jieli.late):
        await each
    shown = [view for view in chat.stage.simulator.pane("buyer") if view.kind == "image"]
    assert len(shown) == 2
    for view in shown:
        _, data = chat.stage.simulator.vendor.media[view.content["media_id"]]
        assert Image.open(BytesIO(data)).format == "PNG"
    assert "不是等你处理的事" in (await say("buyer", "扫码 0000")).spoken
