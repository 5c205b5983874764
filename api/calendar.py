"""Routes of working time and duty: holidays, leave, rotas, and the policies that run on them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import Path, Response
from pydantic import Field
from sqlalchemy import Connection

from api.deps import App, Once, as_json
from api.doors import allow, writes
from api.routers import json_router
from api.wire import Id, Loose, Moment, Text, Wire
from core import calendar
from core.db import Tx
from core.errors import INVALID, AppError
from core.people import Actor
from core.tasks.policies import all_policies, policy_of, save_policy
from core.tasks.policy import Policy

router = json_router("/api", tags=["calendar"])

Writer = Annotated[Once, writes("calendar.write")]
Code = Annotated[str, Path(max_length=32)]
Published = Annotated[int, Field(ge=2000, le=2200)]
Year = Annotated[int, Path(ge=2000, le=2200)]


class DayBody(Wire):
    """One exception: a holiday (`workday` false) or a make-up day (true)."""

    day: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1))]
    workday: bool
    name: Annotated[str, Field(max_length=64)] = ""


class Days(Wire):
    """An announcement: its days, the years it publishes, where it stands."""

    days: Annotated[tuple[DayBody, ...], Field(min_length=1, max_length=366)]
    publish: Annotated[
        tuple[Annotated[int, Field(ge=2000, le=2200)], ...], Field(max_length=5)
    ] = ()
    source: Annotated[str, Field(max_length=200)] = ""


class Leave(Wire):
    """Somebody is away; cards go to the substitute meanwhile."""

    person_id: Id
    from_at: Moment
    to_at: Moment
    substitute_id: Id | None = None


class Shift(Wire):
    """Who is on duty, from when until when."""

    person_id: Id
    from_at: Moment
    to_at: Moment


class Rota(Wire):
    """A rota, e.g. night."""

    code: Annotated[str, Field(min_length=1, max_length=32)]
    name: Text = ""


class PolicyBody(Wire):
    """A policy as `GET /api/policies` shows it; a new version is published."""

    body: Annotated[dict[str, Loose], Field(max_length=40)]


@router.get("/calendars/{code}/{year}")
async def one_year(
    code: Code, year: Year, _actor: Annotated[Actor, allow("board.read")], jieli: App
) -> Response:
    """The exceptions of one year, and whether it is published or only reckoned."""

    def ask(conn: Connection) -> dict[str, Any]:
        loaded = calendar.load(conn, code)
        days = [
            {"day": day.day.isoformat(), "workday": day.workday, "name": day.name}
            for day in calendar.days_of(conn, code, year)
        ]
        return {"items": days, "next": None, "published": calendar.published(loaded, year)}

    return as_json(await jieli.db.read(ask))


@router.post("/calendars/{code}/days")
async def set_days(code: Code, body: Days, by: Writer) -> Response:
    """Declare holidays and make-up days; running deadlines are re-planned."""
    days = [calendar.Day(day.day, day.workday, day.name, body.source) for day in body.days]

    def run(tx: Tx) -> object:
        return {"rev": calendar.set_days(tx, by.actor, code, days, publish=body.publish)}

    return await by.answer(f"days:{code}", body, run)


@router.post("/leaves", status_code=201)
async def add_leave(body: Leave, by: Writer) -> Response:
    """Somebody will be away."""

    def run(tx: Tx) -> object:
        made = calendar.add_leave(
            tx,
            by.actor,
            body.person_id,
            from_us=body.from_at,
            to_us=body.to_at,
            substitute_id=body.substitute_id,
        )
        return {"id": made}

    return await by.answer("leave", body, run, 201)


@router.post("/leaves/{leave_id}/end")
async def end_leave(leave_id: Id, by: Writer) -> Response:
    """Somebody is back."""

    def run(tx: Tx) -> object:
        calendar.end_leave(tx, by.actor, leave_id)
        return {"id": leave_id}

    return await by.answer(f"end-leave:{leave_id}", None, run)


@router.post("/rotas", status_code=201)
async def add_rota(body: Rota, by: Writer) -> Response:
    """A new rota."""

    def run(tx: Tx) -> object:
        return {"id": calendar.add_rota(tx, by.actor, body.code, body.name), "code": body.code}

    return await by.answer("rota", body, run, 201)


@router.post("/rotas/{code}/shifts", status_code=201)
async def add_shift(code: Code, body: Shift, by: Writer) -> Response:
    """Put somebody on duty."""

    def run(tx: Tx) -> object:
        made = calendar.add_shift(
            tx, by.actor, code, body.person_id, from_us=body.from_at, to_us=body.to_at
        )
        return {"id": made}

    return await by.answer(f"shift:{code}", body, run, 201)


@router.get("/policies")
async def list_policies(_actor: Annotated[Actor, allow("board.read")], jieli: App) -> Response:
    """Every escalation policy in its newest version."""
    found = await jieli.db.read(all_policies)
    return as_json({"items": [policy.to_json() for policy in found], "next": None})


@router.post("/policies/{code}")
async def publish_policy(
    code: Code, body: PolicyBody, by: Annotated[Once, writes("policy.write")]
) -> Response:
    """Publish a new version; tasks that are running keep the one they opened with."""
    try:
        policy = Policy.from_json({**body.body, "code": code})
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise AppError(INVALID, field="body", why=f"读不成升级规则（{problem}）"[:120]) from problem

    def run(tx: Tx) -> object:
        save_policy(tx, by.actor, policy)
        return policy_of(tx.conn, code).to_json()

    return await by.answer(f"policy:{code}", body, run)
