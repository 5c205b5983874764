"""Cards as values of the template's variables: nothing lost, nothing too long, nothing forged."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.dingtalk.limits import broken_limit
from bots.dingtalk.render import NOTE, SLOTS, card_params, plain_message, variables
from bots.dingtalk.template import FILE, text
from bots.simulator.dingtalk.template import Template
from core.outbox.card import Button, Card, Fact, Field
from tests.bots.conftest import CARD, ENDED
from tests.bots.dingtalk_firm import exported

PAGE = "https://jieli.example/t/7"


def tokens(card: Card) -> dict[str, str]:
    return {each.key: f"a1:{each.key}" for each in card.buttons if not each.url}


def shown(card: Card) -> list[tuple[str, str]]:
    """The buttons a person sees, and what each carries or opens."""
    params = card_params(card, tokens(card), PAGE)
    found = []
    for number in range(1, SLOTS + 1):
        slot = f"b{number}_"
        if params[slot + "show"]:
            found.append((params[slot + "text"], params[slot + "data"] or params[slot + "url"]))
    return found


def test_the_template_in_the_repository_is_fresh() -> None:
    """`python -m bots.dingtalk.template` rewrites it."""
    assert FILE.read_bytes() == text()


def test_the_template_has_exactly_the_variables_that_are_sent() -> None:
    template = Template(exported())
    params = card_params(CARD, tokens(CARD), PAGE)
    assert template.variables == {*params, NOTE}
    assert [*params, NOTE] == variables()
    editor = orjson.loads(exported()["editorData"])
    private = {each["name"] for each in editor["variableList"] if each["private"]}
    assert private == {NOTE}


def test_every_variable_but_the_status_is_drawn_by_the_template() -> None:
    """A renamed variable would leave a hole that no test of values alone can see."""
    drawn = exported()["editorData"]
    tree = drawn[drawn.index('"componentsTree"') : drawn.index('"mockData"')]
    for name in set(variables()) - {"status"}:
        assert f'"{name}"' in tree or f"${{{name}}}" in tree, name


def test_an_open_card_says_what_where_and_until_when() -> None:
    params = card_params(CARD, tokens(CARD), PAGE)
    assert params["title"] == CARD.title
    assert params["lead"] == CARD.lead
    assert params["facts"] == "**批次**：L-7\n\n**数量**：24 箱 = 288 件"
    assert params["footer"] == CARD.footer
    assert shown(CARD) == [
        ("退回供应商：外包装破损", "a1:return~reason~dent"),
        ("退回供应商：效期不足", "a1:return~reason~expiry"),
        ("让步接收", "a1:concede"),
    ]
    assert (params["b1_style"], params["b3_style"]) == ("red", "blue")


def test_a_closed_card_shows_how_it_ended_and_no_button() -> None:
    params = card_params(ENDED, {}, PAGE)
    assert params["lead"] == ENDED.result
    assert params["status"] == "closed"
    assert params["footer"] == ""
    assert shown(ENDED) == []
    assert {each["type"] for each in Template(exported()).blocks(params)} == {"text", "markdown"}


def test_more_buttons_than_slots_end_in_a_link_to_the_page() -> None:
    card = Card("很多", buttons=tuple(Button(f"k{n}", f"第 {n} 个") for n in range(9)))
    assert [each[0] for each in shown(card)] == [f"第 {n} 个" for n in range(5)] + ["更多操作"]
    assert shown(card)[-1][1] == PAGE
    six = Card("正好", buttons=tuple(Button(f"k{n}", f"第 {n} 个") for n in range(6)))
    assert len(shown(six)) == 6
    assert shown(six)[-1] == ("第 5 个", "a1:k5")


def test_the_options_of_one_button_are_all_there_or_none_of_them() -> None:
    """Half a list of reasons would look like all the reasons there are."""
    why = Field("why", "原因", "choice", tuple((f"w{n}", f"原因 {n}") for n in range(5)), True)
    card = Card("两难", buttons=(Button("ok", "收下"), Button("no", "退", inputs=(why,))))
    assert len(shown(card)) == 6
    more = replace(card, buttons=(Button("ok", "收下"), Button("hm", "再等"), card.buttons[1]))
    assert [each[0] for each in shown(more)] == ["收下", "再等", "更多操作"]


def test_what_a_button_cannot_ask_is_asked_on_the_page() -> None:
    count = Field("count", "数量", "quantity", required=True)
    card = Card("收货", buttons=(Button("part", "收一部分", inputs=(count,)),))
    assert shown(card) == [("打开任务", PAGE)]


def test_facts_flow_into_the_second_value_and_stay_whole() -> None:
    facts = tuple(Fact(f"第 {n} 项", "长" * 60) for n in range(9))
    params = card_params(Card("多", facts=facts), {}, PAGE)
    lines = [*params["facts"].split("\n\n"), *params["more"].split("\n\n")]
    assert lines == [f"**{each.label}**：{each.value}" for each in facts]


def test_words_of_people_are_no_markdown() -> None:
    card = Card("x", facts=(Fact("备注", "[点这里](http://evil.example)\n# <b>大</b> `x` **y**"),))
    facts = card_params(card, {}, PAGE)["facts"]
    assert facts == "**备注**：［点这里］(http://evil.example) # ＜b＞大＜/b＞ ｀x｀ ＊＊y＊＊"


def test_urgency_is_said_while_it_lasts() -> None:
    urgent = replace(CARD, urgent=True)
    assert card_params(urgent, tokens(CARD), PAGE)["source"] == "接力 · 紧急"
    assert card_params(urgent.ended("完"), {}, PAGE)["source"] == "接力"


def test_without_a_template_a_message_links_to_the_page() -> None:
    key, params = plain_message(CARD, PAGE)
    assert key == "sampleActionCard"
    assert (params["singleTitle"], params["singleURL"]) == ("打开任务", PAGE)
    assert "**批次**：L-7" in params["text"]
    key, params = plain_message(ENDED, PAGE)
    assert key == "sampleMarkdown"
    assert ENDED.result in params["text"]


@pytest.mark.parametrize(
    ("track", "user", "params"),
    [
        ("", "u", {}),
        ("x" * 65, "u", {}),
        ("t", "a;IM_GROUP.b", {}),
        ("t", "", {}),
        ("t", "u", {"k" * 101: ""}),
        ("t", "u", {"k": "长" * 342}),
        ("t", "u", {"k": 1}),
    ],
)
def test_what_dingtalk_would_refuse_is_found_before(
    track: str, user: str, params: dict[str, str]
) -> None:
    assert broken_limit(track, user, params)
    assert broken_limit("t@2", "manager-1.x", {"k": "长" * 341}) == ""


words = st.text(max_size=1500)
fields = st.builds(
    Field,
    key=st.sampled_from(["why", "bin"]),
    label=words,
    kind=st.sampled_from(["choice", "quantity", "text"]),
    options=st.lists(st.tuples(words, words), max_size=9).map(tuple),
    required=st.booleans(),
)
buttons = st.builds(
    Button,
    key=st.uuids().map(str),
    label=words,
    style=st.sampled_from(["primary", "danger", "plain"]),
    inputs=st.lists(fields, max_size=2).map(tuple),
    url=st.sampled_from(["", "https://jieli.example/x", "https://jieli.example/" + "y" * 2000]),
)
cards = st.builds(
    Card,
    title=words,
    lead=words,
    facts=st.lists(st.builds(Fact, words, words), max_size=12).map(tuple),
    buttons=st.lists(buttons, max_size=9).map(tuple),
    footer=words,
    closed=st.booleans(),
    result=words,
)


@given(cards)
def test_any_card_fits(card: Card) -> None:
    params = card_params(card, tokens(card), PAGE)
    assert broken_limit("t", "u", params) == ""
    assert len(plain_message(card, PAGE)[1]["text"].encode()) <= 3000
