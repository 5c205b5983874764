"""Story B8: a picker finds twelve boxes missing and taps once; whoever must act is told, and it
climbs as the form said. Through the real doors, with two scanners and a chat."""

from __future__ import annotations

from core.clock import iso
from tests.world import World, text_of


async def test_a_picker_finds_twelve_boxes_missing_and_taps_once(w: World) -> None:
    """孙丽 stands in the cold store without oat milk; 张江仓 has forty boxes."""
    gun = await w.scanner("sunli", "7号枪")
    wish = {"item": "JL-101", "place": "SJ-C-01-1", "missing": "144"}
    form = await gun.submit("urgent", "open", inputs=wish)
    lines = {each["key"]: each for each in form["data"]["fields"]}
    assert {key: each["text"] for key, each in lines.items() if key != "deadline"} == {
        "item": "燕麦奶 1L",
        "to": "松江冷链仓",
        "from": "张江仓",
        "unit": "箱",
        "quantity": "12 箱 = 144 盒",
        "reason": "现场（SJ-C-01-1）缺 12 箱",
        "requester": "孙丽",
        "approver": "李强",
    }
    assert all(each["why"] for each in lines.values())
    assert lines["deadline"]["text"] == "3月2日 周一 11:00 前（按工作时间）"
    assert form["data"]["told"] == ["赵刚（扫码枪）", "孙丽（扫码枪）"]

    done = await gun.submit("urgent", "launch", context=form["context"])
    assert done["ok"], done
    keeper = await w.scanner("zhaogang")
    task = next(each for each in keeper.inbox.values() if each["kind"] == "transfer")
    assert task["title"] == "紧急调拨发出 · 燕麦奶 1L 12 箱"
    assert task["due_at"] == lines["deadline"]["value"]

    await w.after(minutes=29)
    assert not [each for each in w.cards_of("liqiang") if "紧急调拨" in text_of(each)]
    first = form["data"]["climbs"][0]
    assert "李强" in first["sentence"]
    await w.after(minutes=1)
    assert first["at"] == iso(w.clock.now())
    assert [each for each in w.cards_of("liqiang") if "紧急调拨" in text_of(each)]

    for idle in (keeper, gun):  # half an hour in a pocket
        await idle.drop()
        await idle.wake_up()
    task = next(each for each in keeper.inbox.values() if each["kind"] == "transfer")
    sent = await keeper.act(task, "send")
    assert sent["ok"], sent
    await gun.hear()
    arriving = next(each for each in gun.inbox.values() if each["kind"] == "transfer")
    assert arriving["title"].startswith("紧急调拨收货")
    assert (await gun.act(arriving, "receive"))["ok"]
    assert w.prove() == ()

    [used] = (await w.get("zhoulan", "/api/shortcuts/usage"))["items"]
    assert (used["opened"], used["launched"]) == (1, 1)
    assert (used["percent"], used["changeable_percent"]) == (100, 100)
    print(
        f"\nfields touched: 0 of {used['fields']}; from open to launch {used['median_seconds']} s"
    )


async def test_without_a_scan_of_how_much_the_last_time_is_proposed(w: World) -> None:
    """From the lookup screen: nobody says how much, so the form guesses and says that it does."""
    gun = await w.scanner("sunli", "7号枪")
    looked = await gun.scan("JL-101")
    assert "urgent" in looked["data"]["actions"]
    form = await gun.scan("JL-101", flow="urgent")
    quantity = next(each for each in form["data"]["fields"] if each["key"] == "quantity")
    assert (quantity["text"], quantity["guess"]) == ("1 箱 = 12 盒", True)
    done = await gun.submit(
        "urgent", "launch", context=form["context"], inputs={"values": {"quantity": "5"}}
    )
    assert done["ok"], done
    again = await gun.scan("JL-101", flow="urgent")
    quantity = next(each for each in again["data"]["fields"] if each["key"] == "quantity")
    assert (quantity["text"], quantity["source"]) == ("5 箱 = 60 盒", "last_transfer")


async def test_a_request_to_the_buyer_says_which_chat_app_it_reaches(w: World) -> None:
    gun = await w.scanner("sunli", "7号枪")
    wish = {"shortcut": "buy_request", "item": "JL-102", "place": "SJ-C-01-1", "missing": "24"}
    form = await gun.submit("urgent", "open", inputs=wish)
    assert form["data"]["told"] == ["王敏（企业微信）"]
    done = await gun.submit("urgent", "launch", context=form["context"])
    assert done["ok"], done
    await w.settle()
    [card] = [each for each in w.cards_of("wangmin") if "请采购补货" in text_of(each)]
    assert "淡奶油 1L(冷藏) 2 箱" in text_of(card)
    await w.tap("wangmin", "我来安排")
    assert [each for each in await w.inbox("wangmin") if each["kind"] == "request"] == []
