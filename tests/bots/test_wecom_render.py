"""Cards in WeCom's words: the form that fits, nothing lost by cutting, no hard limit broken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.simulator.wecom.checks import complaint, textcard_complaint
from bots.text import cut, cut_bytes
from bots.wecom.limits import broken_limit
from bots.wecom.render import (
    CLOSED,
    Frame,
    closed_card,
    plain_message,
    plain_text,
    template_card,
)
from core.outbox.card import Button, Card, Fact, Field
from tests.bots.conftest import CARD, ENDED, REASON

URL = "https://jieli.example/t/1"
HOW = Field("how", "怎么处理", "choice", (("adjust", "按实盘调整"), ("again", "再盘一次")))
QUANTITY = Field("quantity", "数量", "quantity", required=True)
REMARK = Field("remark", "备注", "text")


def _frame(card: Card, **more: Any) -> Frame:
    tokens = {each.key: f"a1:{each.key}" for each in card.buttons}
    return Frame(task_id="0" * 32, url=URL, tokens=tokens, **more)


def _shown(card: Card, **more: Any) -> dict[str, Any]:
    shown = template_card(card, _frame(card, **more))
    assert broken_limit(shown) == ""
    assert complaint(shown, lambda _: True, new=True) is None
    return shown


def test_buttons_and_one_choice_make_an_interactive_card_with_a_drop_down() -> None:
    shown = _shown(CARD)
    assert shown["card_type"] == "button_interaction"
    assert shown["main_title"] == {"title": CARD.title, "desc": CARD.lead}
    assert [row["value"] for row in shown["horizontal_content_list"]] == ["L-7", "24 箱 = 288 件"]
    assert [(each["text"], each["style"], each["key"]) for each in shown["button_list"]] == [
        ("退回供应商", 4, "a1:return"),
        ("让步接收", 1, "a1:concede"),
    ]
    selector = shown["button_selection"]
    assert selector["question_key"] == "reason"
    assert [each["id"] for each in selector["option_list"]] == ["-", "dent", "expiry"]
    assert selector["selected_id"] == "-", "WeCom would choose the first reason for the person"


def test_one_button_with_several_choices_makes_a_form() -> None:
    card = replace(CARD, buttons=(Button("ok", "提交复核", "primary", (REASON, HOW)),))
    shown = _shown(card)
    assert shown["card_type"] == "multiple_interaction"
    assert [each["question_key"] for each in shown["select_list"]] == ["reason", "how"]
    assert shown["submit_button"] == {"text": "提交复核", "key": "a1:ok"}
    assert "批次 L-7" in shown["main_title"]["desc"], "this form has no rows: facts go up"


def test_what_a_chat_cannot_ask_opens_the_page() -> None:
    buttons = (Button("receive", "开始收货", "primary", (QUANTITY,)), Button("later", "晚点处理"))
    receive, later = _shown(replace(CARD, buttons=buttons))["button_list"]
    assert (receive["type"], receive["url"]) == (1, URL)
    assert (later["type"], later["key"]) == (0, "a1:later")


def test_an_optional_remark_does_not_stop_the_one_tap_answer() -> None:
    buttons = (Button("ok", "合格", "primary", (REMARK,)),)
    press, page = _shown(replace(CARD, buttons=buttons))["button_list"]
    assert press["key"] == "a1:ok"
    assert (page["text"], page["url"]) == ("打开任务", URL)


def test_too_many_choices_for_a_drop_down_open_the_page() -> None:
    many = replace(REASON, options=tuple((str(n), f"原因{n}") for n in range(12)))
    (button,) = _shown(replace(CARD, buttons=(Button("return", "退回", "danger", (many,)),)))[
        "button_list"
    ]
    assert button["url"] == URL


def test_more_than_six_buttons_end_in_a_link_to_all() -> None:
    buttons = tuple(Button(f"b{n}", f"按钮{n}") for n in range(9))
    shown = _shown(replace(CARD, buttons=buttons))["button_list"]
    assert [each["text"] for each in shown[-2:]] == ["按钮4", "更多操作"]


def test_long_words_are_cut_and_still_told_in_full_below() -> None:
    name = "上海某某食品配料有限公司张江分公司第三仓储与检验中心（临时冷库二区）"
    facts = tuple(Fact(f"标签{n}", f"值{n}") for n in range(7))
    shown = _shown(replace(CARD, facts=(Fact("供应商", name), *facts), title="长" * 50))
    assert shown["main_title"]["title"] == "长" * 35 + "…"
    assert len(shown["horizontal_content_list"]) == 6
    assert f"供应商：{name}" in shown["sub_title_text"]
    assert "标签6：值6" in shown["sub_title_text"]


def test_nothing_to_press_is_a_notice_that_opens_the_task() -> None:
    shown = _shown(replace(CARD, buttons=()))
    assert shown["card_type"] == "text_notice"
    assert shown["card_action"] == {"type": 1, "url": URL}


def test_a_picture_takes_a_row_and_only_urgent_cards_say_so() -> None:
    facts = tuple(Fact(f"标签{n}", f"值{n}") for n in range(6))
    shown = _shown(replace(CARD, facts=facts, urgent=True), media_id="M1")
    assert shown["horizontal_content_list"][-1]["media_id"] == "M1"
    assert len(shown["horizontal_content_list"]) == 6
    assert "标签5：值5" in shown["sub_title_text"]
    assert shown["source"] == {"desc": "接力 · 紧急", "desc_color": 2}
    assert _shown(CARD)["source"]["desc_color"] == 0


def test_a_closed_card_says_who_won_and_cannot_be_pressed() -> None:
    shown = closed_card(ENDED, _frame(ENDED))
    assert broken_limit(shown) == ""
    assert shown["main_title"]["desc"] == ENDED.result
    assert shown["replace_text"] == CLOSED
    assert CARD.footer not in shown.get("sub_title_text", ""), "no longer true"


def test_plain_text_holds_everything_and_a_link_while_it_is_open() -> None:
    words = plain_text(CARD, URL)
    for part in (CARD.title, CARD.lead, "批次：L-7", CARD.footer, f'<a href="{URL}">打开任务</a>'):
        assert part in words
    ended = plain_text(ENDED, URL)
    assert ENDED.result in ended
    assert URL not in ended
    assert len(plain_text(replace(CARD, lead="长" * 3000), URL).encode()) <= 2048


@given(st.text(max_size=80), st.integers(4, 60))
def test_cutting_never_exceeds_and_never_breaks_a_character(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit
    assert len(cut_bytes(text, limit).encode()) <= limit


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"card_type": "poem"}, "card_type"),
        ({"task_id": "带中文"}, "task_id"),
        ({"task_id": "x" * 129}, "task_id"),
        ({"main_title": {}}, "title"),
        ({"horizontal_content_list": [{"keyname": "k"}] * 7}, "horizontal_content_list"),
        ({"button_list": []}, "button_list"),
        ({"button_list": [{"text": "a", "key": "k"}] * 7}, "button_list"),
        ({"button_list": [{"text": "a", "key": "k"}] * 2}, "differ"),
        ({"button_list": [{"text": "a", "key": "k" * 1025}]}, "1024"),
        ({"button_list": [{"text": "a", "type": 1}]}, "url"),
        ({"button_selection": {"question_key": "q", "option_list": []}}, "options"),
        (
            {"button_selection": {"question_key": "q", "option_list": [{"id": "中" * 43}]}},
            "option id",
        ),
    ],
)
def test_every_hard_limit_is_seen_by_us_and_refused_by_the_vendor(
    change: dict[str, Any], word: str
) -> None:
    shown = _shown(replace(CARD, buttons=(Button("ok", "合格"),))) | change
    assert word in broken_limit(shown)
    assert complaint(shown, lambda _: True, new=True) is not None


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=60)
_FIELDS = st.builds(
    Field,
    key=st.sampled_from(["a", "b", "c", "d"]),
    label=_WORDS,
    kind=st.sampled_from(["quantity", "choice", "text", "photo"]),
    options=st.lists(
        st.tuples(st.text("abcdef", min_size=1, max_size=8), _WORDS),
        max_size=12,
        unique_by=lambda option: option[0],
    ).map(tuple),
    required=st.booleans(),
)
_BUTTONS = st.builds(
    Button,
    key=st.text("xyz", min_size=1, max_size=6),
    label=_WORDS,
    style=st.sampled_from(["primary", "danger", "plain"]),
    inputs=st.lists(_FIELDS, max_size=4, unique_by=lambda asked: asked.key).map(tuple),
    url=st.sampled_from(["", "https://jieli.example/x"]),
)
_CARDS = st.builds(
    Card,
    title=_WORDS,
    lead=st.text(max_size=120),
    facts=st.lists(st.builds(Fact, _WORDS, st.text(max_size=60)), max_size=9).map(tuple),
    buttons=st.lists(_BUTTONS, max_size=8, unique_by=lambda button: button.key).map(tuple),
    footer=st.text(max_size=200),
    urgent=st.booleans(),
)


@given(card=_CARDS, media_id=st.sampled_from(["", "M1"]))
def test_any_card_whatsoever_is_taken_in_every_form(card: Card, media_id: str) -> None:
    _shown(card, media_id=media_id)
    ended = card.ended("已由 李某 处理")
    shown = closed_card(ended, _frame(ended, media_id=media_id))
    assert broken_limit(shown) == ""
    assert complaint(shown, lambda _: True, new=False) is None
    assert len(plain_text(card, URL).encode()) <= 2048
    kind, content = plain_message(card, URL)
    assert kind == "text" or textcard_complaint(content) is None
