"""A Card in WeCom's words: template_card, its closed form, plain text. Pure, no network.

Forms: buttons (with one drop-down when a single choice is asked) → button_interaction; one button
that asks two or three choices → multiple_interaction; nothing to press → text_notice. What a chat
card cannot ask (quantities, photos, required text) becomes a link to the task's page.
Advised lengths are cut with …; nothing that was cut is lost while the small print has room.
Source: channels.md §1.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bots.text import cut, cut_bytes
from bots.wecom.callback import NOT_CHOSEN, TEXT_BYTES
from core.outbox.card import Button, Card, Field

OPEN = "打开任务"
MORE = "更多操作"
CLOSED = "已结束"
PICTURE = "照片"

DESC = 44
TITLE_BYTES, WORDS_BYTES = 128, 512  # of a textcard
SMALL_PRINT = 160
ROWS = 6
BUTTONS = 6
OPTIONS = 9  # ten are allowed; the first is 「请选择」, or WeCom would choose for the person
SELECTORS = 3

_STYLES = {"primary": 1, "plain": 2, "danger": 4}

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """What a card needs besides its own words: ids, links and the picture already uploaded."""

    task_id: str
    url: str
    tokens: Mapping[str, str] = field(default_factory=dict)
    media_id: str = ""


def template_card(card: Card, frame: Frame) -> JsonObject:
    """The `template_card` of a new message, or of an update that leaves the task open."""
    buttons = _Buttons(card, frame)
    if card.closed or not card.buttons:
        return _notice(card, frame)
    if buttons.is_form:
        return _form(card, frame, buttons)
    body = _body("button_interaction", card, frame)
    if buttons.asked:
        body["button_selection"] = _selector(buttons.asked[0])
    return body | {"task_id": frame.task_id, "button_list": buttons.rendered()}


def closed_card(card: Card, frame: Frame) -> JsonObject:
    """The update after which nothing can be pressed: a grey bar, and who did what."""
    dead = {"type": 0, "text": CLOSED, "style": _STYLES["plain"], "key": "closed"}
    body = _body("button_interaction", card, frame)
    return body | {"task_id": frame.task_id, "button_list": [dead], "replace_text": CLOSED}


def plain_text(card: Card, url: str) -> str:
    """The same card as a text message, when no card can be shown; at most 2048 bytes."""
    lines = [f"【{card.title}】", _headline(card)]
    lines += [f"{fact.label}：{fact.value}" for fact in card.facts]
    lines.append("" if card.closed else card.footer)
    tail = "" if card.closed else f'\n<a href="{url}">{OPEN}</a>'
    words = "\n".join(line for line in lines if line)
    return cut_bytes(words, TEXT_BYTES - len(tail.encode())) + tail


def plain_message(card: Card, url: str) -> tuple[str, JsonObject]:
    """msgtype and content of the card without its buttons: a textcard that opens the page while the
    task is open and all fits into it, else a text. Markdown is no choice: WeChat does not show it.
    """
    lines = [_headline(card), *(f"{fact.label}：{fact.value}" for fact in card.facts), card.footer]
    words = "\n".join(line for line in lines if line)
    fits = len(card.title.encode()) <= TITLE_BYTES and len(words.encode()) <= WORDS_BYTES
    if card.closed or not words or not fits:
        return "text", {"content": plain_text(card, url)}
    return "textcard", {"title": card.title, "description": words, "url": url, "btntxt": OPEN}


def _body(kind: str, card: Card, frame: Frame) -> JsonObject:
    """What every form but multiple_interaction shares: source, title, facts, small print."""
    rows, overflow = _rows(card, frame)
    headline = _headline(card)
    small = [headline if len(headline) > DESC else "", *overflow]
    if not card.closed:  # who it goes to next, and when: no longer true of a closed task
        small.append(card.footer)
    body = _head(kind, card)
    if rows:
        body["horizontal_content_list"] = rows
    if words := "\n".join(line for line in small if line):
        body["sub_title_text"] = cut(words, SMALL_PRINT)
    return body


def _head(kind: str, card: Card) -> JsonObject:
    headline = _headline(card)
    title = {"title": cut(card.title, 36)} | ({"desc": cut(headline, DESC)} if headline else {})
    colour = 2 if card.urgent and not card.closed else 0
    source = {"desc": "接力 · 紧急" if colour else "接力", "desc_color": colour}
    return {"card_type": kind, "source": source, "main_title": title}


def _headline(card: Card) -> str:
    """The line under the title: what is waited for, or how it ended."""
    return (card.result if card.closed else card.lead) or card.lead


def _rows(card: Card, frame: Frame) -> tuple[list[JsonObject], list[str]]:
    """At most six rows, and in full words whatever did not fit into them."""
    room = ROWS - (1 if frame.media_id else 0)
    rows: list[JsonObject] = []
    overflow: list[str] = []
    for place, fact in enumerate(card.facts):
        if place < room:
            rows.append({"keyname": cut(fact.label, 5), "value": cut(fact.value, 30)})
        if place >= room or len(fact.value) > 30:
            overflow.append(f"{fact.label}：{fact.value}")
    if frame.media_id:
        photo = {"type": 2, "keyname": PICTURE, "value": "现场照片.jpg"}
        rows.append(photo | {"media_id": frame.media_id})
    return rows, overflow


def _notice(card: Card, frame: Frame) -> JsonObject:
    return _body("text_notice", card, frame) | {"card_action": {"type": 1, "url": frame.url}}


def _form(card: Card, frame: Frame, buttons: _Buttons) -> JsonObject:
    """multiple_interaction has no rows and no small print: the facts go under the title."""
    button = card.buttons[0]
    body = _head("multiple_interaction", card)
    facts = " · ".join([card.lead, *(f"{fact.label} {fact.value}" for fact in card.facts)])
    body["main_title"]["desc"] = cut(facts.removeprefix(" · "), SMALL_PRINT)
    return body | {
        "task_id": frame.task_id,
        "select_list": [_selector(each) for each in buttons.asked],
        "submit_button": {"text": cut(button.label, 10), "key": frame.tokens[button.key]},
    }


def _selector(asked: Field) -> JsonObject:
    options = [{"id": NOT_CHOSEN, "text": "请选择"}]
    options += [{"id": value, "text": words} for value, words in asked.options]
    return {
        "question_key": asked.key,
        "title": asked.label,
        "selected_id": NOT_CHOSEN,
        "option_list": options,
    }


class _Buttons:
    """Which buttons can be pressed in the chat, which only on the page, and what is asked."""

    def __init__(self, card: Card, frame: Frame) -> None:
        self._card = card
        self._frame = frame
        asked: dict[str, Field] = {}
        self.linked: set[str] = set()
        limit = SELECTORS if len(card.buttons) == 1 else 1
        for button in card.buttons:
            wanted = {each.key: each for each in button.inputs if _is_selector(each)}
            if _needs_page(button) or len(asked | wanted) > limit:
                self.linked.add(button.key)
            else:
                asked |= wanted
        self.asked = tuple(asked.values())
        self.is_form = len(self.asked) > 1

    def rendered(self) -> list[JsonObject]:
        """At most six; a link to the page is added when something can only be said there."""
        shown = [self._one(button) for button in self._card.buttons]
        link = {"type": 1, "text": OPEN, "style": 2, "url": self._frame.url}
        if len(shown) > BUTTONS:
            return [*shown[: BUTTONS - 1], link | {"text": MORE}]
        only_there = any(
            not _is_selector(each) and button.key not in self.linked
            for button in self._card.buttons
            for each in button.inputs
        )
        if only_there and len(shown) < BUTTONS:
            shown.append(link)
        return shown

    def _one(self, button: Button) -> JsonObject:
        words = {"text": cut(button.label, 10), "style": _STYLES[button.style]}
        if button.url or button.key in self.linked:
            return {"type": 1, **words, "url": button.url or self._frame.url}
        return {"type": 0, **words, "key": self._frame.tokens[button.key]}


def _is_selector(asked: Field) -> bool:
    return asked.kind == "choice" and 1 <= len(asked.options) <= OPTIONS


def _needs_page(button: Button) -> bool:
    return any(each.required and not _is_selector(each) for each in button.inputs)
