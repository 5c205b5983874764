"""What somebody meant by the words they typed; the list of what can be typed. Pure.

Not for doing it (commands.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True)
class Stock:
    """库存 <货品>"""

    goods: str


@dataclass(frozen=True, slots=True)
class ToDo:
    """待办: what waits for me."""


@dataclass(frozen=True, slots=True)
class Mine:
    """我的: what I hold and what I asked of others."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """调拨 <货品> <数量> 到<仓>"""

    goods: str
    amount: str
    unit: str
    to: str


@dataclass(frozen=True, slots=True)
class Escalate:
    """升级 [<end of the task's number>] [<why>]"""

    which: str
    why: str


@dataclass(frozen=True, slots=True)
class Attach:
    """照片 <end of the task's number>: where the photos go that I just sent."""

    which: str


@dataclass(frozen=True, slots=True)
class Code:
    """扫码 <end of the task's number>: a QR code with which a scanner opens that task."""

    which: str


@dataclass(frozen=True, slots=True)
class Help:
    """帮助"""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing of these; `likely` are the three that come nearest."""

    text: str
    likely: tuple[str, ...]


Command = Stock | ToDo | Mine | Transfer | Escalate | Attach | Code | Help | Unknown

EXAMPLES = (
    ("库存 JL-203", "一种货还有多少，在哪个仓"),
    ("待办", "等你处理的事"),
    ("我的", "你认领的和你发起的事"),
    ("调拨 JL-203 2 箱 到松江仓", "请别的仓发货过来"),
    ("升级 3f2a 客户在催", "不等期限，现在就交给上一级"),
    ("照片 3f2a", "刚发的照片附到这件事；直接回复卡片发照片更快"),
    ("扫码 3f2a", "给扫码枪扫的二维码，一扫就打开这件事"),
    ("帮助", "这张单子"),
)
HELP = "可以这样打字：\n" + "\n".join(f"· {words}（{what}）" for words, what in EXAMPLES)
_HELPS = frozenset({"帮助", "help", "?", "？", "菜单", "怎么用", "你好", "在吗"})
_STOCK = re.compile(r"(?:查\s*)?(?:库存|现货)\s*(?P<goods>.+)|查\s+(?P<again>.+)")
_TRANSFER = re.compile(
    r"调拨\s*(?P<goods>\S+)\s+(?P<amount>[\d.,]+)\s*(?P<unit>\S*?)\s*(?:到|至|去)\s*(?P<to>\S.*)"
)
_CODE = re.compile(r"(?:扫码|二维码)\s*〔?(?P<which>[0-9a-fA-F]{4,32})〕?")
_BIND = re.compile(r"(?:绑定|/start|/bind)\s*[:：]?\s*(?P<code>[0-9A-Za-z]{8})")
_ATTACH = re.compile(r"(?:照片|附图|图片)\s*〔?(?P<which>[0-9a-fA-F]{4,32})〕?")
_ESCALATE = re.compile(r"升级(?:\s*(?P<which>[0-9a-fA-F]{4,32})\b)?\s*(?P<why>.*)", re.DOTALL)


def code_in(text: str) -> str:
    """The one-time code of 「绑定 ABCD2345」 or a deep link's 「/start ABCD2345」; else empty."""
    found = _BIND.fullmatch(text.strip())
    return found["code"].upper() if found else ""


def understand(text: str) -> Command:
    """What somebody meant. Spaces, full-width forms and polite endings do not matter."""
    words = re.sub(r"\s+", " ", text.replace("\u3000", " ")).strip(" 。！!,，")
    if words.lower() in _HELPS:
        return Help()
    if words in ("待办", "任务", "我的待办"):
        return ToDo()
    if words in ("我的", "我的任务"):
        return Mine()
    if found := _TRANSFER.fullmatch(words):
        return Transfer(found["goods"], found["amount"], found["unit"], found["to"].strip())
    if found := _ESCALATE.fullmatch(words):
        return Escalate((found["which"] or "").lower(), found["why"].strip())
    if found := _ATTACH.fullmatch(words):
        return Attach(found["which"].lower())
    if found := _CODE.fullmatch(words):
        return Code(found["which"].lower())
    if found := _STOCK.fullmatch(words):
        return Stock((found["goods"] or found["again"]).strip())
    return Unknown(words[:40], _likely(words))


def _likely(words: str) -> tuple[str, ...]:
    def near(example: str) -> float:
        name = example.partition(" ")[0]
        head = words[: len(name) + 1]
        return SequenceMatcher(None, head, name).ratio() + 0.1 * (name[0] in words)

    ranked = sorted((words for words, _ in EXAMPLES), key=near, reverse=True)
    return tuple(ranked[:3])
