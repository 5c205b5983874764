"""The auditor of cards: what stands on phones and scanners against what the tables say.

Every card that somebody should have seen has arrived, or is a dead letter that somebody is asked
about; no card keeps buttons that are dead; a scanner that came back shows what a new one shows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.simulation.day import Day
from tests.simulation.facts import parsed
from tests.simulation.scanner import Scanner

Row = dict[str, Any]
LIVE = ("open", "claimed", "snoozed", "paused")
SOON = 30_000_000


def cards(day: Day, rows: dict[str, list[Row]]) -> Iterator[str]:
    yield from _messages(day, rows)
    yield from _phones(day, rows)
    yield from _everybody_knows(day, rows)


def _messages(day: Day, rows: dict[str, list[Row]]) -> Iterator[str]:
    arrived = {shown.card_id for mine in day.phones.phones.values() for shown in mine}
    kinds = {row["id"]: row["kind"] for row in rows["task"]}
    asked = {row["dedupe_key"] for row in rows["task"]}
    for row in rows["message"]:
        day.counts[f"{row['intent']}s {row['state']}"] += 1
        if row["state"] == "sending" or (
            row["state"] == "pending" and row["not_before"] < day.now - SOON
        ):
            yield f"message {row['id']} could have gone: {row['state']}, {row['code']}"
        if row["intent"] != "send":
            continue
        if row["state"] == "sent" and (row["card_id"] not in arrived or not row["surface_id"]):
            yield f"message {row['id']} is sent and stands on no phone that we know"
        silent = f"dead:{row['id']}" not in asked and kinds[row["task_id"]] != "dead_letter"
        if row["state"] == "dead" and silent:
            yield f"message {row['id']} died and nobody was asked"


def _phones(day: Day, rows: dict[str, list[Row]]) -> Iterator[str]:
    """A card that can be pressed belongs to a task that can be answered by its owner."""
    by_id = {row["id"]: row for row in rows["task"]}
    # A card is known once the vendor said where it stands; a dead letter may stand unknown.
    known = {row["card_id"] for row in rows["surface"]}
    lost = {row["card_id"] for row in rows["surface"] if row["state"] == "lost"}
    lost |= {row["card_id"] for row in rows["message"] if row["state"] == "pending"}
    standing: Counter[tuple[str, str]] = Counter()
    for login in day.phones.phones:
        person = day.shop.actors[login].person_id
        for shown in day.phones.live(login):
            if shown.card_id in lost or shown.card_id not in known:
                continue
            standing[login, shown.task_id] += 1
            task = by_id[shown.task_id]
            if task["state"] not in LIVE:
                yield f"{login} can still press {shown.ref} of a {task['state']} task {task['id']}"
            elif person in set(task["audience"]) - set(task["people"]) and shown.tokens:
                yield f"{login} can still press {shown.ref}, the task {task['id']} is not his"
    for (login, task_id), many in standing.items():
        if many > 1:
            yield f"{login} has {many} cards of task {task_id}"


def _everybody_knows(day: Day, rows: dict[str, list[Row]]) -> Iterator[str]:
    logins = {actor.person_id: login for login, actor in day.shop.actors.items()}
    speaks: dict[tuple[str, int], str] = {}  # whose card tells a person of a task
    for row in sorted(rows["assignment"], key=lambda row: int(row["id"])):
        if row["to_us"] is None:
            speaks[row["task_id"], row["person_id"]] = row["card_on"] or row["task_id"]
    on_the_way: dict[tuple[str, int], set[str]] = defaultdict(set)
    for row in rows["message"]:
        on_the_way[row["task_id"], row["person_id"]].add(f"{row['intent']} {row['state']}")
    letters = {
        task["id"]: task["context"]["task_id"]
        for task in rows["task"]
        if task["kind"] == "dead_letter"
    }
    # Somebody looked at a dead letter and said what should become of it (and maybe reopened it).
    decided = {
        letters[event["payload"]["task"]["id"]]
        for event in rows["event"]
        if event["kind"] == "task.done" and event["payload"]["task"]["id"] in letters
    }
    resting = {row["id"] for row in rows["task"] if row["state"] != "open"}
    for task in rows["task"]:
        if task["state"] != "open" or "chat" not in task["surfaces"] or task["id"] in decided:
            continue  # somebody has it, or it rests: the others are told when that ends
        for person in task["people"]:
            login = logins[person]
            about = str(speaks.get((task["id"], person), task["id"]))
            if login in ("mute", "boss") or login in day.unheard:
                continue
            if about in resting:
                yield f"{login} is told of task {task['id']} by {about}, which rests"
            seen = any(shown.task_id == about for shown in day.phones.live(login))
            if not seen and not on_the_way[about, person] & {"send pending", "send dead"}:
                yield (
                    f"{login} should see task {task['id']} ({task['state']}) and does not:"
                    f" {sorted(on_the_way[about, person])}"
                )


def scanner_shows(login: str, scanner: Scanner, rows: list[Any]) -> Iterator[str]:
    """What is on the screen against rows of (id, row_version, state, people)."""
    mine = {
        row.id: row.row_version
        for row in rows
        if row.state in LIVE and scanner.person_id in parsed(row.people)
    }
    shown = {task_id: task["version"] for task_id, task in scanner.inbox.items()}
    if shown != mine:
        yield f"the scanner of {login} shows {shown}, the tables say {mine}"
