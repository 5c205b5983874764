"""The protocol's own promises: frames survive the trip, and the reference names everything."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import CATALOGUE, AppError
from pda import protocol
from pda.answers import FLOWS
from pda.protocol import Frame, decode, decode_desk, encode, error, event_body, event_text

ROOT = Path(__file__).parent.parent.parent
REFERENCE = (ROOT / "docs" / "pda-protocol.md").read_text()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def refusal(read: Callable[[bytes | str], object], raw: bytes | str) -> AppError | None:
    """How `read` refuses `raw`; any other exception fails the test."""
    try:
        read(raw)
    except AppError as problem:
        return problem
    return None


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_a_frame_or_a_refusal(raw: bytes | str) -> None:
    for read in (decode, decode_desk):
        problem = refusal(read, raw)
        if problem is not None:
            assert problem.code == "bad_frame"
            assert orjson.loads(encode(error(problem)))["message"]["text"]


@given(st.dictionaries(st.sampled_from(["t", "id", "v", "code", "context", "seq"]), json_values))
def test_any_object_is_a_frame_or_a_refusal(value: dict[str, Any]) -> None:
    value["t"] = "scan"
    try:
        text = orjson.dumps(value)
    except TypeError:
        return  # an integer no JSON client of ours can send
    problem = refusal(decode, text)
    assert problem is None or problem.code == "bad_frame"


def test_an_event_is_one_json_object_for_everybody() -> None:
    body = event_body({"seq": 9, "kind": "task.opened", "task": {"title": "收货"}})
    assert orjson.loads(event_text(7, body)) == {
        "t": "event",
        "after": 7,
        "seq": 9,
        "kind": "task.opened",
        "task": {"title": "收货"},
    }


def test_exactly_64_kib_fits_and_a_byte_more_does_not() -> None:
    shell = '{"t":"scan","id":"scan-0001","code":"PO-1","context":{"x":""}}'
    filling = "x" * (protocol.MAX_BYTES - len(shell))
    assert decode(shell.replace('""', f'"{filling}"'))
    with pytest.raises(AppError):
        decode(shell.replace('""', f'"{filling}x"'))


def test_the_reference_names_every_frame_and_field() -> None:
    for kind in get_args(Frame):
        name = get_args(kind.model_fields["t"].annotation)[0]
        row = next(line for line in REFERENCE.splitlines() if line.startswith(f"| `{name}` |"))
        for field in kind.model_fields:
            assert field == "t" or f"`{field}`" in row, (name, field)


def test_the_reference_names_every_code() -> None:
    ours = {kind.code for kind in vars(protocol).values() if kind in CATALOGUE.values()}
    said = set(re.findall(r'"([a-z]+_[a-z_]+)",\n    \)', (ROOT / "pda/messages.py").read_text()))
    for code in ours | said:
        assert f"`{code}`" in REFERENCE, code
    closing = {value for name, value in vars(protocol).items() if name.startswith("CLOSE_")}
    for number in closing:
        assert f"| {number} |" in REFERENCE, number


def test_the_reference_names_every_screen() -> None:
    for name, flow in FLOWS.items():
        text = Path(str(flow.__file__)).read_text()
        for state in re.findall(r'Answer\(\s*FLOW, "([a-z_]+)"', text):
            assert f"{name}/{state}" in REFERENCE or f"*/{state}" in REFERENCE, (name, state)


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_a_flow_begins_with_its_work_instruction(flow: Any) -> None:
    """The docstring is what the person with the scanner does, step by step, and what goes wrong."""
    assert re.search(r"^1\. ", flow.__doc__, re.MULTILINE)
    assert "What may go wrong" in flow.__doc__
