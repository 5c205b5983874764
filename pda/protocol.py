"""The frames a scanner and the server exchange: JSON text, version 1, at most 64 KiB each.

Pure: `decode` turns text into one checked frame or refuses it with a sentence, `encode` and
`event_text` make the text that goes out. Not for sockets, sessions or what a scan means.
docs/pda-protocol.md is the complete description for whoever builds another client.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.errors import AppError, ErrorKind, define

VERSION = 1
MAX_BYTES = 65_536
HEARTBEAT_SECONDS = 20  # how often a client should ping
SILENCE_SECONDS = 60.0  # after this long without any frame the server hangs up
MAX_CODE = 512

# Close codes: what the client should do is in docs/pda-protocol.md.
CLOSE_BAD_FRAME = 4000
CLOSE_DEVICE = 4001
CLOSE_SIGNED_OUT = 4002
CLOSE_ORIGIN = 4003
CLOSE_SILENT = 4004
CLOSE_SLOW = 4005
CLOSE_TOO_BIG = 1009
CLOSE_AGAIN = 1001

BAD_FRAME = define(
    "bad_frame",
    400,
    "这条消息看不懂：{why}。请升级扫码枪页面后重试，已扫的内容都还在。",
    "This frame cannot be read: {why}. Update the scanner page and retry; nothing is lost.",
)
BAD_VERSION = define(
    "bad_version",
    426,
    "扫码枪页面的版本是 {theirs}，服务器只认 {ours}。刷新页面后再试。",
    "The scanner page speaks version {theirs}, the server {ours}. Reload the page.",
)
HELLO_FIRST = define(
    "hello_first",
    400,
    "连接的第一条消息不是问候（hello）。请刷新页面重新连接。",
    "The first frame was not hello. Reload the page and connect again.",
)
AFTER_UNKNOWN = define(
    "after_unknown",
    409,
    "前一枪（{after}）还没有入库，这一枪接不上。请先重发前一枪。",
    "The scan before this one ({after}) is not recorded yet. Send that one again first.",
)
SLOW = define(
    "slow_consumer",
    503,
    "扫码枪收得太慢，连接已断开。会自动重连并补齐，不用重扫。",
    "The scanner reads too slowly and was disconnected. It resumes by itself; do not rescan.",
)
OTHER_PERSON = define(
    "other_person",
    409,
    "这一枪是另一位同事扫的，没有入账。请他重新登录后自动补传，或由他放弃。",
    "A colleague made this scan; nothing was posted. It is sent when that person signs in again.",
)
NOT_A_QUESTION = define(
    "not_a_question",
    422,
    "没有执行：「{flow}」的「{action}」会改动数据，不能当查询发。刷新扫码枪页面后重试。",
    "Nothing done: {action} of {flow} changes things and cannot be asked. Reload the page.",
)
WRONG_PIN = define(
    "wrong_pin",
    401,
    "没登录：工牌或 PIN 不对。重扫工牌再输一次，忘记 PIN 找主管重设。",
    "Not signed in: badge or PIN is wrong. Scan the badge again; a supervisor can set a new PIN.",
)
NEEDS_SIGN_IN = define(
    "needs_sign_in",
    401,
    "还没有登录。请扫工牌并输入 PIN，这一枪不用重扫。",
    "Nobody is signed in. Scan your badge and enter the PIN; no need to scan again.",
)


# Short enough that the server may put the device in front and the core a step behind.
NO_LINE = define(
    "line_gone",
    404,
    "采购单 {order} 上没有这一行了：可能被改过。重新扫采购单号。",
    "That line is no longer on order {order}: it may have been changed. Scan the order again.",
)
VERDICT_SUM = define(
    "verdict_sum",
    422,
    "{item} 收了 {quantity}，合格 {accepted} 加不合格 {rejected} 对不上。改好数再入账。",
    "{item}: {quantity} received, but {accepted} accepted + {rejected} rejected do not add up.",
)


F = TypeVar("F")

OpId = Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-:.]{8,80}$")]
Name = Annotated[str, Field(max_length=32)]
Text = Annotated[str, Field(max_length=MAX_CODE)]
Seq = Annotated[int, Field(ge=0, le=2**63 - 1)]


class _Frame(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Enrol(_Frame):
    """First frame of a device nobody knows (any more): trade a one-use code for a device token.

    `was`: the token it had before; the operations it still sends are then the same operations.
    """

    t: Literal["enrol"]
    v: int
    code: Annotated[str, Field(min_length=1, max_length=128)]
    was: Annotated[str, Field(max_length=256)] = ""


class Hello(_Frame):
    """First frame of a known device. `cursor` is the last event it has applied in `epoch`."""

    t: Literal["hello"]
    v: int
    device_token: Annotated[str, Field(min_length=1, max_length=256)]
    session: Annotated[str, Field(max_length=256)] | None = None
    epoch: Annotated[str, Field(max_length=64)] | None = None
    cursor: Seq | None = None
    client: Annotated[str, Field(max_length=120)] = ""


class SignIn(_Frame):
    t: Literal["sign_in"]
    id: OpId
    badge: Annotated[str, Field(min_length=1, max_length=128)]
    pin: Annotated[str, Field(max_length=64)]


class SignOut(_Frame):
    t: Literal["sign_out"]
    id: OpId


class Scan(_Frame):
    """One pull of the trigger.

    `after` names the operation whose answer holds this one's flow, state and context, so a device
    may send the next scan before the answer to the last one came. `by` is the person who scanned.
    """

    t: Literal["scan"]
    id: OpId
    code: Text
    symbology: Annotated[str, Field(max_length=8)] | None = None
    flow: Name = ""
    state: Name = ""
    inputs: dict[str, Any] = Field(default_factory=dict)
    context: dict[str, Any] = Field(default_factory=dict)
    after: OpId | None = None
    by: int | None = None
    at: Annotated[str, Field(max_length=40)] = ""


class Submit(_Frame):
    """A button or a form of a flow's screen.

    `late`: the hands did it while there was no connection; they cannot take it back any more, so a
    refusal by the books becomes a question to a supervisor instead of a sentence on the screen.
    """

    t: Literal["submit"]
    id: OpId
    flow: Name
    state: Name = ""
    action: Name = ""
    inputs: dict[str, Any] = Field(default_factory=dict)
    context: dict[str, Any] = Field(default_factory=dict)
    after: OpId | None = None
    by: int | None = None
    late: bool = False
    at: Annotated[str, Field(max_length=40)] = ""


class Look(_Frame):
    """A question: a `submit` that changes nothing and whose answer nobody has to keep."""

    t: Literal["look"]
    id: OpId
    flow: Name
    action: Name
    inputs: dict[str, Any] = Field(default_factory=dict)
    by: int | None = None

    def submit(self) -> Submit:
        """The same as an operation."""
        return Submit(
            t="submit",
            id=self.id,
            flow=self.flow,
            action=self.action,
            inputs=self.inputs,
            by=self.by,
        )


class Act(_Frame):
    """A button of a task card."""

    t: Literal["act"]
    id: OpId
    task_id: Annotated[str, Field(min_length=1, max_length=64)]
    generation: int | None = None
    action: Name
    inputs: dict[str, Any] = Field(default_factory=dict)
    by: int | None = None
    at: Annotated[str, Field(max_length=40)] = ""


class Ack(_Frame):
    """Every event up to `seq` has been applied by the client."""

    t: Literal["ack"]
    seq: Seq


class Ping(_Frame):
    t: Literal["ping"]
    n: Seq = 0


Frame = Enrol | Hello | SignIn | SignOut | Scan | Submit | Look | Act | Ack | Ping
Operation = Scan | Submit | Act

_FRAME: TypeAdapter[Frame] = TypeAdapter(Annotated[Frame, Field(discriminator="t")])


class DeskHello(_Frame):
    """First frame of a desk page; the cookie of the handshake already says who it is."""

    t: Literal["hello"]
    v: int
    epoch: Annotated[str, Field(max_length=64)] | None = None
    cursor: Seq | None = None


DeskFrame = DeskHello | Ack | Ping
_DESK: TypeAdapter[DeskFrame] = TypeAdapter(Annotated[DeskFrame, Field(discriminator="t")])


def decode(raw: str | bytes) -> Frame:
    """A scanner's frame in `raw`.

    Raises:
        AppError(bad_frame): too large, not JSON, unknown kind, unknown or malformed fields.
    """
    return _decode(raw, _FRAME)


def decode_desk(raw: str | bytes) -> DeskFrame:
    """A desk page's frame in `raw`.

    Raises:
        AppError(bad_frame): as for `decode`.
    """
    return _decode(raw, _DESK)


def _decode(raw: str | bytes, adapter: TypeAdapter[F]) -> F:
    data = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
    if len(data) > MAX_BYTES:
        raise AppError(BAD_FRAME, why=f"超过 {MAX_BYTES // 1024} KiB", too_big=True)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise AppError(BAD_FRAME, why="不是 JSON") from None
    if not isinstance(value, dict):
        raise AppError(BAD_FRAME, why="不是一个对象")
    try:
        return adapter.validate_python(value)
    except ValidationError as problem:
        raise AppError(BAD_FRAME, why=_where(problem), id=_id_of(value)) from None


def _where(problem: ValidationError) -> str:
    """Which field, without echoing what was in it: a PIN must not come back in an error."""
    first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    return f"{path or '种类 t'} ({first['type']})"


def _id_of(value: dict[str, Any]) -> str | None:
    found = value.get("id")
    return found if isinstance(found, str) and len(found) <= 128 else None


def encode(value: dict[str, Any]) -> str:
    """The text of one outgoing frame."""
    return orjson.dumps(value).decode()


def error(problem: AppError, op_id: str | None = None) -> dict[str, Any]:
    """The frame that says no to a frame that is not an operation."""
    return {
        "t": "error",
        "id": op_id,
        "code": problem.code,
        "message": spoken(problem.kind, problem),
        "sound": "error",
    }


def spoken(kind: ErrorKind, problem: AppError) -> dict[str, str]:
    """A refusal as the message part of a frame, in both languages."""
    return {"level": "error", "text": problem.say("zh"), "en": problem.say("en"), "code": kind.code}


def event_body(fields: dict[str, Any]) -> str:
    """The part of an event frame that is the same for everybody: serialised once."""
    return orjson.dumps(fields).decode()[1:]


def event_text(after: int, body: str) -> str:
    """One client's event frame: `after` is the event it got before, so it can see a gap."""
    return f'{{"t":"event","after":{after},{body}'
