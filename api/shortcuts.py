"""Routes of the one-tap shortcuts: open a filled form, launch it, define them, measure them.

Every body is the core's own dataclass; what a form arrives filled with is core/shortcuts' to say.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Path, Query, Response
from pydantic import Field
from sqlalchemy import Connection

from api.deps import App, Once, as_json
from api.doors import allow, writes
from api.routers import json_router
from api.wire import Loose, Text, Wire, core_of, page_of, schema, wire
from core.clock import to_datetime
from core.db import Tx
from core.people import Actor
from core.shortcuts.book import all_shortcuts, save_shortcut, usable_by, versions_of
from core.shortcuts.definition import KINDS, Shortcut
from core.shortcuts.facts import Situation
from core.shortcuts.launch import Launch, Launched, Open, launch, open_form
from core.shortcuts.proposal import Proposal
from core.shortcuts.sources import SOURCES
from core.shortcuts.usage import Usage, usage
from core.shortcuts.verbs import VERBS

router = json_router("/api/shortcuts", tags=["shortcuts"])

Key = Annotated[str, Path(max_length=32)]
Values = Annotated[dict[Annotated[str, Field(max_length=32)], Text], Field(max_length=20)]


class OpenBody(Wire):
    """Where the person is, what was set already, and which open form to fill anew."""

    situation: schema(Situation) = Field(default_factory=schema(Situation))  # type: ignore[valid-type]
    given: Values = Field(default_factory=dict)
    again: Annotated[str, Field(max_length=32)] = ""


class LaunchBody(Wire):
    """Which form, and the fields that differ from how they were shown."""

    run_id: Annotated[str, Field(max_length=32)]
    values: Values = Field(default_factory=dict)


class DefinitionBody(Wire):
    """A definition as `GET /api/shortcuts/definitions` shows it; a new version is published."""

    body: Annotated[dict[str, Loose], Field(max_length=40)]
    why: Text = ""


@router.get("")
async def list_usable(actor: Annotated[Actor, allow("shortcut.use")], jieli: App) -> Response:
    """The shortcuts this person may launch."""
    found = await jieli.db.read(lambda conn: usable_by(conn, actor))
    items = [
        {"key": each.key, "title": each.title, "title_en": each.title_en, "version": each.version}
        for each in found
    ]
    return as_json({"items": items, "next": None})


@router.get("/usage", response_model=page_of(Usage))
async def month_of_usage(
    _actor: Annotated[Actor, allow("board.read")],
    jieli: App,
    month: Annotated[str, Query(max_length=7, description="2026-03; empty: this month")] = "",
) -> Response:
    """Whether the forms arrived filled: by shortcut, opened, launched, filled, touched, seconds."""
    wanted = month or f"{to_datetime(jieli.clock.now()):%Y-%m}"
    found = await jieli.db.read(lambda conn: usage(conn, wanted))
    return as_json({"items": wire(found), "next": None})


@router.get("/definitions")
async def list_definitions(
    _actor: Annotated[Actor, allow("shortcut.write")], jieli: App
) -> Response:
    """Every definition in its newest version, and the names one may be made of."""
    found = await jieli.db.read(all_shortcuts)
    verbs = [
        {
            "key": key,
            "label": verb.label,
            "params": [
                {"key": name, "kind": kind, "required": required}
                for name, (kind, required) in verb.params.items()
            ],
        }
        for key, verb in VERBS.items()
    ]
    sources = [{"key": key, "kind": kind} for key, (kind, _) in SOURCES.items()]
    parts = {"kinds": list(KINDS), "verbs": verbs, "sources": sources}
    return as_json({"items": [each.to_json() for each in found], "next": None} | parts)


@router.get("/definitions/{shortcut}")
async def list_versions(
    shortcut: Key, _actor: Annotated[Actor, allow("shortcut.write")], jieli: App
) -> Response:
    """Every version of one definition, newest first."""

    def ask(conn: Connection) -> list[dict[str, Any]]:
        return [each.to_json() for each in versions_of(conn, shortcut)]

    return as_json({"items": await jieli.db.read(ask), "next": None})


@router.post("/definitions/{shortcut}")
async def publish(
    shortcut: Key, body: DefinitionBody, by: Annotated[Once, writes("shortcut.write")]
) -> Response:
    """Publish a new version, or a new shortcut; forms that are open are filled anew at launch."""

    def run(tx: Tx) -> object:
        new = replace(Shortcut.from_json({**body.body, "key": shortcut}), version=0)
        return save_shortcut(tx, by.actor, new, body.why).to_json()

    return await by.answer(f"shortcut-definition:{shortcut}", body, run)


@router.post("/{shortcut}/propose", status_code=201, response_model=schema(Proposal))
async def open_filled(
    shortcut: Key, body: OpenBody, by: Annotated[Once, writes("shortcut.use")]
) -> Response:
    """Open the form, filled from where the person is; every value with its reason."""
    ask = Open(by.key, shortcut, core_of(Situation, body.situation), dict(body.given), body.again)
    what = f"shortcut-open:{shortcut}"
    return await by.answer(what, body, lambda tx: open_form(tx, by.actor, ask), 201)


@router.post("/{shortcut}/launch", status_code=201, response_model=schema(Launched))
async def launch_form(
    shortcut: Key, body: LaunchBody, by: Annotated[Once, writes("shortcut.use")]
) -> Response:
    """Do what the form says, once. 409 `shortcut_stale` brings the form filled anew in `facts`."""
    ask = Launch(by.key, body.run_id, dict(body.values), shortcut)
    what = f"shortcut-launch:{shortcut}"
    return await by.answer(what, body, lambda tx: launch(tx, by.actor, ask), 201)
