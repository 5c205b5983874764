"""Cards, handles, tokens, receipts and raw callbacks: the small parts around delivery."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import DAY, HOUR, SECOND, ManualClock
from core.db import Database
from core.outbox import inbox
from core.outbox.card import Button, Card, Fact, Field
from core.outbox.queue import amend_handle, find_token, receipt, spend_token, surface_of_card
from core.outbox.surfaces import add_code, merged, take_code
from core.outbox.tables import receipts
from core.outbox.tokens import token_of
from core.retention import retire_now
from tests.core.outbox_room import Room, card, closed

text = st.text(max_size=12)
fields = st.builds(
    Field,
    key=text,
    label=text,
    kind=st.sampled_from(["quantity", "choice", "text", "photo"]),
    options=st.lists(st.tuples(text, text), max_size=2).map(tuple),
    required=st.booleans(),
)
buttons = st.builds(
    Button,
    key=text,
    label=text,
    style=st.sampled_from(["primary", "danger", "plain"]),
    inputs=st.lists(fields, max_size=2).map(tuple),
    url=text,
    confirm=text,
)
cards = st.builds(
    Card,
    title=text,
    lead=text,
    facts=st.lists(st.builds(Fact, text, text), max_size=3).map(tuple),
    buttons=st.lists(buttons, max_size=3).map(tuple),
    footer=text,
    picture=text,
    closed=st.booleans(),
    result=text,
    urgent=st.booleans(),
)


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    return Room(db, clock)


@given(cards)
def test_a_card_survives_its_json(said: Card) -> None:
    assert Card.from_json(said.to_json()) == said


def test_a_closed_card_has_no_buttons_and_says_how_it_ended() -> None:
    ended = card().ended("已由 李某 处理")
    assert (ended.buttons, ended.closed, ended.result) == ((), True, "已由 李某 处理")
    assert card().button("keep") is not None
    assert ended.button("keep") is None


def test_codes_are_taken_once_soonest_first_and_never_expired() -> None:
    handle = add_code(add_code(add_code({}, "late", 300), "soon", 200), "gone", 100)
    first, handle = take_code(handle, now=100)
    second, handle = take_code(handle, now=100)
    third, _ = take_code(handle, now=100)
    assert [first, second, third] == ["soon", "late", ""]


def test_a_click_during_an_edit_keeps_its_code() -> None:
    before = add_code({"ref": "m1"}, "A", 100)
    clicked = add_code(before, "B", 200)
    after = merged(clicked, {"sent_us": 7, "codes": [{"code": "C", "expires_us": 300}]}, ("A",))
    assert after["ref"] == "m1"
    assert after["sent_us"] == 7
    assert [each["code"] for each in after["codes"]] == ["B", "C"]


async def test_a_handle_is_amended_where_it_stands(room: Room) -> None:
    message_id = str(room.put(room.person("wang")))
    assert room.db.read_now(lambda conn: surface_of_card(conn, message_id)) is None
    await room.deliver()
    here = room.db.read_now(lambda conn: surface_of_card(conn, message_id))
    assert here is not None
    room.db.write_now(lambda tx: amend_handle(tx, here.id, lambda h: add_code(h, "X", 9)))
    there = room.db.read_now(lambda conn: surface_of_card(conn, message_id))
    assert there is not None
    assert there.handle == {"ref": "null-1", "codes": [{"code": "X", "expires_us": 9}]}


async def test_a_button_carries_a_token_that_knows_task_person_and_generation(room: Room) -> None:
    wang = room.person("wang")
    room.put(wang, generation=3)
    await room.deliver()
    (shown,) = room.null.phone("wang")
    token = shown.tokens["return"]
    assert token.startswith("a1:")
    assert len(token.encode()) == 25, "Telegram allows 64 bytes"
    found = room.db.read_now(lambda conn: find_token(conn, token))
    assert found is not None
    bound = (found.task_id, found.generation, found.action, found.person_id, found.used_at)
    assert bound == ("t1", 3, "return", wang, None)
    assert room.db.write_now(lambda tx: spend_token(tx, found))
    assert not room.db.write_now(lambda tx: spend_token(tx, found))
    used = room.db.read_now(lambda conn: find_token(conn, token))
    assert used is not None
    assert used.used_at == room.clock.now()
    assert room.db.read_now(lambda conn: find_token(conn, "a1:" + "x" * 22)) is None


async def test_another_generation_has_other_tokens_and_the_old_ones_stay_known(room: Room) -> None:
    room.put(room.person("wang"))
    await room.deliver()
    (shown,) = room.null.phone("wang")
    old = shown.tokens["keep"]
    room.edit("t1", card(), generation=2)
    await room.deliver()
    assert shown.tokens["keep"] != old
    stale = room.db.read_now(lambda conn: find_token(conn, old))
    assert stale is not None
    assert stale.generation == 1


def test_a_button_with_a_page_has_no_token(room: Room) -> None:
    say = Card("看", buttons=(Button("open", "打开", url="https://h5/t"),))
    message_id = str(room.put(room.person("wang"), say=say))
    (claimed,) = room.claim()
    assert claimed.delivery.tokens == {}
    token = token_of(message_id, 1, "open")
    assert room.db.read_now(lambda conn: find_token(conn, token)) is None


def test_expired_tokens_are_forgotten(room: Room) -> None:
    room.put(room.person("wang"))
    assert room.db.write_now(retire_now) == 0
    room.clock.advance(31 * DAY)
    assert room.db.write_now(retire_now) == 2


def test_a_closed_card_in_the_queue_is_dropped_not_sent(room: Room) -> None:
    message_id = room.put(room.person("wang"))
    assert room.edit("t1", closed()) == 1
    assert room.message(message_id).code == "closed"


def test_an_unsent_card_goes_out_in_its_newest_words(room: Room) -> None:
    room.put(room.person("wang"))
    room.edit("t1", card("第二版"), generation=2)
    (claimed,) = room.claim()
    assert claimed.delivery.card.title == "第二版"
    token = claimed.delivery.tokens["keep"]
    found = room.db.read_now(lambda conn: find_token(conn, token))
    assert found is not None
    assert found.generation == 2


def test_the_first_receipt_of_each_kind_counts(room: Room) -> None:
    message_id = str(room.put(room.person("wang")))
    room.db.write_now(lambda tx: receipt(tx, message_id, "read", "inferred", at=5))
    room.db.write_now(lambda tx: receipt(tx, message_id, "read", at=9))
    room.db.write_now(lambda tx: receipt(tx, message_id, "clicked"))
    rows = room.db.read_now(lambda conn: conn.execute(receipts.select()).all())
    kept = [(row.kind, row.at, row.certainty) for row in rows]
    assert kept == [("read", 5, "inferred"), ("clicked", room.clock.now(), "reported")]


def test_a_callback_is_stored_once_before_it_is_understood(db: Database) -> None:
    first = db.write_now(lambda tx: inbox.store(tx, "wecom", "k1", {"xml": "…"}))
    again = db.write_now(lambda tx: inbox.store(tx, "wecom", "k1", {"xml": "…"}))
    assert (first.fresh, again.fresh, again.id) == (True, False, first.id)
    (waiting,) = db.read_now(lambda conn: inbox.pending(conn, db.clock.now()))
    assert (waiting.channel, waiting.body) == ("wecom", {"xml": "…"})
    assert db.write_now(lambda tx: inbox.finish(tx, first.id, {"said": "好"}))
    assert not db.write_now(lambda tx: inbox.finish(tx, first.id, {"said": "不"}))
    known = db.write_now(lambda tx: inbox.store(tx, "wecom", "k1", {}))
    assert known.answer == {"said": "好"}
    assert db.read_now(inbox.next_due) is None


def test_a_callback_nobody_understands_is_kept_as_failed(db: Database, clock: ManualClock) -> None:
    stored = db.write_now(lambda tx: inbox.store(tx, "wecom", "k1", {}))
    waits = []
    while (due := db.read_now(inbox.next_due)) is not None:
        waits.append((due - clock.now()) // SECOND)
        clock.move_to(due)
        db.write_now(lambda tx: inbox.put_off(tx, stored.id, "看不懂"))
    assert waits == [0, 1, 2, 4, 8]
    known = db.write_now(lambda tx: inbox.store(tx, "wecom", "k1", {}))
    assert known.answer == {"error": "看不懂"}
    clock.advance(31 * DAY + HOUR)
    assert db.write_now(retire_now) == 1
