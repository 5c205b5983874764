"""One operation id, one effect, one answer, for every verb of this package.

The answer is kept by `core.once` (at least eight days) under the verb's name and the client's op
id. A posting inside a verb uses a derived op id (`f"{op_id}:receive"`), which the ledger keeps for
ever: a repeat that comes after the answer was forgotten is refused as key_reused, never posted
twice.
Not for permissions: a verb asks for them before it comes here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import TypeAdapter

from core import once
from core.db import Tx
from core.errors import KEY_REUSED, AppError
from core.people import Actor
from core.stock import Posted, Posting, post

R = TypeVar("R")


_adapters: dict[type[Any], TypeAdapter[Any]] = {}  # building one is slow, the set is small


def _adapter(answer: type[Any]) -> TypeAdapter[Any]:
    if answer not in _adapters:
        _adapters[answer] = TypeAdapter(answer)
    return _adapters[answer]


def ask_ahead(tx: Tx, verb: str, ask: Any) -> None:
    """Have `run_once`'s question travel with whatever the verb asks first."""
    once.ask_ahead(tx, verb, ask.op_id)


def run_once(tx: Tx, verb: str, ask: Any, answer: type[R], run: Callable[[], R]) -> R:
    """Run `run` at most once for `ask.op_id`; a repeat gets the first answer, rebuilt as `answer`.

    Raises:
        AppError(key_reused): the op id came before with other content.
    """
    adapter = _adapter(answer)
    content = asdict(ask)
    stored = once.once(tx, verb, ask.op_id, content, lambda: _plain(adapter.dump_python(run())))
    result: R = adapter.validate_python(stored)
    return result


def _plain(answer: Any) -> dict[str, Any]:
    assert isinstance(answer, dict), "an answer is a dataclass"
    return answer


def post_new(tx: Tx, actor: Actor, posting: Posting) -> Posted:
    """Post what must not have been posted before.

    Raises:
        AppError(key_reused): the ledger knows this op id already.
        AppError: whatever the ledger refuses.
    """
    posted = post(tx, actor, posting)
    if posted.replayed:
        raise AppError(KEY_REUSED, key=posting.op_id)
    return posted
