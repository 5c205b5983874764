"""What a person filled in before pressing, held against what the button asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import INVALID, AppError
from core.outbox.card import Button, Field
from core.quantity import parse


def check_inputs(button: Button, given: Mapping[str, Any]) -> None:
    """Refuse what cannot be an answer to what `button` asks.

    Raises:
        AppError(invalid, bad_quantity): names the box.
    """
    for asked in button.inputs:
        value = given.get(asked.key)
        if value is None or not str(value).strip() or value == []:
            if asked.required:
                raise AppError(INVALID, field=asked.label, why="必须填写")
            continue
        _check_input(asked, value)


def _check_input(asked: Field, value: Any) -> None:
    if asked.kind == "quantity":
        parse(str(value))
    elif asked.kind == "photo":
        many = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(each, str) for each in many):
            raise AppError(INVALID, field=asked.label, why="应是上传后得到的文件编号")
    elif not isinstance(value, str | int):
        raise AppError(INVALID, field=asked.label, why="应是文字")
    elif asked.kind == "choice" and not asked.free and _is_no_option(asked, value):
        raise AppError(INVALID, field=asked.label, why="不在可选项里")


def _is_no_option(asked: Field, value: Any) -> bool:
    return str(value) not in {key for key, _ in asked.options}
