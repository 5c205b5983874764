"""A Card in DingTalk's words: the variables of our card template, or a plain message. Pure.

DingTalk draws a card from a template that lies on its card platform (card_template.json), and we
send only values for its variables, each a string of at most 1 KB. Six button slots are fixed in the
template; a button list as one variable would not fit into 1 KB. A choice is one button for each
option (bots/presses.py). Nothing is lost: what a value has no room for goes on in the next, or is
on the page to which the last slot then leads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bots.dingtalk.limits import VALUE_BYTES
from bots.presses import OPEN, Press, presses
from bots.text import cut, cut_bytes
from core.outbox.card import Card

SLOTS = 6
MORE = "更多操作"
LABEL = 24
MESSAGE_BYTES = 3000  # of a plain message's text
SLOT_PARTS = ("text", "data", "style", "url", "show")
PRESS, LINK = "press", "link"
NOTE = "note"  # private: what one person alone is told on the card

_STYLES = {"primary": "blue", "danger": "red", "plain": "gray"}
_WIDE = str.maketrans("[]<>*`|\\", "［］＜＞＊｀｜＼")


def variables() -> list[str]:
    """The names of all variables of the template, in its order; `note` is private."""
    words = [
        "source",
        "title",
        "status",
        "lead",
        "facts",
        "more",
        "picture",
        "picture_show",
        "footer",
    ]
    slots = [f"b{n}_{part}" for n in range(1, SLOTS + 1) for part in SLOT_PARTS]
    return [*words, *slots, NOTE]


def card_params(
    card: Card, tokens: Mapping[str, str], page: str, *, picture: str = ""
) -> dict[str, str]:
    """Every public variable of the template, so that an update by key leaves nothing behind."""
    facts, more = _facts(card)
    found = {
        "source": "接力 · 紧急" if card.urgent and not card.closed else "接力",
        "title": cut_bytes(card.title, VALUE_BYTES),
        "status": "closed" if card.closed else "open",
        "lead": cut_bytes(_headline(card), VALUE_BYTES),
        "facts": facts,
        "more": more,
        "picture": picture,
        "picture_show": "yes" if picture else "",
        "footer": "" if card.closed else cut_bytes(card.footer, VALUE_BYTES),
    }
    shown = _slots(card, tokens, page)
    for number in range(1, SLOTS + 1):
        press = shown[number - 1] if number <= len(shown) else None
        found |= {f"b{number}_{part}": value for part, value in _slot(press).items()}
    return found


def plain_message(card: Card, page: str) -> tuple[str, dict[str, str]]:
    """The same as a robot's message: its msgKey and parameters, with a button to the page."""
    lines = [f"### {_plain(card.title)}", _plain(_headline(card))]
    lines += [f"- **{_plain(fact.label)}**：{_plain(fact.value)}" for fact in card.facts]
    lines.append("" if card.closed else _plain(card.footer))
    text = cut_bytes("\n\n".join(line for line in lines if line), MESSAGE_BYTES)
    title = cut(card.title, 60)
    if card.closed or not page:
        return "sampleMarkdown", {"title": title, "text": text}
    link = {"singleTitle": OPEN, "singleURL": page}
    return "sampleActionCard", {"title": title, "text": text, **link}


def _headline(card: Card) -> str:
    """The line under the title: what is waited for, or how it ended."""
    return (card.result if card.closed else card.lead) or card.lead


def _facts(card: Card) -> tuple[str, str]:
    """All facts as Markdown lines in two values, the first filled first."""
    values: list[list[str]] = [[], []]
    for fact in card.facts:
        line = cut_bytes(f"**{_plain(fact.label)}**：{_plain(fact.value)}", VALUE_BYTES)
        here = 0 if not values[1] and _fits(values[0], line) else 1
        if here and not _fits(values[1], line):
            break
        values[here].append(line)
    return "\n\n".join(values[0]), "\n\n".join(values[1])


def _fits(lines: list[str], line: str) -> bool:
    return len("\n\n".join([*lines, line]).encode()) <= VALUE_BYTES


def _slots(card: Card, tokens: Mapping[str, str], page: str) -> list[Press]:
    """At most six buttons; the last leads to the page when there are more, or one does not fit."""
    wanted = presses(card, tokens, page, data_bytes=VALUE_BYTES)
    fitting = [each for each in wanted if len((each.url or each.data).encode()) <= VALUE_BYTES]
    if len(fitting) == len(wanted) <= SLOTS:
        return wanted
    # Not cut between the options of one button: half a list would look like all there is.
    room = SLOTS - 1
    kept = [each for each in fitting if each.url != page][:room]
    if len(fitting) > room:
        kept = _whole(kept, fitting)
    return [*kept, Press(MORE, url=page)]


def _whole(kept: list[Press], all_of_them: list[Press]) -> list[Press]:
    """`kept` without the options of a button whose other options are not among them."""
    left = {_owner(each) for each in all_of_them[len(kept) :] if each.data}
    whole = [each for each in kept if _owner(each) not in left]
    return whole or kept


def _owner(press: Press) -> str:
    """What the options of one button have in common: its token."""
    return press.data.partition("~")[0]


def _slot(press: Press | None) -> dict[str, str]:
    if press is None:
        return dict.fromkeys(SLOT_PARTS, "")
    return {
        "text": cut(press.label, LABEL),
        "data": press.data,
        "style": _STYLES[press.style],
        "url": press.url,
        "show": LINK if press.url else PRESS,
    }


def _plain(text: str) -> str:
    """Words of people inside Markdown: on one line, and no mark of theirs means anything."""
    return re.sub(r"\s+", " ", text).strip().translate(_WIDE)
