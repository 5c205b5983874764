"""A Card as Telegram's HTML and rows of buttons: pure, so judged without any simulator."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.presses import Press
from bots.simulator.telegram.checks import keyboard, words_of
from bots.telegram.limits import broken_limit, chat_number
from bots.telegram.render import (
    CAPTION,
    TEXT,
    Shown,
    cut_units,
    label_of,
    opens,
    plain_words,
    rows,
    shown,
    units,
)
from core.outbox.card import Button, Card, Fact, Field
from tests.bots.conftest import CARD, ENDED, delivery

PAGE = "https://jieli.example/tasks/7"
TOKENS = delivery().tokens


def test_an_open_card_says_what_why_and_until_when() -> None:
    assert shown(CARD, TOKENS, PAGE).html == (
        "<b>质检不合格：低糖基料 24 箱</b>\n\n"
        "张江仓等结果，还剩 46 小时\n\n"
        "批次：L-7\n数量：24 箱 = 288 件\n\n"
        "<i>48 小时没人处理，会转给赵敏。</i>"
    )


def test_a_closed_card_says_first_how_it_ended() -> None:
    made = shown(ENDED, {}, PAGE)
    assert made.html == (
        "<b>质检不合格：低糖基料 24 箱</b>\n\n"
        "已由 王芳 在企业微信处理：退回供应商（16:21）\n\n"
        "批次：L-7\n数量：24 箱 = 288 件"
    )
    assert made.rows == ()


def test_urgent_is_said_in_words_while_it_matters() -> None:
    assert shown(replace(CARD, urgent=True), TOKENS, PAGE).html.startswith("<b>【紧急】质检")
    assert shown(replace(ENDED, urgent=True), {}, PAGE).html.startswith("<b>质检")


def test_everything_is_escaped() -> None:
    card = Card("a<b>&", lead="<i>x</i>", facts=(Fact("<", "&amp;"),), footer="</i>")
    made = shown(card, {}, PAGE).html
    assert made == (
        "<b>a&lt;b&gt;&amp;</b>\n\n&lt;i&gt;x&lt;/i&gt;\n\n&lt;：&amp;amp;\n\n<i>&lt;/i&gt;</i>"
    )


def test_what_is_too_long_is_cut_in_the_middle_and_the_page_has_the_rest() -> None:
    card = replace(CARD, lead="长" * 5000)
    made = shown(card, TOKENS, PAGE, limit=CAPTION)
    assert made.units <= CAPTION
    assert "长…\n\n" in made.html
    assert made.html.endswith(f"<i>{CARD.footer}</i>")
    assert made.rows[-1][-1] == Press("打开任务", url=PAGE)
    assert shown(replace(card, closed=True, buttons=()), {}, PAGE).rows == ()


def test_buttons_stand_two_in_a_row_only_when_short() -> None:
    made = rows([Press("同意"), Press("驳回"), Press("退回供应商并补发"), Press("稍后")], PAGE)
    assert [[each.label for each in row] for row in made] == [
        ["同意", "驳回"],
        ["退回供应商并补发"],
        ["稍后"],
    ]


def test_a_hundred_buttons_and_no_more() -> None:
    made = rows([Press(f"{n}", data=f"{n}") for n in range(120)], PAGE)
    flat = [each for row in made for each in row]
    assert len(flat) == 100
    assert flat[-1] == Press("更多操作", url=PAGE)
    without = rows([Press(f"{n}", data=f"{n}") for n in range(120)], "http://jieli/t")
    assert sum(map(len, without)) == 100


@pytest.mark.parametrize(
    ("url", "yes"),
    [
        ("https://jieli.example/t", True),
        ("http://192.168.1.7:8600/t", True),
        ("http://[fd00::1]/t", True),
        ("http://localhost:8600/t", False),
        ("http://jieli:8600/t", False),
        ("http://./t", False),
        ("javascript:alert(1)", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_only_a_real_web_address_opens_from_a_button(url: str, yes: bool) -> None:
    assert opens(url) is yes


def test_an_address_that_no_button_may_hold_is_spelled_out() -> None:
    card = Card("看库存", buttons=(Button("open", "看曲线", url="http://jieli:8600/stock"),))
    made = shown(card, {}, PAGE)
    assert made.rows == ()
    assert made.html.endswith("看曲线：http://jieli:8600/stock")


def test_plain_words_say_the_same_without_marks() -> None:
    assert plain_words(CARD, PAGE).splitlines() == [
        "【质检不合格：低糖基料 24 箱】",
        "张江仓等结果，还剩 46 小时",
        "批次：L-7",
        "数量：24 箱 = 288 件",
        "48 小时没人处理，会转给赵敏。",
        f"打开任务：{PAGE}",
    ]
    assert plain_words(ENDED, PAGE).splitlines()[1] == ENDED.result
    assert units(plain_words(replace(CARD, lead="长🙂" * 5000), PAGE)) <= TEXT


def test_an_emoji_counts_twice_and_is_never_halved() -> None:
    assert units("a中🙂") == 4
    assert cut_units("🙂🙂🙂", 5) == "🙂🙂…"
    assert cut_units("🙂🙂🙂", 6) == "🙂🙂🙂"
    assert cut_units("🙂", 1) == "…"
    assert cut_units("🙂", 0) == ""


def test_a_label_always_has_words() -> None:
    assert label_of(Press("\x00 ")) == "…"
    assert label_of(Press("长" * 99)) == "长" * 39 + "…"


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (Shown("", 0), "text must be"),
        (Shown("x", TEXT + 1), "text must be"),
        (Shown("x", 1, (tuple(Press("x", data="d") for _ in range(9)),)), "a row must have"),
        (Shown("x", 1, ((Press("x", data="d"),),) * 101), "at most 100"),
        (Shown("x", 1, ((Press("x"),),)), "either data or a url"),
        (Shown("x", 1, ((Press("x", data="长" * 22),),)), "must be 1..64 bytes"),
        (Shown("x", 1, ((Press("x", data="长" * 21), Press("x", url="https://a.b")),)), ""),
    ],
)
def test_a_broken_limit_is_named(message: Shown, problem: str) -> None:
    assert problem in broken_limit(message, TEXT)
    assert bool(broken_limit(message, TEXT)) == bool(problem)


def test_a_persons_number_is_a_positive_number() -> None:
    assert chat_number("6123456789") == 6123456789
    assert [chat_number(each) for each in ("-1", "1.0", " 1", "x", "", "0")] == [None] * 6


_words = st.text(max_size=60) | st.sampled_from(
    ["<b>", "&lt;", "🙂" * 400, "长" * 3000, "\x00\ud800"]
)
_fields = st.builds(
    Field,
    key=st.sampled_from(["reason", "count", "q~"]),
    label=_words,
    kind=st.sampled_from(["choice", "quantity", "text", "photo"]),
    options=st.lists(st.tuples(st.text(min_size=1, max_size=30), _words), max_size=9).map(tuple),
    required=st.booleans(),
)
_buttons = st.builds(
    Button,
    key=st.sampled_from("abc"),
    label=_words,
    style=st.sampled_from(["primary", "danger", "plain"]),
    inputs=st.lists(_fields, max_size=2).map(tuple),
    url=st.sampled_from(["", "", PAGE, "http://jieli/t", "nonsense"]),
)
_cards = st.builds(
    Card,
    title=st.just("题") | _words.map(lambda each: "题" + each),
    lead=_words,
    facts=st.lists(st.builds(Fact, _words, _words), max_size=6).map(tuple),
    buttons=st.lists(_buttons, max_size=6).map(tuple),
    footer=_words,
    closed=st.booleans(),
    result=_words,
    urgent=st.booleans(),
)


@given(
    card=_cards, limit=st.sampled_from([TEXT, CAPTION]), page=st.sampled_from([PAGE, "http://x/t"])
)
@settings(max_examples=300, deadline=None)
def test_no_card_is_ever_refused(card: Card, limit: int, page: str) -> None:
    """Neither by our own limits nor by the simulator, which has its own reading of HTML."""
    tokens = {key: f"a1:{key:0<22}" for key in "abc"}
    made = shown(card, tokens, page, limit=limit)
    assert broken_limit(made, limit) == ""
    text, _ = words_of(made.html, "HTML", limit)
    assert text
    markup = [
        [
            {
                "text": label_of(each),
                **({"url": each.url} if each.url else {"callback_data": each.data}),
            }
            for each in row
        ]
        for row in made.rows
    ]
    keyboard({"inline_keyboard": markup})
    assert units(plain_words(card, page)) <= TEXT
    assert not re.search("[\ud800-\udfff]", made.html)
