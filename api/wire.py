"""The wire form of the core's dataclasses: one place that knows how Micro and Instant travel.

Outside, a quantity is a decimal string (`"12.5"`) and a moment is ISO 8601; inside both are ints.
`wire(value)` writes a core dataclass as JSON, `schema(Order)` is its pydantic model for requests
and for the OpenAPI document, `core_of` goes back (`asked` in api/deps.py reads a body with it).
Not for rules: limits here only keep nonsense (endless lists, numbers no database holds) away.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic.json_schema import WithJsonSchema

from api.errors import UnfitError
from core.chain import canonical
from core.clock import instant, iso
from core.english import english
from core.errors import AppError
from core.quantity import parse, plain

T = TypeVar("T")

MAX_TEXT = 2_000
MAX_ROWS = 1_000
MAX_LOOSE = 64 * 1024
MAX_NUMBER = 2**53 - 1  # what a browser's number holds exactly


class Wire(BaseModel):
    """A body written by hand: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def _read_quantity(value: object) -> int:
    if not isinstance(value, str):
        raise UnfitError('数量要写成字符串，例如 "12.5"', "a quantity is a decimal string")
    try:
        return parse(value)
    except AppError as refusal:
        why = str(refusal.facts["why"])
        raise UnfitError(why, english(why)) from refusal


def _read_moment(value: object) -> int:
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        when = None
    if when is None or when.tzinfo is None or not 1990 <= when.year <= 2200:
        raise UnfitError(
            "时间要写成 2026-03-02T09:00:00+08:00 这样，带时区",
            "a moment is written like 2026-03-02T09:00:00+08:00, with its zone",
        )
    return instant(when)


def _check_day(value: str) -> str:
    """The day as 2026-03-02, however it was written: kept dates are compared as texts."""
    if not value:
        return value
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = date.min
    if not 1990 <= day.year <= 2200:
        raise UnfitError(
            "日期要写成 2026-03-02 这样，在 1990 到 2200 年之间",
            "a day is written like 2026-03-02, between 1990 and 2200",
        )
    return day.isoformat()


Quantity = Annotated[
    int,
    BeforeValidator(_read_quantity),
    WithJsonSchema(
        {"type": "string", "pattern": r"^-?\d{1,10}(\.\d{1,6})?$", "examples": ["12.5"]}
    ),
]
Moment = Annotated[
    int, BeforeValidator(_read_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
DayText = Annotated[
    str, AfterValidator(_check_day), WithJsonSchema({"type": "string", "format": "date"})
]
_NAMES: dict[str, Any] = {"Micro": Quantity, "Instant": Moment}
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Whole = Annotated[int, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Id = Annotated[int, Field(ge=0, le=MAX_NUMBER)]


def wire_name(name: str) -> str:
    """`price_micro` travels as `price` (a decimal string has no millionths), `for_` as `for`."""
    return name.removesuffix("_micro").rstrip("_")


@lru_cache(maxsize=512)
def _hints(cls: type) -> dict[str, Any]:
    """The field types of a dataclass, with Micro and Instant told apart from int."""
    known = get_type_hints(cls, localns=_NAMES, include_extras=True)
    found: dict[str, Any] = {}
    for field in fields(cls):
        kind = known[field.name]
        if field.name.endswith("_on") and kind in (str, str | None):
            found[field.name] = DayText if kind is str else DayText | None
            continue
        moment = field.name.endswith("_at") and kind in (int, int | None)
        found[field.name] = (Moment if kind is int else Moment | None) if moment else kind
    return found


def _bounded(kind: Any) -> Any:
    """`kind` with limits on every text, number and list, and models instead of dataclasses."""
    if kind is str:
        return Text
    if kind is int:
        return Whole
    if kind is Any:
        return Loose
    if kind in (Quantity, Moment, DayText):
        return kind
    if isinstance(kind, type) and is_dataclass(kind):
        return schema(kind)
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return Union[tuple(_bounded(arg) for arg in args)]  # noqa: UP007  # made at run time
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return Annotated[list[_bounded(args[0])], Field(max_length=MAX_ROWS)]  # type: ignore[misc]
    if origin in (list, frozenset, set):
        return Annotated[list[_bounded(args[0])], Field(max_length=MAX_ROWS)]  # type: ignore[misc]
    if origin in (dict, Mapping):
        key, value = args
        return Annotated[dict[_bounded(key), _bounded(value)], Field(max_length=200)]  # type: ignore[misc]
    return kind


@lru_cache(maxsize=512)
def schema(cls: type, omit: tuple[str, ...] = ()) -> type[BaseModel]:
    """The pydantic model of a core dataclass as it travels, without the fields in `omit`."""
    hints = _hints(cls)
    made: dict[str, Any] = {}
    for field in fields(cls):
        if field.name in omit:
            continue
        kind = _bounded(hints[field.name])
        name = wire_name(field.name)
        if field.default is not MISSING:
            made[name] = (kind, field.default)
        elif field.default_factory is not MISSING:
            made[name] = (kind, Field(default_factory=field.default_factory))
        else:
            made[name] = (kind, ...)
    return create_model(
        cls.__name__ if not omit else f"{cls.__name__}Body",
        __config__=ConfigDict(extra="forbid"),
        __doc__=inspect.getdoc(cls),
        **made,
    )


def schema_alone(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of `model` with everything it refers to written out inside it.

    For a route that reads its body by itself: references of its own would lead nowhere in the
    OpenAPI document.
    """
    whole = model.model_json_schema()
    parts = whole.pop("$defs", {})

    def written_out(node: Any) -> Any:
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            return (
                written_out(parts[name]) if name else {k: written_out(v) for k, v in node.items()}
            )
        return [written_out(each) for each in node] if isinstance(node, list) else node

    found: dict[str, Any] = written_out(whole)
    return found


@lru_cache(maxsize=64)
def page_of(cls: type) -> type[BaseModel]:
    """The model of one page of a list: the items and the cursor of the next page."""
    parts: dict[str, Any] = {
        "items": (list[schema(cls)], ...),  # type: ignore[misc]
        "next": (str | None, None),
    }
    return create_model(f"{cls.__name__}Page", **parts)


def core_of(cls: type[T], body: BaseModel, **given: Any) -> T:
    """The core dataclass that a validated body stands for; `given` fills the omitted fields."""
    values = dict(given)
    for name, outside, read in _readers(cast("Any", cls)):
        if name not in values:
            value = getattr(body, outside)
            values[name] = value if read is None or value is None else read(value)
    return cls(**values)


Reader = Callable[[Any], Any]


@lru_cache(maxsize=512)
def _readers(cls: type) -> tuple[tuple[str, str, Reader | None], ...]:
    """(name, wire name, how its value is turned) of each field, worked out once per class."""
    return tuple((name, wire_name(name), _reader(kind)) for name, kind in _hints(cls).items())


def _reader(kind: Any) -> Reader | None:
    """How a validated value becomes the core's; None when it already is."""
    options = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    for each in options:
        if is_dataclass(each):
            return partial(core_of, cast("type[Any]", each))
        shape, inner = get_origin(each), get_args(each)
        if shape in (tuple, list, frozenset, set):
            return partial(_many, shape, _reader(inner[0]))
    return None


def _many(shape: Callable[[Any], Any], read: Reader | None, values: Any) -> Any:
    return shape(values if read is None else map(read, values))


def _check_loose(value: Any) -> Any:
    """Free JSON must be JSON a database can hold: no endless numbers, no half characters."""
    try:
        size = len(canonical(value))
    except (TypeError, ValueError) as problem:
        raise UnfitError("里面有不能保存的字符或数字", "not plain JSON") from problem
    if size > MAX_LOOSE:
        raise UnfitError("内容太多", "too much")
    return value


Loose = Annotated[Any, AfterValidator(_check_loose)]


def wire(value: Any) -> Any:
    """`value` as JSON-like data: dataclasses as objects, quantities as strings, moments as ISO."""
    if is_dataclass(value) and not isinstance(value, type):
        writers = _writers(type(value))
        return {outside: write(getattr(value, name)) for name, outside, write in writers}
    if isinstance(value, list | tuple):
        return [wire(each) for each in value]
    if isinstance(value, frozenset | set):
        return sorted(wire(each) for each in value)
    if isinstance(value, Mapping):
        return {str(key): wire(each) for key, each in value.items()}
    return value


@lru_cache(maxsize=512)
def _writers(cls: type) -> tuple[tuple[str, str, Callable[[Any], Any]], ...]:
    return tuple((name, wire_name(name), _writer(kind)) for name, kind in _hints(cls).items())


def _writer(kind: Any) -> Callable[[Any], Any]:
    flat = (kind, *get_args(kind)) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    if Quantity in flat:
        return _write_quantity
    if Moment in flat:
        return _write_moment
    if get_origin(kind) in (tuple, list) and get_args(kind)[0] is Quantity:
        return lambda values: [plain(each) for each in values]
    return wire


def _write_quantity(value: int | None) -> str | None:
    return None if value is None else plain(value)


def _write_moment(value: int | None) -> str | None:
    return None if value is None else iso(value)
