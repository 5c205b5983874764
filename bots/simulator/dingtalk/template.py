"""How the vendor's app draws a card: the exported template, filled with a card's variables.

Reads only the parts of the builder's format that an exported template of the demo uses. Knows no
product's variables: what is shown, and what a button sends, is what the template says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

JsonObject = dict[str, Any]


class Template:
    """One published template."""

    def __init__(self, exported: Mapping[str, Any]) -> None:
        editor = orjson.loads(exported["editorData"])
        self.variables = {each["name"] for each in editor["variableList"]}
        self._roots: list[JsonObject] = editor["schema"]["componentsTree"]

    def blocks(self, values: Mapping[str, str]) -> list[JsonObject]:
        """What is to be seen, from top to bottom; empty texts take no room."""
        return [block for root in self._roots for block in _drawn(root, values)]


def _drawn(node: JsonObject, values: Mapping[str, str]) -> Iterator[JsonObject]:
    props = node["props"]
    if not _visible(props.get("visible"), values):
        return
    kind = node["componentName"]
    if kind == "BaseText":
        if words := _string(props["text"], values):
            yield {"type": "text", "text": words, "bold": bool(props.get("bold"))} | _size(props)
    elif kind == "Markdown":
        if words := _value(props["content"], values):
            yield {"type": "markdown", "text": words}
    elif kind == "Image":
        yield {"type": "image", "media": _value(props["images"], values)}
    elif kind == "SingleButton":
        yield _button(props, values)
    for child in node.get("children", ()):
        yield from _drawn(child, values)


def _size(props: JsonObject) -> JsonObject:
    return {"size": int(props.get("customFontSize", 14))}


def _button(props: JsonObject, values: Mapping[str, str]) -> JsonObject:
    button = {
        "type": "button",
        "text": _string(props["text"], values),
        "color": _value(props["color"], values),
        "action": props["actionType"],
    }
    if props["actionType"] == "url":
        return button | {"url": _value(props["url"], values)}
    params = {each["name"]: _param(each, values) for each in props.get("params", ())}
    return button | {"action_id": _string(props["actionId"], values), "params": params}


def _param(param: JsonObject, values: Mapping[str, str]) -> str:
    if param["type"] == "variable":
        return values.get(param["variable"], "")
    return str(param["value"])


def _string(prop: JsonObject, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], ""), prop["content"])


def _value(prop: JsonObject, values: Mapping[str, str]) -> str:
    if prop["valueType"] == "variable":
        return values.get(prop["variable"], "")
    return str(prop["value"])


def _visible(prop: JsonObject | None, values: Mapping[str, str]) -> bool:
    if prop is None or prop["valueType"] == "fixed":
        return True if prop is None else bool(prop["value"])
    tests = prop["condition"]["conditions"]
    found = [_holds(each, values) for each in tests]
    return all(found) if prop["condition"]["op"] == "and" else any(found)


def _holds(test: JsonObject, values: Mapping[str, str]) -> bool:
    assert test["op"] == "equal", f"the simulator does not know the condition {test['op']}"
    return values.get(test["variable"], "") == str(test["value"])
