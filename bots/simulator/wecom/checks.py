"""What WeCom refuses in a message, with the errcode it answers; the vendor's side of the limits.

Kept apart from bots/wecom/limits.py on purpose: the adapter's own check must not be its judge.
Codes that nobody has published are answered as 40058, "bad parameter" (channels.md §7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

BAD = 40058
NO_TITLE = 41016
NO_CARD_ACTION = 42045
BAD_MEDIA = 40007

INTERACTIVE = ("button_interaction", "vote_interaction", "multiple_interaction")
NOTICES = ("text_notice", "news_notice")
ALLOWED = set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-@")

Complaint = tuple[int, str]


def complaint(card: Any, has_media: Callable[[str], bool], *, new: bool) -> Complaint | None:
    """The first thing wrong with a template_card; None when it is taken."""
    if not isinstance(card, dict) or not card:
        return NO_TITLE, "missing title"
    return next(_complaints(card, has_media, new=new), None)


def textcard_complaint(card: Any) -> Complaint | None:
    """The first thing wrong with a textcard; sizes are in bytes, the button's in letters."""
    if not isinstance(card, dict):
        return BAD, "textcard is required"
    for name, most in (("title", 128), ("description", 512), ("url", 2048)):
        value = card.get(name)
        if not isinstance(value, str) or not 1 <= len(value.encode()) <= most:
            return BAD, f"textcard.{name} must have 1 to {most} bytes"
    if len(str(card.get("btntxt") or "")) > 4:
        return BAD, "textcard.btntxt has more than 4 letters"
    return None


def _complaints(
    card: dict[str, Any], has_media: Callable[[str], bool], *, new: bool
) -> Iterator[Complaint]:
    kind = card.get("card_type")
    if kind not in INTERACTIVE + NOTICES:
        yield BAD, f"invalid card_type {kind}"
        return
    title = (card.get("main_title") or {}).get("title")
    if not title and not (kind == "text_notice" and card.get("sub_title_text")):
        yield NO_TITLE, "missing title"
    if kind in NOTICES and (card.get("card_action") or {}).get("type") not in (1, 2):
        yield NO_CARD_ACTION, "template_card.card_action.type invalid"
    if kind == "news_notice" and not (card.get("card_image") or card.get("image_text_area")):
        yield BAD, "card_image or image_text_area is required"
    if new and (kind in INTERACTIVE or card.get("action_menu")):
        yield from _task_id(card.get("task_id"))
    yield from _sizes(card)
    yield from _rows(card, has_media)
    if kind == "button_interaction":
        yield from _buttons(card)
    if kind == "multiple_interaction":
        yield from _form(card)


def _task_id(task_id: Any) -> Iterator[Complaint]:
    if not isinstance(task_id, str) or not 1 <= len(task_id.encode()) <= 128:
        yield BAD, "task_id must have 1 to 128 bytes"
    elif set(task_id) - ALLOWED:
        yield BAD, "task_id has other characters than 0-9 A-Z a-z _ - @"


def _sizes(card: dict[str, Any]) -> Iterator[Complaint]:
    most = {
        "horizontal_content_list": 6,
        "jump_list": 3,
        "vertical_content_list": 4,
        "button_list": 6,
        "select_list": 3,
    }
    for name, limit in most.items():
        if len(card.get(name) or ()) > limit:
            yield BAD, f"{name} has more than {limit} entries"


def _rows(card: dict[str, Any], has_media: Callable[[str], bool]) -> Iterator[Complaint]:
    for row in card.get("horizontal_content_list") or ():
        if not row.get("keyname"):
            yield BAD, "horizontal_content_list.keyname is required"
        if row.get("type") == 1 and not row.get("url"):
            yield BAD, "horizontal_content_list.url is required for type 1"
        if row.get("type") == 2 and not has_media(row.get("media_id", "")):
            yield BAD_MEDIA, "invalid media_id"


def _buttons(card: dict[str, Any]) -> Iterator[Complaint]:
    buttons = card.get("button_list") or []
    if not buttons:
        yield BAD, "button_list is required"
    for button in buttons:
        if not button.get("text"):
            yield BAD, "button text is required"
        if button.get("type", 0) == 1 and not button.get("url"):
            yield BAD, "button url is required for type 1"
        if button.get("style", 1) not in (1, 2, 3, 4):
            yield BAD, "button style must be 1 to 4"
    yield from _keys(button.get("key") for button in buttons if button.get("type", 0) == 0)
    if "button_selection" in card:
        yield from _selector(card["button_selection"])


def _form(card: dict[str, Any]) -> Iterator[Complaint]:
    selectors = card.get("select_list") or []
    if not selectors:
        yield BAD, "select_list is required"
    for selector in selectors:
        yield from _selector(selector)
    submit = card.get("submit_button") or {}
    if not submit.get("text"):
        yield BAD, "submit_button is required"
    yield from _keys([submit.get("key")])


def _selector(selector: dict[str, Any]) -> Iterator[Complaint]:
    options = selector.get("option_list") or []
    ids = [option.get("id") or "" for option in options]
    if not selector.get("question_key"):
        yield BAD, "question_key is required"
    if not 1 <= len(options) <= 10:
        yield BAD, "option_list must have 1 to 10 entries"
    if len(set(ids)) != len(ids) or any(not 1 <= len(each.encode()) <= 128 for each in ids):
        yield BAD, "option ids must differ and have 1 to 128 bytes"


def _keys(keys: Iterable[Any]) -> Iterator[Complaint]:
    seen: set[str] = set()
    for key in keys:
        if not isinstance(key, str) or not 1 <= len(key.encode()) <= 1024:
            yield BAD, "a key must have 1 to 1024 bytes"
        elif key in seen:
            yield BAD, "keys must differ"
        else:
            seen.add(key)
