"""What every route may ask for: the running application and the operation id of a write.

Not for permissions (api/doors.py) and not for wiring (api/main.py).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import orjson
from fastapi import Body, Depends, Header, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from api.wire import core_of, schema, wire
from core.db import Database, Tx
from core.errors import INVALID, KEY_MISSING, AppError
from core.feed import Feed
from core.ids import check_operation_id
from core.once import once

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from api.attempts import Attempts
    from api.doors import Doorkeeper
    from api.heartbeat import Heartbeat
    from api.live import LiveDoor
    from api.metrics import Metrics
    from api.spool import Spool
    from api.vendors import Vendors
    from core.bus import Bus
    from core.clock import Clock
    from core.config import Settings
    from core.engine import Engine
    from core.outbox.channel import Channel
    from core.people import Actor

_T = TypeVar("_T")

PAGE = 50
MAX_PAGE = 200
MAX_KEY = 96  # verbs derive the ids of their postings from it, and those hold 128


@dataclass(slots=True)
class Jieli:
    """The running application: built once by `create_app`, read by every door."""

    settings: Settings
    db: Database
    clock: Clock
    bus: Bus
    engine: Engine
    channels: dict[str, Channel]
    vendors: Vendors
    live: LiveDoor
    doorkeeper: Doorkeeper
    metrics: Metrics
    attempts: Attempts
    feed: Feed
    spool: Spool
    heartbeat: Heartbeat | None
    spans: TracerProvider | None = None  # where requests are traced to
    late: set[asyncio.Task[Any]] = field(default_factory=set)  # work that may outlive its request
    callback_seconds: float = 3.0  # of the five a chat vendor waits
    store_seconds: float = 2.0  # of these, before a file must do

    def behind(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Begin work that may outlive its request; a shutdown waits for it a moment."""
        task = asyncio.create_task(work)
        self.late.add(task)
        task.add_done_callback(self.late.discard)
        return task


async def _app(request: Request) -> Jieli:
    jieli: Jieli = request.app.state.jieli
    return jieli


App = Annotated[Jieli, Depends(_app)]


RawKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Made by the client before sending: 8–96 of `[0-9A-Za-z_-:.]`. "
        "The same key again gets the same answer; other content is refused with 422.",
    ),
]


KEY_PARAMETER = {  # the same header, for the document of a route that reads it by hand
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 8, "maxLength": MAX_KEY},
}


def operation_key(given: str | None) -> str:
    """The operation id of a write; asked for after the door, so strangers learn nothing from it.

    Raises:
        AppError(key_missing): no Idempotency-Key header.
        AppError(invalid): the header cannot be an operation id.
    """
    if not given:
        raise AppError(KEY_MISSING)
    if len(given) > MAX_KEY:
        raise AppError(INVALID, field="操作号", why=f"最多 {MAX_KEY} 位")
    return check_operation_id(given)


Size = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows of one page")]


def asked(cls: Any) -> Any:
    """The dependency that reads the body as `cls`; its `op_id` is the Idempotency-Key."""
    names = {field.name for field in fields(cls)}
    omit = ("op_id",) if "op_id" in names else ()
    model = schema(cls, omit)

    async def read(body: Any, key: str | None = None) -> Any:
        # The door checks the key after the person; the handler never runs with a bad one.
        return core_of(cls, body, **({"op_id": key or ""} if omit else {}))

    parameters = [
        inspect.Parameter(
            "body", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[model, Body()]
        )
    ]
    if omit:
        parameters.append(
            inspect.Parameter(
                "key", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=RawKey
            )
        )
    read.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return Depends(read)


def as_json(value: Any, status: int = 200) -> Response:
    """A JSON answer made by orjson, past FastAPI's second validation."""
    return Response(orjson.dumps(value), status, media_type="application/json")


@dataclass(frozen=True, slots=True)
class Once:
    """One write of one person under one operation id."""

    jieli: Jieli
    actor: Actor
    key: str

    async def answer(
        self,
        what: str,
        content: object,
        run: Callable[[Tx], object],
        status: int = 200,
    ) -> Response:
        """Run `run` at most once and answer its JSON; a repeat gets the first answer.

        `what` names the operation and its path ids, so one key cannot serve two of them.
        """
        facts = _plain(content)
        scope = f"person:{self.actor.person_id}"

        def command(tx: Tx) -> dict[str, Any]:
            return once(tx, scope, self.key, [what, facts], lambda: wire(run(tx)))

        return as_json(await self.jieli.db.write(command), status)


def _plain(content: object) -> Any:
    """What the client asked, as JSON-like data that compares equal on a repeat."""
    if isinstance(content, BaseModel):
        return content.model_dump(mode="json")
    if is_dataclass(content) and not isinstance(content, type):
        return asdict(content)
    return content
