"""Items: what is counted, in which unit, how it is tracked and inspected. Packs: see packs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any
from unicodedata import category

from sqlalchemy import ColumnElement, Connection, CursorResult, Row, bindparam, select

from core.catalog.gtin import candidates
from core.catalog.tables import barcodes, items
from core.db import Tx
from core.errors import INVALID, NOT_FOUND, AppError, define
from core.people import Actor, Thing, insert_row, record, require
from core.prefix import begins_with, mentions
from core.quantity import MAX_MICRO, Micro

CODE_TAKEN = define(
    "code_taken",
    409,
    "没保存：{what}编号「{code}」已经有了。换一个编号，或打开原来的那条修改。",
    "Not saved: {what} code “{code}” exists already. Use another or change the existing one.",
)
NOT_CHANGEABLE = define(
    "item_not_changeable",
    409,
    "没保存：货品 {code} 的{field}建好后不能改，否则旧账读不懂。停用它，再建一个新货品。",
    "Not saved: {field} of item {code} is fixed once made, or old postings lose their meaning. "
    "Deactivate the item and make a new one.",
)

TRACKING = frozenset({"none", "lot", "serial"})
CHECK_KINDS = frozenset({"ok", "number", "text"})
LONGEST_CODE = 64
PAGE = 500
MOST_MENTIONED = 2_000  # of which the first by code are shown


@dataclass(frozen=True, slots=True)
class Check:
    """One line of an inspection: yes/no, a measured number with limits, or a remark."""

    key: str
    label: str
    kind: str = "ok"  # ok | number | text
    min_micro: Micro | None = None
    max_micro: Micro | None = None


@dataclass(frozen=True, slots=True)
class NewItem:
    """What an item begins with; the base `unit` and `tracking` stay for ever."""

    code: str
    name: str
    unit: str = "件"
    tracking: str = "none"  # none | lot | serial
    name_en: str = ""
    shelf_life_days: int = 0  # 0: does not expire
    needs_inspection: bool = False
    checklist: tuple[Check, ...] = ()
    near_expiry_days: int = 30
    allow_negative: bool = False
    zone: str = ""
    over_receipt_percent: int = 0


@dataclass(frozen=True, slots=True)
class Item(NewItem):
    """An item as stored."""

    id: int = 0
    active: bool = True


_BY_ID = select(items).where(items.c.id == bindparam("id_"))
_BY_CODE = select(items).where(items.c.code == bindparam("code_"))


def add_item(tx: Tx, actor: Actor, new: NewItem) -> int:
    """A new item; answers its id.

    Raises:
        AppError(forbidden, invalid, code_taken).
    """
    require(actor, "item.write", Thing("item", new.code))
    _check(new)
    if item_by_code_or_none(tx.conn, new.code) is not None:
        raise AppError(CODE_TAKEN, what="货品", code=new.code)
    values = _columns(new)
    item_id = insert_row(tx, items, values | {"active": True})
    record(tx, actor, "item.write", f"item:{item_id}", after=values)
    return item_id


def update_item(tx: Tx, actor: Actor, item_id: int, changes: Mapping[str, Any]) -> Item:
    """Change fields of `Item` by name (`active` too); unit and tracking are fixed.

    Raises:
        AppError(forbidden, not_found, invalid, code_taken, item_not_changeable).
    """
    require(actor, "item.write", Thing("item", str(item_id)))
    current = item(tx.conn, item_id)
    unknown = set(changes) - {each.name for each in fields(Item)} | (set(changes) & {"id"})
    assert not unknown, f"an item has no changeable {unknown}"
    wanted = replace(current, **changes)
    for name, label in (("unit", "计量单位"), ("tracking", "批次方式")):
        if getattr(wanted, name) != getattr(current, name):
            raise AppError(NOT_CHANGEABLE, code=current.code, field=label)
    _check(wanted)
    if wanted.code != current.code and item_by_code_or_none(tx.conn, wanted.code) is not None:
        raise AppError(CODE_TAKEN, what="货品", code=wanted.code)
    old, new = _columns(current), _columns(wanted)
    changed = {name: new[name] for name in new if new[name] != old[name]}
    if changed:
        tx.execute(items.update().where(items.c.id == item_id), changed)
        before = {name: old[name] for name in changed}
        record(tx, actor, "item.write", f"item:{item_id}", before=before, after=changed)
    return wanted


def ask_for(conn: Connection, item_id: int) -> CursorResult[Any]:
    """The row of an item, which need not have arrived yet."""
    return conn.execute(_BY_ID, {"id_": item_id})


def item(conn: Connection, item_id: int) -> Item:
    """The item, active or not.

    Raises:
        AppError(not_found).
    """
    row = ask_for(conn, item_id).first()
    if row is None:
        raise AppError(NOT_FOUND, what="货品", name=item_id)
    return _item(row)


def item_by_code(conn: Connection, code: str) -> Item:
    """The item with this code.

    Raises:
        AppError(not_found).
    """
    found = item_by_code_or_none(conn, code)
    if found is None:
        raise AppError(NOT_FOUND, what="货品", name=code)
    return found


def item_by_code_or_none(conn: Connection, code: str) -> Item | None:
    """As `item_by_code`, None when there is none."""
    row = conn.execute(_BY_CODE, {"code_": code}).first()
    return None if row is None else _item(row)


def items_by_id(conn: Connection, ids: Iterable[int]) -> dict[int, Item]:
    """Many items in one query (at most 500 per call); unknown ids are missing in the answer."""
    wanted = sorted(set(ids))
    assert len(wanted) <= PAGE, "ask in pages"
    rows = conn.execute(select(items).where(items.c.id.in_(wanted)).limit(PAGE))
    return {row.id: _item(row) for row in rows}


def search_items(conn: Connection, text: str, limit: int = 20) -> list[Item]:
    """Active items whose code begins with `text` or whose barcode it is, then those so named.

    Names are only searched when it is nobody's whole code: a scan is answered by that one look.
    """
    wanted, most = text.strip(), min(limit, PAGE)
    by_barcode = select(barcodes.c.item_id).where(barcodes.c.code.in_(candidates(wanted)))
    coded = _found(conn, begins_with(conn, items.c.code, wanted), most)
    scanned = _found(conn, items.c.id.in_(by_barcode), most)
    hits = {each.id: each for each in sorted((*coded, *scanned), key=lambda item: item.code)}
    if not scanned and all(each.code != wanted for each in coded) and len(hits) < most:
        for column in (items.c.name, items.c.code):  # a code in small letters, say, or its end
            mentioned = mentions(conn, column, wanted, MOST_MENTIONED)
            hits |= {each.id: each for each in _found(conn, mentioned, most)}
    return list(hits.values())[:most]


def _found(conn: Connection, condition: ColumnElement[bool], most: int) -> list[Item]:
    query = select(items).where(items.c.active.is_(True), condition)
    return [_item(row) for row in conn.execute(query.order_by(items.c.code).limit(most))]


def all_items(conn: Connection, *, after_id: int = 0, limit: int = 200) -> list[Item]:
    """Items by id, page by page, inactive ones too."""
    query = select(items).where(items.c.id > after_id).order_by(items.c.id)
    return [_item(row) for row in conn.execute(query.limit(min(limit, PAGE)))]


def check_code(field: str, code: str, longest: int = LONGEST_CODE) -> None:
    """Refuse a code that a person could not type or a label not print.

    Raises:
        AppError(invalid).
    """
    if not code or len(code) > longest:
        raise AppError(INVALID, field=field, why=f"应有 1 到 {longest} 个字符")
    if code != code.strip() or not code.isprintable():
        raise AppError(INVALID, field=field, why="首尾不能有空格，也不能有换行等看不见的字符")


def check_name(field: str, name: str, longest: int = 128) -> None:
    """Refuse an empty or endless name.

    Raises:
        AppError(invalid).
    """
    if not name.strip():
        raise AppError(INVALID, field=field, why="不能为空")
    check_text(field, name, longest)


def check_text(field: str, text: str, longest: int) -> None:
    """Refuse what no column holds: too long, or control characters (PostgreSQL takes no NUL).

    Raises:
        AppError(invalid).
    """
    if len(text) > longest:
        raise AppError(INVALID, field=field, why=f"最多 {longest} 个字")
    if any(category(letter) in ("Cc", "Cs") for letter in text):
        raise AppError(INVALID, field=field, why="不能有换行等看不见的字符")


def _item(row: Row[Any]) -> Item:
    values = dict(row._mapping)
    values["checklist"] = tuple(Check(**each) for each in values["checklist"])
    return Item(**values)


def _columns(new: NewItem) -> dict[str, Any]:
    values: dict[str, Any] = {
        each.name: getattr(new, each.name) for each in fields(new) if each.name != "id"
    }
    values["checklist"] = [asdict(check) for check in new.checklist]
    return values


def _check(new: NewItem) -> None:
    check_code("货品编号", new.code)
    check_name("货品名称", new.name)
    check_text("英文名称", new.name_en, 128)
    check_text("存放区", new.zone, 32)
    if not new.unit.strip() or len(new.unit) > 16:
        raise AppError(INVALID, field="计量单位", why="应有 1 到 16 个字")
    if new.tracking not in TRACKING:
        raise AppError(INVALID, field="批次方式", why="只能是 不跟踪、批次 或 序列号")
    if not 0 <= new.shelf_life_days <= 36_500 or not 0 <= new.near_expiry_days <= 36_500:
        raise AppError(INVALID, field="保质期", why="应在 0 到 36500 天之间")
    if new.shelf_life_days and new.tracking == "none":
        raise AppError(INVALID, field="保质期", why="有保质期的货品要按批次或序列号跟踪")
    if not 0 <= new.over_receipt_percent <= 1000:
        raise AppError(INVALID, field="超收比例", why="应在 0 到 1000 之间")
    _check_checklist(new.checklist)


def _check_checklist(checklist: tuple[Check, ...]) -> None:
    keys = [check.key for check in checklist]
    if len(keys) != len(set(keys)) or len(keys) > 50:
        raise AppError(INVALID, field="质检项目", why="最多 50 项，标识不能重复")
    for check in checklist:
        if not check.key or not check.label or check.kind not in CHECK_KINDS:
            raise AppError(INVALID, field="质检项目", why=f"「{check.label or check.key}」没填完整")
        low, high = check.min_micro, check.max_micro
        if any(each is not None and abs(each) > MAX_MICRO for each in (low, high)):
            raise AppError(INVALID, field="质检项目", why=f"「{check.label}」的界限太大")
        if low is not None and high is not None and low > high:
            raise AppError(INVALID, field="质检项目", why=f"「{check.label}」的下限高于上限")
