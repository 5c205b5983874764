"""Shortcuts by key: what we ship (shipped.json) and what administrators changed or added (rows).

A changed shortcut is a new version; a form that is open on an older one is filled anew. Not for
filling or launching.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from importlib.resources import files

import orjson
from sqlalchemy import Connection, bindparam, func, select

from core import events
from core.db import Tx
from core.errors import INVALID, NOT_FOUND, AppError
from core.people import Actor, Thing, may, record, require
from core.shortcuts.definition import (
    KINDS,
    MOST_FIELDS,
    MOST_NAMED,
    MOST_SOURCES,
    FieldRule,
    Settings,
    Shortcut,
)
from core.shortcuts.sources import SOURCES
from core.shortcuts.tables import definitions
from core.shortcuts.verbs import VERBS
from core.tasks.policy import is_spec

MOST = 100
_KEY = re.compile(r"(?!definitions$|usage$)[a-z][a-z0-9_]{1,31}")  # those are addresses
_NEWEST = (
    select(definitions.c.body)
    .where(definitions.c.key == bindparam("key_"))
    .order_by(definitions.c.version.desc())
    .limit(1)
)
_VERSIONS = (
    select(definitions)
    .where(definitions.c.key == bindparam("key_"))
    .order_by(definitions.c.version.desc())
    .limit(MOST)
)


def shortcut_of(conn: Connection, key: str) -> Shortcut:
    """The newest version: an administrator's row, else the shipped one.

    Raises:
        AppError(not_found).
    """
    body = conn.execute(_NEWEST, {"key_": key}).scalar()
    if body is not None:
        return Shortcut.from_json(body)
    if key not in shipped():
        raise AppError(NOT_FOUND, what="快捷单", name=key[:40])
    return shipped()[key]


def all_shortcuts(conn: Connection) -> list[Shortcut]:
    """Every shortcut in its newest version, by key, switched off ones too."""
    keys = conn.execute(select(definitions.c.key).distinct().limit(MOST)).scalars()
    return [shortcut_of(conn, key) for key in sorted({*keys, *shipped()})][:MOST]


def usable_by(conn: Connection, actor: Actor) -> list[Shortcut]:
    """What this person may launch."""
    return [
        each
        for each in all_shortcuts(conn)
        if each.active and may(actor, VERBS[each.verb].permission)
    ]


def versions_of(conn: Connection, key: str) -> list[Shortcut]:
    """Every version that was saved, newest first; the shipped one last."""
    found = [Shortcut.from_json(row.body) for row in conn.execute(_VERSIONS, {"key_": key})]
    return found + ([shipped()[key]] if key in shipped() else [])


def save_shortcut(tx: Tx, actor: Actor, shortcut: Shortcut, why: str = "") -> Shortcut:
    """Publish a new version of a shortcut, or a new shortcut.

    Raises:
        AppError(invalid): it could never be launched; names the field. AppError(forbidden).
    """
    require(actor, "shortcut.write", Thing("shortcut", shortcut.key))
    check(tx.conn, shortcut)
    newest = select(func.max(definitions.c.version)).where(definitions.c.key == shortcut.key)
    before = tx.execute(_NEWEST, {"key_": shortcut.key}).scalar()
    saved = replace(shortcut, version=(tx.execute(newest).scalar() or 0) + 1)
    row = {"key": saved.key, "version": saved.version, "body": saved.to_json()}
    tx.add(definitions, row | {"made_by": actor.label, "at": tx.now})
    if before is None and saved.key in shipped():
        before = shipped()[saved.key].to_json()
    thing = f"shortcut:{saved.key}"
    after = saved.to_json()
    record(tx, actor, "shortcut.write", thing, before=before, after=after, why=why)
    payload = {"key": saved.key, "version": saved.version, "active": saved.active}
    events.append(tx, "shortcut.published", thing, actor.label, payload)
    return saved


def check(conn: Connection, shortcut: Shortcut) -> None:
    """Refuse a definition that could never be launched.

    Raises:
        AppError(invalid): naming the field and the reason.
    """
    if not _KEY.fullmatch(shortcut.key):
        raise AppError(
            INVALID, field="编号", why="小写字母开头，只用小写字母、数字和 _，2 到 32 位"
        )
    for name, words in (("名称", shortcut.title), ("英文名称", shortcut.title_en)):
        if not 0 < len(words.strip()) <= 32:
            raise AppError(INVALID, field=name, why="1 到 32 个字")
    if shortcut.verb not in VERBS:
        raise AppError(INVALID, field="动作", why=f"只能是 {'、'.join(VERBS)}")
    keys = [each.key for each in shortcut.fields]
    if not 0 < len(keys) <= MOST_FIELDS or len(set(keys)) != len(keys):
        raise AppError(INVALID, field="栏位", why=f"1 到 {MOST_FIELDS} 个，编号不能重复")
    for rule in shortcut.fields:
        _check_field(shortcut, rule)
    _check_params(shortcut)
    _check_settings(conn, shortcut)


def _check_field(shortcut: Shortcut, rule: FieldRule) -> None:
    name = f"栏位 {rule.key[:32]}"
    if not _KEY.fullmatch(rule.key) or not 0 < len(rule.label) <= 32 or len(rule.label_en) > 32:
        raise AppError(INVALID, field=name, why="编号或名称不对")
    if rule.kind not in KINDS:
        raise AppError(INVALID, field=name, why=f"种类只能是 {'、'.join(KINDS)}")
    if len(rule.sources) > MOST_SOURCES:
        raise AppError(INVALID, field=name, why=f"来源最多 {MOST_SOURCES} 个")
    for source in rule.sources:
        if source not in SOURCES:
            raise AppError(INVALID, field=name, why=f"没有来源「{source[:32]}」")
        if SOURCES[source][0] != rule.kind:
            kind = SOURCES[source][0]
            raise AppError(INVALID, field=name, why=f"来源「{source}」给的是 {kind}")
    if rule.key not in VERBS[shortcut.verb].params and rule.kind not in ("person", "moment"):
        raise AppError(INVALID, field=name, why="这个动作用不到它")


def _check_params(shortcut: Shortcut) -> None:
    rules = {each.key: each for each in shortcut.fields}
    for key, (kind, required) in VERBS[shortcut.verb].params.items():
        rule = rules.get(key)
        if rule is None and required:
            raise AppError(INVALID, field="栏位", why=f"动作 {shortcut.verb} 少不了「{key}」")
        if rule is not None and (rule.kind != kind or (required and not rule.required)):
            raise AppError(INVALID, field=f"栏位 {key}", why=f"应是必填的 {kind}")


def _check_settings(conn: Connection, shortcut: Shortcut) -> None:
    settings: Settings = shortcut.settings
    many = [len(settings.near), len(settings.to), *map(len, settings.near.values())]
    if max(many) > MOST_NAMED or not all(is_spec(each) for each in settings.to):
        raise AppError(INVALID, field="设置", why="收件人写法不认识，或太多")
    why = VERBS[shortcut.verb].check(conn, settings)
    if why:
        raise AppError(INVALID, field="设置", why=why)


@cache
def shipped() -> dict[str, Shortcut]:
    """The shortcuts that come with the product, by key."""
    bodies = orjson.loads(files("core.shortcuts").joinpath("shipped.json").read_bytes())
    return {body["key"]: Shortcut.from_json(body) for body in bodies}
