"""What fills the sentences of refusals has its English beside it: no half translated sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.english import DOINGS, REASONS, THINGS, WORDS, english
from core.errors import INVALID, AppError

ROOT = Path(__file__).parents[2]
CHINESE = re.compile("[\u4e00-\u9fff]")
BESIDE = {"why_en", "verb_en", "who_en"}  # the word's English stands in the same call


# an English mark between two Chinese characters, or at the end of what is said in Chinese
HALF = re.compile("[\u4e00-\u9fff」）][,;:!?](?=[\u4e00-\u9fff「（]|$)")


def words_of(node: ast.AST) -> Iterator[str]:
    """Every literal in an expression; `{}` stands for what is computed."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from words_of(part.value)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
    else:
        for each in ast.iter_child_nodes(node):
            yield from words_of(each)


def sources() -> list[Path]:
    found = [
        path for face in ("core", "api", "bots", "pda") for path in (ROOT / face).rglob("*.py")
    ]
    return [path for path in found if "node_modules" not in path.parts]


def said() -> Iterator[tuple[str, str]]:
    """(where, words) of every Chinese literal that fills a refusal."""
    files = [
        path for part in ("core", "api", "bots", "pda") for path in (ROOT / part).rglob("*.py")
    ]
    for path in files:
        if "node_modules" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            called = getattr(node, "func", None)
            if not isinstance(node, ast.Call) or getattr(called, "id", "") != "AppError":
                continue
            beside = {f"{each.arg}" for each in node.keywords} & BESIDE
            for each in node.keywords:
                if f"{each.arg}_en" in beside:
                    continue
                for words in words_of(each.value):
                    if CHINESE.search(words):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", words


def test_every_word_that_fills_a_refusal_has_its_english() -> None:
    found = list(said())
    assert len(found) > 300, "the reading of the code found next to nothing"
    missing = [f"{where}: {words}" for where, words in found if words not in WORDS]
    assert not missing, "write their English in core/english.py:\n" + "\n".join(missing)
    assert not [en for en in WORDS.values() if CHINESE.search(en)]


def test_chinese_sentences_have_chinese_marks() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value[:60]}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and HALF.search(node.value)
        and "\n" not in node.value.strip()
    ]
    assert not found, "write ，：；！？ in Chinese:\n" + "\n".join(found)


def test_no_word_is_there_twice() -> None:
    """The second would silently stand for the first."""
    assert len(WORDS) == len(THINGS) + len(DOINGS) + len(REASONS)


def test_every_english_takes_what_its_chinese_takes() -> None:
    assert not [zh for zh, en in WORDS.items() if zh.count("{}") != en.count("{}")]


@pytest.mark.parametrize(
    ("zh", "en"),
    [
        ("采购单", "purchase order"),
        ("采购单 CG-0301", "purchase order CG-0301"),
        ("低糖基料 1kg 的上架", "putaway of 低糖基料 1kg"),
        ("销售单 XS-7 的打包", "packing of sale XS-7"),
        ("ZJ-A 不是 张江仓 的库位", "ZJ-A is no location of 张江仓"),
        ("燕麦奶 1L", "燕麦奶 1L"),
        ("BOLT {x}", "BOLT {x}"),
        ("采购单 {0}", "purchase order {0}"),
    ],
)
def test_words_are_translated_and_names_are_kept(zh: str, en: str) -> None:
    assert english(zh) == en


def test_a_fact_in_english_beats_the_glossary() -> None:
    refusal = AppError(INVALID, field="数量", why="不是数字", why_en="no digits in it")
    assert "“quantity” is not right: no digits in it." in refusal.say("en")
    assert "「数量」填得不对：不是数字。" in refusal.say("zh")
