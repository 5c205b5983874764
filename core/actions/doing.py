"""What a button's function gets, and what a button is. Not the table (`table.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.db import Tx
from core.people import Actor
from core.quantity import Micro, parse
from core.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Doing:
    """What an action's function gets: who, about which task, with which checked inputs."""

    actor: Actor
    task: Task
    action: str
    inputs: Mapping[str, Any]
    op_id: str

    def text(self, key: str) -> str:
        """A typed or chosen input, trimmed; empty when it was left out."""
        return str(self.inputs.get(key, "")).strip()

    def quantity(self, key: str) -> Micro | None:
        """A quantity in base units, None when it was left out."""
        text = self.text(key)
        return parse(text) if text else None

    def photos(self, key: str = "photo") -> tuple[str, ...]:
        """File ids; a face may send one or several."""
        value = self.inputs.get(key) or ()
        return (value,) if isinstance(value, str) else tuple(str(each) for each in value)

    def checks(self) -> dict[str, str]:
        """The answers to an inspection checklist: fields `check.<key>`."""
        found = {key: self.text(key) for key in self.inputs if key.startswith("check.")}
        return {key.removeprefix("check."): text for key, text in found.items()}

    def about(self, key: str) -> str:
        """An id that the task's context carries."""
        return str(self.task.context[key])


@dataclass(frozen=True, slots=True)
class Action:
    """What a button does, and what everybody else then reads: 「已由 李某 …处理:<label>」."""

    run: Callable[[Tx, Doing], str]
    label: str
