"""Two pairs of eyes: a button that the rules give to two persons asks another one before it counts.

Which buttons these are stands in the task's policy (`second`: button → who confirms). The first
press changes nothing but asks; the answer of somebody else does what the first one meant, as the
first one, or lets it be. Not for doing it (core/actions).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.db import Tx
from core.errors import AppError, define
from core.outbox.card import Button, Card, Fact, Field
from core.people import ENGINE, Actor, persons_by_id
from core.tasks.board import cancel_task, open_task
from core.tasks.change import admit
from core.tasks.policies import policy_of
from core.tasks.queries import tasks_of
from core.tasks.talk import comment
from core.tasks.task import NewTask, Task

SECOND = "second_person"

ANOTHER_PERSON = define(
    "another_person",
    403,
    "没有处理：这件事要两个人看过，不能由{name}自己确认。请另一位同事处理。",
    "Nothing done: two persons must look at this; {name} cannot confirm it alone.",
)


def needs_second(task: Task, button: Button) -> str:
    """Who confirms a press of `button` ("role:supervisor"); empty when one person is enough."""
    return dict(task.policy.second).get(button.key, "")


def ask_second(tx: Tx, actor: Actor, task: Task, button: Button, press: Mapping[str, Any]) -> str:
    """Ask the second person about `press` (generation, inputs, op_id); the sentence to say.

    Who asks again for the same is told the same; who asks otherwise is asked for anew, so that
    nobody confirms what is not meant any more.

    Raises:
        AppError: as if the button were pressed for good: not yours, stale, already done.
    """
    admit(tx, actor, "task.act", task.id, press["generation"])
    asked: Task | None = None
    for known in _asked_before(tx, actor, task, button):
        if asked is None and known.context["inputs"] == press["inputs"]:
            asked = known
        else:
            cancel_task(tx, ENGINE, known.id, f"{actor.name}改了填的内容，以新的一件为准")
    if asked is None:
        asked = open_task(tx, ENGINE, _question(tx, actor, task, button, press))
        comment(tx, actor, task.id, f"要选「{button.label}」，已请人确认")
    others = persons_by_id(tx.conn, set(asked.people) - {actor.person_id})
    names = "、".join(each.name for each in list(others.values())[:3]) or "另一位同事"
    return f"已请{names}确认「{button.label}」，同意后才会办。"


def _asked_before(tx: Tx, actor: Actor, task: Task, button: Button) -> list[Task]:
    """What still waits for a second person's answer to this person's press of this button."""
    mine = (actor.person_id, button.key)
    return [
        each
        for each in tasks_of(tx.conn, f"task:{task.id}")
        if each.kind == SECOND and (each.context["person_id"], each.context["action"]) == mine
    ]


def _question(
    tx: Tx, actor: Actor, task: Task, button: Button, press: Mapping[str, Any]
) -> NewTask:
    inputs = {each.key: each for each in button.inputs}
    filled = [
        Fact(inputs[key].label[:20], _words(inputs[key], value))
        for key, value in press["inputs"].items()
        if key in inputs and inputs[key].kind != "photo"
    ]
    card = Card(
        title=f"请确认：{button.label}",
        lead=f"{actor.name}要在「{task.title[:40]}」选「{button.label}」，要你也看过才算",
        facts=(Fact("提出人", actor.name), *filled, *task.card.facts)[:8],
        buttons=(
            Button("confirm", "看过了，同意", "primary"),
            Button("deny", "不同意", "danger", (Field("reason", "原因", "text"),)),
        ),
        picture=task.card.picture,
    )
    return NewTask(
        kind=SECOND,
        title=f"{card.title} · {task.title}"[:200],
        subject=f"task:{task.id}",
        to=(needs_second(task, button),),
        policy=policy_of(tx.conn, SECOND),
        card=card,
        context={
            "task_id": task.id,
            "person_id": actor.person_id,
            "face": actor.face,
            "action": button.key,
            **press,
        },
        dedupe_key=f"second:{task.id}:{task.generation}:{button.key}:{actor.person_id}",
        warehouse_id=task.warehouse_id,
    )


def check_another(actor: Actor, asked: Task) -> None:
    """Refuse the person who asked.

    Raises:
        AppError(another_person).
    """
    if actor.person_id == int(asked.context["person_id"]):
        raise AppError(ANOTHER_PERSON, name=actor.name)


def deny(tx: Tx, actor: Actor, asked: Task, reason: str) -> str:
    """The second person does not agree: said under the first task, which stays as it was."""
    words = f"不同意：{reason}" if reason else "不同意"
    comment(tx, actor, str(asked.context["task_id"]), words)
    return words


def _words(asked: Field, value: Any) -> str:
    """What was filled in, as people read it."""
    words = dict(asked.options)
    return words.get(str(value), str(value))[:120]
