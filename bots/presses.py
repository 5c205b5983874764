"""Buttons for vendors whose buttons can carry a little data but ask nothing themselves.

A choice that must be made becomes one button for each option, a press of which says both; what
needs more (a quantity, a photo, words), or may be said besides, is on the task's page. Telegram and
DingTalk use it; WeCom has drop-downs of its own (bots/wecom/render.py). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.outbox.card import Button, ButtonStyle, Card, Field

OPEN = "打开任务"
OPTIONS = 8  # of one choice; a longer list is easier to search on the page
_MARK = "~"  # between token, field and value: not in a token, not in a field's key


@dataclass(frozen=True, slots=True)
class Press:
    """One button as a vendor shows it: with `data` it calls back, with `url` it opens a page.

    `confirm` is what to ask before; a vendor that cannot ask leaves it out.
    """

    label: str
    style: ButtonStyle = "plain"
    data: str = ""
    url: str = ""
    confirm: str = ""
    is_page: bool = False  # the url is the task's page, inside the chat app


def presses(card: Card, tokens: Mapping[str, str], page: str, *, data_bytes: int) -> list[Press]:
    """The buttons of `card` in order, a link to `page` last when something is only asked there.

    `tokens` holds the action token of each button without a url; `data_bytes` is the room that the
    vendor gives one button. A closed card has none.
    """
    if card.closed:
        return []
    shown: list[Press] = []
    needs_page = False
    for button in card.buttons:
        here, elsewhere = _of_button(button, tokens, data_bytes)
        shown += here
        needs_page = needs_page or elsewhere
    return [*shown, Press(OPEN, url=page, is_page=True)] if needs_page else shown


def read(data: str) -> tuple[str, dict[str, str]]:
    """The token and the inputs that a pressed button's `data` says."""
    token, _, chosen = data.partition(_MARK)
    key, _, value = chosen.partition(_MARK)
    return token, {key: value} if key else {}


def _of_button(
    button: Button, tokens: Mapping[str, str], data_bytes: int
) -> tuple[list[Press], bool]:
    """What stands for one button, and whether something of it can only be said on the page."""
    style, confirm = button.style, button.confirm
    if button.url:
        return [Press(button.label, style, url=button.url)], False
    token = tokens[button.key]
    required = [each for each in button.inputs if each.required]
    plain = [Press(button.label, style, data=token, confirm=confirm)]
    if not button.inputs:
        return plain, False
    if not required:  # one tap is enough; who wants to say more opens the page
        return plain, True
    options = _options(button.inputs[0], button, token, data_bytes)
    if len(button.inputs) == 1 and options:
        return options, False
    return [], True


def _options(asked: Field, button: Button, token: str, data_bytes: int) -> list[Press]:
    """One press for each option; none when there are too many or they do not fit."""
    if asked.kind != "choice" or not 1 <= len(asked.options) <= OPTIONS:
        return []
    found = [
        Press(
            f"{button.label}：{words}",
            button.style,
            data=f"{token}{_MARK}{asked.key}{_MARK}{value}",
            confirm=button.confirm,
        )
        for value, words in asked.options
    ]
    fits = all(len(each.data.encode()) <= data_bytes for each in found)
    return found if fits and _MARK not in asked.key else []
