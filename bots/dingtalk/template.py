"""Our card template in the form that DingTalk's card builder imports and exports.

`python -m bots.dingtalk.template` writes card_template.json beside this file; a test says when it
is stale. Only properties that appear in published exports are set, the rest is left to the builder.
Not imported by the product: what the template is filled with is render.py.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson

from bots.dingtalk.render import LINK, NOTE, PRESS, SLOTS, variables

FILE = Path(__file__).with_name("card_template.json")

JsonObject = dict[str, Any]

_SAMPLE = {
    "source": "接力",
    "title": "质检不合格：低糖基料 24 箱",
    "status": "open",
    "lead": "张江仓等结果，还剩 46 小时",
    "facts": "**批次**：L-7\n\n**数量**：24 箱 = 288 件",
    "footer": "48 小时没人处理，会转给赵敏。",
    "b1_text": "退回供应商",
    "b1_data": "a1:sample",
    "b1_style": "red",
    "b1_show": PRESS,
    "b2_text": "打开任务",
    "b2_style": "gray",
    "b2_url": "https://jieli.example/tasks/1",
    "b2_show": LINK,
}


def export() -> JsonObject:
    """The whole file: `editorData` is JSON inside JSON, as the builder writes it."""
    editor = orjson.dumps(_editor()).decode()
    return {"editorData": editor, "widgetInfo": "", "type": "im", "mode": "card"}


def _editor() -> JsonObject:
    blocks = [
        _text("source", size=12, colour="common_level3_base_color"),
        _text("title", size=17, bold=True),
        _text("lead", size=15),
        _markdown("facts"),
        _markdown("more"),
        _image("picture"),
        _text("footer", size=12, colour="common_level2_base_color"),
        _text(NOTE, size=14, colour="common_orange1_color"),
    ]
    for number in range(1, SLOTS + 1):
        blocks += [_button(number, PRESS), _button(number, LINK)]
    root = _node("Card", "jieli_card", {"summaryContent": _value_of("title")}) | {
        "children": blocks
    }
    kinds = ["BaseText", "Markdown", "Image", "SingleButton", "Card"]
    return {
        "schemaVersion": "3.0.0",
        "schema": {
            "version": "1.0.0",
            "componentsMap": [_component(kind) for kind in kinds],
            "componentsTree": [root],
            "i18n": {},
        },
        "mockData": {
            "cardData": dict.fromkeys(variables(), "") | _SAMPLE,
            "cardPrivateData": {NOTE: ""},
            "localData": {},
            "richTextData": {},
        },
        "editVersion": 0,
        "customWidgetInfo": "",
        "useCustomWidgetInfo": False,
        "variableList": [_variable(name) for name in variables()],
        "formList": [],
        "expList": [],
        "localList": [],
        "hsfList": [],
        "lwpList": [],
        "extension": {"extendType": "NORMAL", "fileTypeList": []},
    }


def _component(kind: str) -> JsonObject:
    return {
        "package": "@ali/dxComponent",
        "version": "1.0.0",
        "exportName": kind,
        "main": "./src/index.tsx",
        "destructuring": False,
        "subName": "",
        "componentName": kind,
    }


def _variable(name: str) -> JsonObject:
    kind = "markdown" if name in {"facts", "more"} else "string"
    return {
        "id": name,
        "name": name,
        "type": kind,
        "description": "",
        "private": name == NOTE,
        "editorVarType": "variables",
        "disabled": False,
    }


def _node(kind: str, name: str, props: JsonObject) -> JsonObject:
    return {
        "componentName": kind,
        "id": name,
        "props": props,
        "title": "",
        "hidden": False,
        "isLocked": False,
        "condition": True,
        "conditionGroup": "",
    }


def _text(name: str, *, size: int, bold: bool = False, colour: str = "") -> JsonObject:
    props = {
        "text": _string(f"${{{name}}}"),
        "visible": _always(),
        "maxLine": _fixed("dynamicNumber", 20),
        "fontColorType": "Standard",
        "color": _fixed("dynamicColor", colour or "common_level1_base_color"),
        "styleType": "custom",
        "customFontSize": size,
        "customFontLineHeight": size + 8,
        "bold": bold,
        "widthMode": "match_parent",
    }
    return _node("BaseText", f"jieli_{name}", props | _margins())


def _markdown(name: str) -> JsonObject:
    content = {"type": "dynamicMarkdown", "valueType": "variable", "value": ""}
    content |= {"variable": name, "variableType": "global"}
    props = {"mdVer": 0, "content": content, "visible": _always()}
    return _node("Markdown", f"jieli_{name}", props | _margins())


def _image(name: str) -> JsonObject:
    images = {"type": "dynamicImage", "valueType": "variable", "value": ""}
    images |= {"variable": name, "variableType": "global"}
    props = {
        "images": images,
        "single": True,
        "adaptiveSize": True,
        "enablePreview": True,
        "visible": _when(f"{name}_show", "yes"),
    }
    return _node("Image", f"jieli_{name}", props | _margins())


def _button(number: int, kind: str) -> JsonObject:
    """One of a slot's two buttons: the one that calls back, or the one that opens a page."""
    name = f"b{number}"
    props = {
        "text": _string(f"${{{name}_text}}"),
        "status": _fixed("dynamicSelect", "normal"),
        "color": _from("dynamicSelect", f"{name}_style", "gray"),
        "visible": _when(f"{name}_show", kind),
        "enableClickEvent": True,
        "disabledWhileForward": True,
    }
    if kind == PRESS:
        data = {"type": "variable", "variable": f"{name}_data", "value": "", "name": "data"}
        props |= {
            "actionType": "request",
            "actionId": _string(name),
            "params": [data | {"variableType": "global", "id": "1"}],
        }
    else:
        address = _from("dynamicLink", f"{name}_url", "")
        props |= {"actionType": "url", "urlType": "all", "url": address}
    return _node("SingleButton", f"jieli_{name}_{kind}", props | _margins())


def _string(content: str) -> JsonObject:
    return {"type": "dynamicString", "content": content, "i18n": False}


def _value_of(variable: str) -> JsonObject:
    return {"type": "variableValue", "variable": variable, "variableType": "global"}


def _fixed(kind: str, value: Any) -> JsonObject:
    return {
        "type": kind,
        "valueType": "fixed",
        "value": value,
        "variable": "",
        "variableType": "global",
    }


def _from(kind: str, variable: str, value: str) -> JsonObject:
    return _fixed(kind, value) | {"valueType": "variable", "variable": variable}


def _always() -> JsonObject:
    nothing: JsonObject = {"op": "and", "conditions": []}
    return {"type": "dynamicVisible", "value": True, "valueType": "fixed", "condition": nothing}


def _when(variable: str, value: str) -> JsonObject:
    test = {
        "type": "variable",
        "variable": variable,
        "variableType": "global",
        "op": "equal",
        "value": value,
        "valueType": "fixed",
        "valueVariableType": "global",
    }
    condition = {"op": "and", "conditions": [test]}
    return _always() | {"valueType": "condition", "condition": condition}


def _margins() -> JsonObject:
    return {"marginLeft": 12, "marginRight": 12, "marginTop": 4, "marginBottom": 4}


def text() -> bytes:
    """The file as it is kept in the repository."""
    return orjson.dumps(export(), option=orjson.OPT_INDENT_2) + b"\n"


if __name__ == "__main__":
    FILE.write_bytes(text())
    sys.stdout.write(f"{FILE.name}: {len(variables())} variables\n")
