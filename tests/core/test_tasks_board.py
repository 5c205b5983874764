"""The board: a task resolves once, says who won, and every surface of it follows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from sqlalchemy import Connection

from core import people
from core.clock import HOUR, MINUTE, ManualClock
from core.db import Database, Tx
from core.errors import AppError
from core.outbox.card import Card
from core.people import ENGINE, Actor
from core.tasks import board, files, hold, policies, queries, talk
from core.tasks.policy import Policy, Rung
from tests.core.task_room import TWO_DAYS, Room, at


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    return Room(db, clock)


@pytest.fixture
def li(room: Room) -> Actor:
    return room.person("李某")


@pytest.fixture
def wang(room: Room) -> Actor:
    return room.person("王某")


def _saying(actor: Actor, task_id: str, body: str) -> Callable[[Tx], board.Task]:
    return lambda tx: talk.comment(tx, actor, task_id, body)


def _showing(filters: board.Filters) -> Callable[[Connection], board.Page]:
    return lambda conn: board.board(conn, filters)


async def test_the_loser_is_told_who_won(room: Room, li: Actor, wang: Actor) -> None:
    """B1: one answer wins; the other hears who, where, what and when."""
    task = room.open("role:buyer")
    room.clock.move_to(at("2026-03-02 16:21"))
    room.close(li, task, generation=1)
    with pytest.raises(AppError, match="已由 李某 在企业微信处理：退回供应商（16:21）") as second:
        room.close(wang, task, generation=1, say="让步接收")
    assert second.value.code == "already_done"
    assert room.now(task).outcome == {"action": "return"}
    room.clock.advance(30 * HOUR)
    with pytest.raises(AppError, match="3月2日 周一 16:21"):
        room.close(wang, task)


async def test_every_card_shows_who_won(room: Room, li: Actor, wang: Actor) -> None:
    task = room.open("role:buyer")
    await room.deliver()
    assert [len(room.null.live(name)) for name in ("李某", "王某")] == [1, 1]
    room.close(li, task)
    await room.deliver()
    for name in ("李某", "王某"):
        (shown,) = room.null.phone(name)
        assert shown.card.closed
        assert shown.card.result == "已由 李某 在企业微信处理：退回供应商（09:00）"
        assert shown.card.buttons == ()


async def test_a_card_is_four_lines_and_names_its_clock(room: Room, li: Actor) -> None:
    working = Policy("w", 8 * HOUR, "working")
    room.open("role:buyer", policy=working)
    await room.deliver()
    (shown,) = room.null.phone("李某")
    facts = {fact.label: fact.value for fact in shown.card.facts}
    assert facts["期限"] == "3月2日 周一 18:00 前（按工作时间），还剩 8 小时"
    assert [button.key for button in shown.card.buttons] == ["return", "keep"]


def test_an_old_button_is_refused_with_where_the_task_stands(
    room: Room, li: Actor, wang: Actor
) -> None:
    task = room.open("role:buyer")
    room.do(lambda tx: hold.claim(tx, li, task.id, 1))
    with pytest.raises(AppError, match="李某 正在处理（09:00 认领）") as old:
        room.close(wang, task, generation=1)
    assert old.value.code == "stale_card"
    assert room.close(wang, task, generation=2).state == "done", "a claim is a signal, not a lock"


def test_only_one_claim_wins_and_repeating_it_is_harmless(
    room: Room, li: Actor, wang: Actor
) -> None:
    task = room.open("role:buyer")
    held = room.do(lambda tx: hold.claim(tx, li, task.id, 1))
    again = room.do(lambda tx: hold.claim(tx, li, task.id, 1))
    assert held == again
    assert held.state == "claimed"
    assert held.holder_name == "李某"
    with pytest.raises(AppError, match="李某 已经在处理"):
        room.do(lambda tx: hold.claim(tx, wang, task.id, 1))
    back = room.do(lambda tx: hold.put_back(tx, li, task.id))
    assert (back.state, back.holder_id, back.generation) == ("open", None, 3)


async def test_the_baton_is_handed_over(room: Room, li: Actor, wang: Actor) -> None:
    task = room.open(f"person:{li.person_id}")
    await room.deliver()
    room.do(lambda tx: hold.hand_over(tx, li, task.id, wang.person_id, "我去开会"))
    await room.deliver()
    assert room.now(task).people == (wang.person_id,)
    assert room.null.live("李某") == []
    assert "王某" in room.null.phone("李某")[0].card.result
    assert "李某 转交给你：我去开会" in room.null.live("王某")[0].card.lead
    with pytest.raises(AppError, match="现在由 王某 负责") as gone:
        room.close(li, task)
    assert gone.value.code == "not_yours"
    with pytest.raises(AppError, match="本来就在 王某 手上"):
        room.do(lambda tx: hold.hand_over(tx, wang, task.id, wang.person_id, ""))


def test_one_live_task_per_cause(room: Room, li: Actor) -> None:
    first = room.open("role:buyer", dedupe_key="late:PO-1")
    again = room.open("role:buyer", dedupe_key="late:PO-1")
    assert (again.id, again.repeat_count) == (first.id, 1)
    room.close(li, first)
    fresh = room.open("role:buyer", dedupe_key="late:PO-1")
    assert fresh.id != first.id
    with pytest.raises(AppError, match="已经有一件新任务在办"):
        room.do(lambda tx: board.reopen(tx, li, first.id, "还没好"))


def test_reopened_it_goes_to_those_who_are_still_here(room: Room, li: Actor) -> None:
    """It went to somebody who had left the firm (simulation, seed 407061)."""
    wang, admin = room.person("王某"), room.person("管理员", "admin")
    task = room.open("role:buyer")
    assert set(task.people) == {li.person_id, wang.person_id}
    room.close(li, task)
    room.do(lambda tx: people.deactivate(tx, ENGINE, wang.person_id, "离职"))
    again = room.do(lambda tx: board.reopen(tx, li, task.id, "供应商反悔"))
    assert again.people == (li.person_id,)
    room.close(li, task)
    room.do(lambda tx: people.deactivate(tx, ENGINE, li.person_id, "离职"))
    again = room.do(lambda tx: board.reopen(tx, admin, task.id, "又来"))
    assert again.people == (admin.person_id,)
    assert wang.person_id in again.audience, "his old card is closed, not forgotten"


def test_reopening_starts_the_whole_time_anew(room: Room, li: Actor) -> None:
    task = room.open("role:buyer")
    room.close(li, task)
    with pytest.raises(AppError):
        room.do(lambda tx: hold.claim(tx, li, task.id))
    room.clock.advance(10 * HOUR)
    again = room.do(lambda tx: board.reopen(tx, li, task.id, "供应商反悔"))
    assert again.state == "open"
    assert again.due_at == room.clock.now() + 48 * HOUR
    assert again.people == (li.person_id,)
    with pytest.raises(AppError, match="不能重开"):
        room.do(lambda tx: board.reopen(tx, li, task.id, "再来"))


def test_a_stranger_may_not_answer_and_may_not_open(room: Room, li: Actor) -> None:
    stranger = room.person("赵某", "finance")
    task = room.open("role:buyer")
    with pytest.raises(AppError) as refused:
        room.close(stranger, task)
    assert refused.value.code == "forbidden"
    viewer = room.person("访客", "viewer")
    with pytest.raises(AppError):
        room.do(lambda tx: board.ask(tx, viewer, room.new("role:buyer")))
    asked = room.do(lambda tx: board.ask(tx, li, room.new("role:buyer")))
    assert asked.opened_by == li.label


def test_a_fact_settles_a_task_whoever_did_it(room: Room, li: Actor, wang: Actor) -> None:
    """Goods that are in are in: the ledger never waits for who may press the button."""
    task = room.open(f"person:{li.person_id}")
    done = room.do(
        lambda tx: board.settle_task(tx, wang, task.id, outcome={}, sentence="已收 24 箱")
    )
    again = room.do(lambda tx: board.settle_task(tx, li, task.id, outcome={}, sentence="已收"))
    assert done == again
    gone = room.open("role:buyer")
    cancelled = room.do(lambda tx: board.cancel_task(tx, ENGINE, gone.id, "让步接收，不用再议"))
    assert cancelled.result == "已撤销：让步接收，不用再议"


def test_nobody_behind_a_role_reaches_the_administrators(room: Room) -> None:
    admin = room.person("管理员", "admin")
    task = room.open("role:legal")
    assert room.via(task) == {admin.person_id: "nobody:role:legal"}


def test_roles_reach_only_people_of_the_warehouse_and_the_partner(room: Room) -> None:
    here = room.person("张江", "warehouse", warehouse_ids=(1,))
    room.person("外高桥", "warehouse", warehouse_ids=(2,))
    both = room.person("机动", "warehouse")
    one, two = room.partner("S-1"), room.partner("S-2")
    supplier = room.person("供应商甲", "supplier", partner_id=one)
    room.person("供应商乙", "supplier", partner_id=two)
    task = room.open("role:warehouse", "role:supplier", warehouse_id=1, partner_id=one)
    assert set(task.people) == {here.person_id, both.person_id, supplier.person_id}
    other = room.open(f"partner:{two}", partner_id=two)
    assert len(other.people) == 1


def test_words_and_files_hang_on_the_task(room: Room, li: Actor, tmp_path: Path) -> None:
    """B10: a photo and a remark are found under what they are about."""
    task = room.open("role:buyer")
    room.do(lambda tx: talk.comment(tx, li, task.id, " 外箱破损，见照片 "))
    digest = files.keep(tmp_path, b"jpeg bytes")
    assert files.keep(tmp_path, b"jpeg bytes") == digest
    assert files.path_of(tmp_path, digest).read_bytes() == b"jpeg bytes"
    new = files.NewFile(digest, "image/jpeg", 10, "C:\\照片\\破损.jpg")
    photo = room.do(lambda tx: files.register(tx, li, new))
    assert photo.name == "破损.jpg"
    for _ in range(2):
        room.do(lambda tx: talk.attach(tx, li, task.id, photo.id))
    found = room.db.read_now(lambda conn: queries.attachments_of(conn, task.id))
    assert [each.file_id for each in found] == [photo.id]
    (said,) = room.db.read_now(lambda conn: queries.comments_of(conn, task.id))
    assert (said.name, said.body) == ("李某", "外箱破损，见照片")
    lines = room.db.read_now(lambda conn: board.history(conn, task.id))
    assert [line.sentence for line in lines] == [
        "任务打开",
        "李某：外箱破损，见照片",
        "李某 添加附件：破损.jpg",
    ]
    for bad in ("", "字" * 2001):
        with pytest.raises(AppError):
            room.do(_saying(li, task.id, bad))


@pytest.mark.parametrize(
    ("media_type", "size"), [("text/html", 10), ("image/jpeg", 0), ("image/jpeg", 10_000_001)]
)
def test_files_we_do_not_take(room: Room, li: Actor, media_type: str, size: int) -> None:
    new = files.NewFile("0" * 64, media_type, size, "x")
    with pytest.raises(AppError):
        room.do(lambda tx: files.register(tx, li, new))


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="内容太大"):
        files.keep(tmp_path, bytes(files.MOST_BYTES + 1))


def test_inbox_and_board(room: Room, li: Actor, wang: Actor) -> None:
    mine = room.open(f"person:{li.person_id}", group="g", warehouse_id=1)
    room.clock.advance(1)
    his = room.open(f"person:{wang.person_id}", kind="receive")
    read = room.db.read_now
    assert [view.task.id for view in read(lambda conn: board.inbox(conn, li.person_id))] == [
        mine.id
    ]
    page = read(lambda conn: board.board(conn, limit=1))
    assert [view.task.id for view in page.tasks] == [his.id]
    rest = read(lambda conn: board.board(conn, cursor=page.cursor, limit=1))
    assert ([view.task.id for view in rest.tasks], rest.cursor) == ([mine.id], "")
    for wanted, found in (
        (board.Filters(kinds=("receive",)), [his.id]),
        (board.Filters(subject="inspection:1", group="g"), [mine.id]),
        (board.Filters(person_id=wang.person_id), [his.id]),
        (board.Filters(warehouse_ids=frozenset({2})), [his.id]),
        (board.Filters(partner_id=3), []),
        (board.Filters(overdue_at=at("2026-03-09 09:00")), [his.id, mine.id]),
        (board.Filters(states=()), [his.id, mine.id]),
    ):
        shown = read(_showing(wanted)).tasks
        assert [view.task.id for view in shown] == found
    assert read(lambda conn: board.tasks_of(conn, "inspection:1"))[0].id == mine.id


def test_an_inbox_made_into_json_is_the_inbox_whatever_happened_since(
    room: Room, li: Actor, wang: Actor
) -> None:
    def same() -> list[str]:
        views = room.db.read_now(lambda conn: board.inbox(conn, li.person_id))
        made = room.db.read_now(lambda conn: queries.inbox_json(conn, li.person_id))
        assert [orjson.loads(each) for each in made] == [view.to_wire() for view in views]
        return [view.task.state for view in views]

    for _ in range(3):
        room.open(f"person:{li.person_id}", f"person:{wang.person_id}")
        room.clock.advance(1)
    assert same() == same() == ["open"] * 3
    first = room.db.read_now(lambda conn: board.inbox(conn, li.person_id))[0].task
    room.do(lambda tx: hold.claim(tx, wang, first.id))
    assert same() == ["claimed", "open", "open"]
    room.close(wang, room.now(first))
    assert same() == ["open", "open"]


def test_the_wire_form(room: Room, li: Actor) -> None:
    wire = board.TaskView(room.open("role:buyer", context={"inspection_id": "1"})).to_wire()
    assert wire["state"] == "open"
    assert wire["holder"] is None
    assert wire["due_text"] == "3月4日 周三 09:00 前"
    assert wire["facts"] == [["数量", "24 箱 = 288 件"]]
    assert [button["key"] for button in wire["buttons"]] == ["return", "keep"]
    assert wire["opened_at"] == "2026-03-02T01:00:00Z"


def test_a_policy_is_frozen_on_the_task_and_versions_are_kept(room: Room) -> None:
    admin = room.person("管理员", "admin")
    shipped = room.db.read_now(lambda conn: policies.policy_of(conn, "qc_failed"))
    assert shipped.respond_within == 48 * HOUR
    task = room.open("role:admin", policy=shipped)
    quick = Policy("qc_failed", 30 * MINUTE, rungs=(Rung(30 * MINUTE, ("role:director",)),))
    for version in (1, 2):
        saved = room.do(lambda tx: policies.save_policy(tx, admin, quick))
        assert saved.version == version
    current = room.db.read_now(lambda conn: policies.policy_of(conn, "qc_failed"))
    assert (current.respond_within, current.version) == (30 * MINUTE, 2)
    assert room.now(task).policy == shipped
    codes = [each.code for each in room.db.read_now(policies.all_policies)]
    assert {"qc_failed", "receive", "dead_letter"} <= set(codes)
    with pytest.raises(AppError):
        room.db.read_now(lambda conn: policies.policy_of(conn, "nothing"))


def test_a_task_without_chat_sends_no_card(room: Room, li: Actor) -> None:
    room.open("role:buyer", surfaces=("desk",), card=Card("只在工作台"))
    assert room.do(lambda tx: tx.conn.exec_driver_sql("select count(*) from message").scalar()) == 0


def test_two_days_has_no_unreachable_step() -> None:
    assert TWO_DAYS.rungs[0].after == TWO_DAYS.respond_within
