"""The plain page of one task, for people who open it from a link: portal and chat.

One HTML screen without scripts, in the look of the product. Not for who may see or press what: the
doors that use it (api/portal.py, api/task_page.py) decide that.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from api.deps import Jieli
from api.files import keep_photo
from core.actions import Press
from core.errors import INVALID, AppError
from core.outbox.card import Button, Field
from core.people import Actor
from core.tasks.task import Task
from core.tasks.words import due_text

_PAGE = Template(Path(__file__).with_name("portal.html").read_text("utf-8"))
_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MAX_INPUT = 2000

_SIGN_IN = (
    '<form method="post"><label>登录名<input name="login" autocomplete="username" required '
    'maxlength="64"></label><label>密码<input name="password" type="password" '
    'autocomplete="current-password" required maxlength="256"></label>'
    '<button class="primary" name="action" value="sign-in">登录后处理</button></form>'
)


def screen(title: str, body: str, status: int = 200) -> Response:
    """A whole page; `body` is HTML made here, `title` is text."""
    page = _PAGE.substitute(title=escape(title), body=body)
    headers = {"content-security-policy": _CSP, "referrer-policy": "no-referrer"}
    return Response(page, status, headers, media_type="text/html; charset=utf-8")


def sign_in_screen(told: str = "", status: int = 401) -> Response:
    """Who are you? For staff who opened a task without a session."""
    return screen("先登录", told + _SIGN_IN, status)


_HAND_OVER = """
const proof = new URLSearchParams(location.hash.slice(1)).get("tgWebAppData");
const form = document.forms[0];
if (proof) { form.proof.value = proof; form.hidden = true; form.submit(); }
else { form.hidden = true; document.getElementById("plain").hidden = false; }
"""


def proof_screen(back: str, plain: str) -> Response:
    """Hands what the chat app wrote behind the address's # to `back`; without it: the way by
    password, at `plain`. The one page with a script: nothing else can read that part.
    """
    body = (
        f'<form method="post" action="{escape(back)}"><input type="hidden" name="proof">'
        '<button class="primary">继续</button></form><p id="plain" hidden>'
        f'没有从聊天应用里打开。<a href="{escape(plain)}">用账号登录后处理</a></p>'
        f"<script>{_HAND_OVER}</script>"
    )
    digest = base64.b64encode(hashlib.sha256(_HAND_OVER.encode()).digest()).decode()
    shown = screen("正在确认身份", body)
    policy = f"{_CSP}; script-src 'sha256-{digest}'"
    shown.headers["content-security-policy"] = policy
    return shown


def task_screen(found: Task, told: str = "", status: int = 200, footer: str = "") -> Response:
    """The task: what it is, and its buttons with what they ask for; or how it ended."""
    card = found.card
    told_facts = [(fact.label, fact.value) for fact in card.facts]
    if found.is_live and found.due_at is not None:
        told_facts.append(("期限", due_text(found.due_at, found.policy.clock)))
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in told_facts)
    lead = f'<p class="lead">{escape(card.lead)}</p>' if card.lead else ""
    parts = [told, lead, f"<dl>{facts}</dl>"]
    if found.is_live:
        parts += [_form(button, found.generation) for button in card.buttons if not button.url]
    else:
        parts.append(notice(found.result or "这个任务已经结束，不用再处理。", "info"))
    return screen(found.title, "".join([*parts, footer]), status)


ALL_TASKS = '<p><a href="/tasks">看看还有什么等我处理</a></p>'


def inbox_screen(waiting: Sequence[Task]) -> Response:
    """What waits for somebody, each a tap away, the most urgent first."""
    ordered = sorted(waiting, key=lambda each: (each.due_at is None, each.due_at, each.id))
    rows = "".join(
        f'<li><a href="/tasks/{escape(each.id)}">{escape(each.title)}'
        f"<small>{escape(due_text(each.due_at, each.policy.clock))}</small></a></li>"
        for each in ordered
    )
    empty = notice("现在没有事等你处理。有新的，卡片会发到聊天里。", "info")
    return screen("等我处理", f'<ul class="tasks">{rows}</ul>' if rows else empty)


def notice(text: str, kind: str) -> str:
    """One sentence on top: kind ok, stop or info."""
    return f'<p class="notice {kind}" role="status">{escape(text)}</p>'


async def press_of(jieli: Jieli, actor: Actor, found: Task, form: FormData) -> Press:
    """The pressed button with its inputs; a photo is cleaned and kept first.

    The operation id names person, task, generation and button: pressing twice answers once.

    Raises:
        AppError(invalid): the task has no such button. AppError(photo_*).
    """
    action = str(form.get("action", ""))[:64]
    button = found.card.button(action)
    if button is None and found.is_live:
        raise AppError(INVALID, field="按钮", why="这个任务没有这个按钮")
    inputs: dict[str, str] = {}
    for asked in button.inputs if button else ():
        given = form.get(f"{action}.{asked.key}")
        if isinstance(given, UploadFile):
            if given.size:
                content, name = await given.read(), given.filename or "照片"
                inputs[asked.key] = await keep_photo(jieli, actor, content, name)
        elif given:
            inputs[asked.key] = given[:MAX_INPUT]
    seen = str(form.get("generation", ""))
    is_number = seen.isascii() and seen.isdigit() and len(seen) < 10
    generation = int(seen) if is_number else found.generation
    op_id = f"{actor.face}:{found.id}:{actor.person_id}:{generation}:{action}"
    return Press(found.id, generation, action, op_id, dict(inputs))


def _form(button: Button, generation: int) -> str:
    fields = "".join(_field(button.key, asked) for asked in button.inputs)
    return (
        '<form method="post" enctype="multipart/form-data">'
        f'<input type="hidden" name="generation" value="{generation}">{fields}'
        f'<button class="{escape(button.style)}" name="action" value="{escape(button.key)}">'
        f"{escape(button.label)}</button></form>"
    )


def _field(prefix: str, asked: Field) -> str:
    name = escape(f"{prefix}.{asked.key}")
    must = " required" if asked.required else ""
    label = escape(asked.label) + ("" if asked.required else "（选填）")
    if asked.kind == "choice":
        options = "".join(
            f'<option value="{escape(value)}">{escape(words)}</option>'
            for value, words in asked.options
        )
        if asked.free:  # own words are welcome too: a list of suggestions instead of a choice
            words = "".join(f'<option value="{escape(each)}">' for _, each in asked.options)
            box = f'<input name="{name}" list="{name}-list" maxlength="{MAX_INPUT}"{must}>'
            return f'<label>{label}{box}<datalist id="{name}-list">{words}</datalist></label>'
        choice = f'<option value="">请选择</option>{options}'
        return f'<label>{label}<select name="{name}"{must}>{choice}</select></label>'
    if asked.kind == "photo":
        box = f'<input type="file" accept="image/*" name="{name}"{must}>'
    elif asked.kind == "quantity":
        box = f'<input inputmode="decimal" name="{name}" maxlength="20"{must}>'
    else:
        box = f'<textarea name="{name}" rows="3" maxlength="{MAX_INPUT}"{must}></textarea>'
    return f"<label>{label}{box}</label>"
