"""A card's buttons for vendors that can only press: every option says itself, nothing is lost."""

from __future__ import annotations

from bots.presses import OPEN, Press, presses, read
from core.outbox.card import Button, Card, Field

PAGE = "https://jieli.test/tasks/7"
WHY = Field("why", "原因", "choice", (("dent", "外包装破损"), ("late", "到货太晚")), required=True)
COUNT = Field("count", "数量", "quantity", required=True)


def shown(*buttons: Button, room: int = 64) -> list[Press]:
    tokens = {each.key: f"token-of-{each.key}" for each in buttons if not each.url}
    return presses(Card("退货", buttons=buttons), tokens, PAGE, data_bytes=room)


def test_a_plain_button_carries_its_token_and_nothing_else() -> None:
    (press,) = shown(Button("ok", "同意", "primary", confirm="真的同意?"))
    assert press == Press("同意", "primary", "token-of-ok", confirm="真的同意?")
    assert read(press.data) == ("token-of-ok", {})


def test_a_required_choice_becomes_one_button_for_each_option() -> None:
    first, second = shown(Button("no", "退回", "danger", (WHY,)))
    assert (first.label, second.label) == ("退回：外包装破损", "退回：到货太晚")
    assert read(second.data) == ("token-of-no", {"why": "late"})


def test_what_may_be_left_out_is_left_to_the_page() -> None:
    """Three decisions with six reasons each would be twenty-one buttons; one tap is enough."""
    optional = Field("why", "原因", "choice", WHY.options)
    found = shown(
        Button("no", "退回", inputs=(optional,)), Button("ok", "让步", inputs=(optional,))
    )
    assert [each.label for each in found] == ["退回", "让步", OPEN]


def test_what_cannot_be_asked_is_asked_on_the_page() -> None:
    found = shown(Button("ok", "同意"), Button("part", "收一部分", inputs=(COUNT,)))
    assert [(each.label, each.url) for each in found] == [("同意", ""), (OPEN, PAGE)]


def test_options_that_do_not_fit_are_asked_on_the_page_too() -> None:
    many = Field("bin", "库位", "choice", tuple((str(n), f"A-{n}") for n in range(9)), True)
    for field, room in ((many, 64), (WHY, 20)):
        found = shown(Button("move", "移库", inputs=(field,)), room=room)
        assert [each.url for each in found] == [PAGE]


def test_an_option_may_hold_the_mark_that_stands_between() -> None:
    odd = Field("bin", "库位", "choice", (("A~1", "A~1"),), required=True)
    (press,) = shown(Button("move", "移库", inputs=(odd,)))
    assert read(press.data) == ("token-of-move", {"bin": "A~1"})


def test_a_closed_card_has_no_buttons_and_a_link_stays_a_link() -> None:
    assert presses(Card("完", buttons=(), closed=True), {}, PAGE, data_bytes=64) == []
    link = Button("see", "看照片", url="https://jieli.test/files/9")
    assert shown(link) == [Press("看照片", url="https://jieli.test/files/9")]
