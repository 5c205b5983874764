"""A Card in Telegram's words: HTML text or caption, and rows of buttons. Pure, no network.

The title is bold, the last line says when it goes to whom (or, once closed, the second how it
ended). What is too long is cut in the middle: title, result and last line are what a person needs.
A quantity, a photo or a text cannot be asked on a button: bots/presses makes a link of it.
Lengths are counted in UTF-16 units. Telegram itself seems to count characters, which are never
more, so this is the safe side. Source: channels.md §3.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from unicodedata import east_asian_width
from urllib.parse import urlsplit

from bots.presses import OPEN, Press, presses
from bots.text import cut
from core.outbox.card import Card

TEXT = 4096
CAPTION = 1024
DATA_BYTES = 64
BUTTONS = 100
MORE = "更多操作"
URGENT = "【紧急】"

_TITLE = 200
_END = 300
_LABEL = 40
_HALF_ROW = 14  # columns of a label that still reads well on half a phone's width
_UNSENDABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

Rows = tuple[tuple[Press, ...], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as it goes out. `units` is the length that the limit is about."""

    html: str
    units: int
    rows: Rows = ()


def shown(card: Card, tokens: Mapping[str, str], page: str, *, limit: int = TEXT) -> Shown:
    """`card` as a message; `limit` is TEXT, or CAPTION under a picture."""
    made = presses(card, tokens, page, data_bytes=DATA_BYTES)
    pressable = [each for each in made if not each.url or opens(each.url)]
    title = _clean((URGENT if card.urgent and not card.closed else "") + card.title)
    title = cut_units(title, _TITLE)
    end, spelled = _end(card), _spelled(made, card)
    room = limit - units(title) - units(end) - units(spelled) - 6
    middle, is_cut = _middle(card, max(room, 0))
    if is_cut and not card.closed and opens(page) and all(each.url != page for each in pressable):
        pressable.append(Press(OPEN, url=page))
    parts = [f"<b>{escape(title)}</b>" if title else "", *map(escape, (middle, spelled))]
    parts.append(f"<i>{escape(end)}</i>" if end and not card.closed else escape(end))
    if card.closed:  # how it ended stands where the lead stood
        parts = [parts[0], parts[3], parts[1]]
    plain = [each for each in (title, middle, spelled, end) if each]
    total = sum(map(units, plain)) + 2 * max(len(plain) - 1, 0)
    return Shown("\n\n".join(each for each in parts if each), total, rows(pressable, page))


def plain_words(card: Card, page: str) -> str:
    """The same card without any mark-up and buttons, for when Telegram refuses those."""
    lines = [f"【{card.title}】", (card.result or card.lead) if card.closed else card.lead]
    lines += [f"{fact.label}：{fact.value}" for fact in card.facts]
    tail = [] if card.closed else [card.footer, f"{OPEN}：{page}"]
    end = "\n".join(_clean(each) for each in tail if each)
    words = "\n".join(_clean(line) for line in lines if line)
    return cut_units(words, TEXT - units(end) - 1) + ("\n" + end if end else "")


def opens(url: str) -> bool:
    """Whether Telegram takes `url` on a button: a web address whose host has a dot in it.

    `http://localhost/…` and names of an office network without a dot are refused there
    (rubenlagus/TelegramBots#302), so they are spelled out in the text instead.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and ("." in host.strip(".") or ":" in host)


def rows(pressable: list[Press], page: str) -> Rows:
    """One or two buttons a row, two only where both labels are short enough for a thumb."""
    if len(pressable) > BUTTONS:
        kept = BUTTONS - 1 if opens(page) else BUTTONS
        more = [Press(MORE, url=page)] if opens(page) else []
        pressable = [*pressable[:kept], *more]
    found: list[tuple[Press, ...]] = []
    for each in pressable:
        last = found[-1] if found else ()
        if len(last) == 1 and _is_short(last[0]) and _is_short(each):
            found[-1] = (last[0], each)
        else:
            found.append((each,))
    return tuple(found)


def label_of(press: Press) -> str:
    """The words on a button; Telegram wants at least one character."""
    return cut(_clean(press.label), _LABEL) or "…"


def escape(text: str) -> str:
    """`text` as it stands in HTML: &, < and > are the only characters that mean something."""
    return html.escape(text, quote=False)


def units(text: str) -> int:
    """The length of `text` in UTF-16 units: 2 for an emoji, 1 for a Chinese character."""
    return len(text) + sum(each > "\uffff" for each in text)


def cut_units(text: str, limit: int) -> str:
    """`text` in at most `limit` UTF-16 units, ending in … where something is missing."""
    if units(text) <= limit:
        return text
    room, kept = limit - 1, 0
    for each in text:
        room -= units(each)
        if room < 0:
            break
        kept += 1
    return (text[:kept].rstrip() + "…") if limit > 0 else ""


def _end(card: Card) -> str:
    """The line that must not be lost: whom it goes to next, or how it ended."""
    return cut_units(_clean((card.result or card.lead) if card.closed else card.footer), _END)


def _middle(card: Card, room: int) -> tuple[str, bool]:
    """Lead and facts in `room` units, and whether something is missing."""
    lines = [] if card.closed or not card.lead else [card.lead]
    facts = [f"{fact.label}：{fact.value}" for fact in card.facts]
    whole = _clean("\n\n".join(each for each in ("\n".join(lines), "\n".join(facts)) if each))
    return cut_units(whole, room), units(whole) > room


def _spelled(made: list[Press], card: Card) -> str:
    """Addresses that cannot stand on a button, to be tapped or typed from the text."""
    if card.closed:
        return ""
    lines = [f"{each.label}：{each.url}" for each in made if each.url and not opens(each.url)]
    return cut_units(_clean("\n".join(lines)), _END)


def _clean(text: str) -> str:
    """Without control characters and halves of characters: neither can be sent."""
    return _UNSENDABLE.sub("", text).strip()


def _is_short(press: Press) -> bool:
    columns = sum(2 if east_asian_width(each) in "FW" else 1 for each in label_of(press))
    return columns <= _HALF_ROW
