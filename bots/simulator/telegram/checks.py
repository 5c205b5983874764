"""What Telegram refuses in a message, with the words it answers; the vendor's side of the limits.

Kept apart from bots/telegram on purpose: the adapter's own check must not be its judge. Where only
the stricter of two readings is published (a bare & or > in HTML, lengths in UTF-16 units) the
stricter one is played. Sources: channels.md §3; hosts without a dot: rubenlagus/TelegramBots#302.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

MAX_TEXT, MAX_CAPTION, MAX_PRESS_WORDS = 4096, 1024, 200
MAX_DATA_BYTES, MAX_BUTTONS, MAX_IN_ROW = 64, 100, 8
MAX_PHOTO, MAX_UPLOAD, MAX_DOWNLOAD = 10 << 20, 50 << 20, 20 << 20

JsonObject = dict[str, Any]

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "blockquote": "blockquote",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_TOKEN = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)([^<>]*)>|&(#?\w+);|([<>&])|([^<>&]+)")


class ApiError(Exception):
    """An answer with ok=false."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        self.code, self.description, self.parameters = code, description, parameters
        super().__init__(description)


def bad(words: str) -> ApiError:
    """400: what was asked cannot be done."""
    return ApiError(400, f"Bad Request: {words}")


def width(text: str) -> int:
    """UTF-16 units, in which Telegram counts the places of entities."""
    return len(text.encode("utf-16-le")) // 2


def parsed(text: str, mode: str) -> tuple[str, list[JsonObject]]:
    """The text as people see it, and where it is bold and so on.

    Raises:
        ApiError: the mark-up is wrong.
    """
    if not mode:
        return text.strip(), []
    if mode.lower() != "html":
        raise bad("unsupported parse_mode")
    plain, entities, opened = "", [], list[tuple[str, JsonObject]]()
    for found in _TOKEN.finditer(text):
        closing, tag, rest, named, bare, words = found.groups()
        at = len(text[: found.start()].encode())
        if words is not None:
            plain += words
        elif named is not None:
            plain += _entity(named, at)
        elif bare is not None:
            raise bad(
                f"can't parse entities: Character '{bare}' at byte offset {at} is not escaped"
            )
        elif closing:
            if not opened or opened[-1][0] != tag.lower():
                raise bad(f"can't parse entities: Unexpected end tag at byte offset {at}")
            entity = opened.pop()[1]
            entity["length"] = width(plain) - entity["offset"]
            entities.append(entity)
        else:
            opened.append((tag.lower(), _opened(tag.lower(), rest, width(plain), at)))
    if opened:
        raise bad(
            f"can't parse entities: Can't find end tag corresponding to start tag {opened[-1][0]}"
        )
    return plain.strip(), [each for each in entities if each["length"]]


def _opened(tag: str, rest: str, offset: int, at: int) -> JsonObject:
    if tag not in _TAGS:
        raise bad(f'can\'t parse entities: Unsupported start tag "{tag}" at byte offset {at}')
    entity: JsonObject = {"type": _TAGS[tag], "offset": offset, "length": 0}
    if tag == "a":
        link = re.search(r'href="([^"]*)"', rest)
        entity["url"] = link.group(1) if link else ""
    return entity


def _entity(named: str, at: int) -> str:
    if named in _NAMED:
        return _NAMED[named]
    number = re.fullmatch(r"#(\d{1,7})", named)
    if number is None or not 0 < int(number.group(1)) < 0x110000:
        raise bad(f"can't parse entities: Unsupported entity at byte offset {at}")
    return chr(int(number.group(1)))


def words_of(text: object, mode: object, limit: int) -> tuple[str, list[JsonObject]]:
    """A checked text or caption."""
    plain, entities = parsed(str(text or ""), str(mode or ""))
    if width(plain) > limit:
        raise bad("message is too long" if limit == MAX_TEXT else "message caption is too long")
    return plain, entities


def keyboard(markup: Any) -> JsonObject | None:
    """A checked inline keyboard; None without one."""
    if not markup:
        return None
    rows = markup.get("inline_keyboard") if isinstance(markup, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad("can't parse reply keyboard markup JSON object")
    if any(len(row) > MAX_IN_ROW for row in rows) or sum(map(len, rows)) > MAX_BUTTONS:
        raise bad("reply markup is too long")
    kept = [[_button(each) for each in row] for row in rows if row]
    return {"inline_keyboard": kept} if kept else None


def _button(button: Any) -> JsonObject:
    if not isinstance(button, dict) or not str(button.get("text") or "").strip():
        raise bad("can't parse inline keyboard button: Text buttons must have text")
    if button.get("style") not in {None, "primary", "success", "danger"}:
        raise bad("BUTTON_STYLE_INVALID")
    data, url, app = button.get("callback_data"), button.get("url"), button.get("web_app")
    if sum(each is not None for each in (data, url, app)) != 1:
        raise bad("can't parse inline keyboard button: Text buttons are unallowed")
    if app is not None:
        _web_app(app)
    if data is not None and not 1 <= len(str(data).encode()) <= MAX_DATA_BYTES:
        raise bad("BUTTON_DATA_INVALID")
    if url is not None:
        _link(str(url))
    return dict(button)


def _web_app(app: Any) -> None:
    """A page inside the app: Telegram takes https addresses only."""
    url = str(app.get("url") or "") if isinstance(app, dict) else ""
    if not url.startswith("https://"):
        raise bad(f"inline keyboard button Web App URL '{url}' is invalid: Only HTTPS links")
    _link(url)


def _link(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise bad(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL") from None
    if parts.scheme == "tg":
        return
    if parts.scheme not in {"http", "https"}:
        raise bad(f"inline keyboard button URL '{url}' is invalid: Unsupported URL protocol")
    if "." not in host.strip(".") and ":" not in host:
        raise bad(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
