"""WeCom's hard limits on a template_card, checked here so that no card is refused there.

Written from channels.md §1.2, apart from the renderer that must keep them and from the simulator
that enforces them on its own.
"""

from __future__ import annotations

import re
from typing import Any

_TASK_ID = re.compile(r"[0-9A-Za-z_\-@]{1,128}", re.ASCII)
KEY_BYTES = 1024
ID_BYTES = 128
_INTERACTIVE = frozenset({"button_interaction", "vote_interaction", "multiple_interaction"})

JsonObject = dict[str, Any]


def broken_limit(card: JsonObject) -> str:
    """The first hard limit `card` breaks, in words; "" when WeCom should take it."""
    kind = card.get("card_type", "")
    checks = [_identity(card, kind), _lists(card, kind), _choices(card), _keys(card)]
    return next((problem for problem in checks if problem), "")


def _identity(card: JsonObject, kind: str) -> str:
    if kind not in _INTERACTIVE | {"text_notice", "news_notice"}:
        return f"card_type {kind!r} is unknown"
    if kind in _INTERACTIVE and not _TASK_ID.fullmatch(card.get("task_id", "")):
        return "task_id must be 1..128 of [0-9A-Za-z_-@]"
    titled = card.get("main_title", {}).get("title")
    if not titled and not (kind == "text_notice" and card.get("sub_title_text")):
        return "main_title.title is required"
    if kind.endswith("_notice") and card.get("card_action", {}).get("type") not in {1, 2}:
        return "card_action with type 1 or 2 is required"
    return ""


def _lists(card: JsonObject, kind: str) -> str:
    sizes = (
        ("horizontal_content_list", 0, 6),
        ("jump_list", 0, 3),
        ("vertical_content_list", 0, 4),
        ("button_list", 1 if kind == "button_interaction" else 0, 6),
        ("select_list", 1 if kind == "multiple_interaction" else 0, 3),
    )
    for name, least, most in sizes:
        if not least <= len(card.get(name, ())) <= most:
            return f"{name} must have {least}..{most} entries"
    if kind == "multiple_interaction" and not card.get("submit_button", {}).get("key"):
        return "submit_button is required"
    return ""


def _choices(card: JsonObject) -> str:
    selectors = [*card.get("select_list", ())]
    selectors += [card["button_selection"]] if "button_selection" in card else []
    for selector in selectors:
        ids = [option["id"] for option in selector["option_list"]]
        if not 1 <= len(ids) <= 10 or len(set(ids)) != len(ids):
            return "a selector must have 1..10 different options"
        if any(not 1 <= len(each.encode()) <= ID_BYTES for each in ids):
            return "an option id must be 1..128 bytes"
    questions = [selector["question_key"] for selector in selectors]
    if len(set(questions)) != len(questions):
        return "question keys must differ"
    return ""


def _keys(card: JsonObject) -> str:
    buttons = [each for each in card.get("button_list", ()) if each.get("type", 0) == 0]
    keys = [each.get("key", "") for each in buttons]
    keys += [card["submit_button"].get("key", "")] if "submit_button" in card else []
    if len(set(keys)) != len(keys):
        return "button keys must differ"
    if any(not 1 <= len(key.encode()) <= KEY_BYTES for key in keys):
        return "a button key must be 1..1024 bytes"
    if any(each.get("type") == 1 and not each.get("url") for each in card.get("button_list", ())):
        return "a link button needs a url"
    return ""
