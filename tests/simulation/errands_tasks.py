"""What people do to each other: tasks opened, claimed, handed over, put to sleep, answered.

Also buttons on phones, scanners in hands, and the calendar that somebody changes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from core import calendar
from core.actions import Press, perform, press_token
from core.clock import HOUR, MINUTE, to_datetime
from core.outbox.card import Button, Card, Fact
from core.tasks import board, hold, pause, talk
from core.tasks.early import escalate_now
from core.tasks.policy import CLAIM, WORKING, Policy, Rung
from core.tasks.task import NewTask
from tests.simulation.day import Day, Errand
from tests.simulation.errands_stock import Asked
from tests.simulation.facts import parsed

STAFF = ("li", "wang", "chen", "zhou", "zhao", "sun", "guan")
POLICIES = (
    Policy(
        "short", 2 * HOUR, remind=(30 * MINUTE,), claim_expires=90 * MINUTE,
        rungs=(
            Rung(20 * MINUTE, ("role:supervisor",), stop_on=CLAIM),
            Rung(HOUR, ("role:director",), repeat_every=15 * MINUTE, repeat_times=2),
            Rung(40 * MINUTE, ("role:admin",)),
        ),
    ),
    Policy(
        "two days", 48 * HOUR, remind=(4 * HOUR,),
        rungs=(Rung(48 * HOUR, ("role:director",), urgent=True),),
    ),
    Policy(
        "working", 4 * HOUR, WORKING, remind=(HOUR,), claim_expires=2 * HOUR,
        rungs=(
            Rung(3 * HOUR, ("role:supervisor",), WORKING),
            Rung(2 * HOUR, ("role:director",), WORKING, repeat_every=HOUR, repeat_times=2),
            Rung(9 * HOUR, ("role:admin",), WORKING),
        ),
    ),
)  # fmt: skip
CARD = Card(
    "有事要办", "等结果", (Fact("数量", "24 箱"),), (Button("seen", "我来跟进", "primary"),)
)


async def open_task(day: Day) -> None:
    """Somebody asks for something."""
    to = day.rng.choice((("role:warehouse",), ("role:buyer", "role:legal"), ("role:admin",)))
    await ask_for(day, day.rng.choice(POLICIES), to)


async def ask_for(day: Day, policy: Policy, to: tuple[str, ...]) -> None:
    """A task for `to`; its button is one that the table of verbs knows."""
    actor = day.who("chen", "zhao")
    new = NewTask("unwatched", "有事要办", "errand:1", to, policy, CARD)
    ask = {"policy": policy.code}
    await day.ask(actor, "open task", ask, lambda tx: board.ask(tx, actor, new), repeats=False)


def _task(day: Day, states: str = "'open', 'claimed', 'snoozed', 'paused'") -> Any:
    rows = day.look(
        f"SELECT id, generation, people, card FROM task WHERE state IN ({states}) ORDER BY id"  # noqa: S608
    )
    return day.rng.choice(rows) if rows else None


async def handle_task(day: Day) -> None:
    """Claim, put back, hand over, snooze, pause, resume or comment."""
    if _task(day) is None:
        await open_task(day)
    task, rng = _task(day), day.rng
    if task is None:  # the machine went down with it
        return
    verb = rng.choice(
        ("claim", "claim", "put back", "hand over", "snooze", "pause", "resume", "comment", "raise")
    )
    actor, now = day.who(*STAFF), day.now
    other = day.who(*STAFF).person_id
    until = now + rng.choice((10 * MINUTE, 3 * HOUR, 26 * HOUR))
    commands: dict[str, Any] = {
        "claim": lambda tx: hold.claim(tx, actor, task.id),
        "put back": lambda tx: hold.put_back(tx, actor, task.id),
        "hand over": lambda tx: hold.hand_over(tx, actor, task.id, other, "接力"),
        "snooze": lambda tx: pause.snooze(tx, actor, task.id, until),
        "pause": lambda tx: pause.pause(tx, actor, task.id, "等货"),
        "resume": lambda tx: pause.resume(tx, actor, task.id),
        "raise": lambda tx: escalate_now(tx, actor, task.id, "急"),
        "comment": lambda tx: talk.comment(tx, actor, task.id, "看过了"),
    }
    ask = {"task": task.id, "person": actor.person_id}
    await day.ask(actor, verb, ask, commands[verb], repeats=False)


async def reopen(day: Day) -> None:
    task = _task(day, "'done', 'cancelled'")
    if task is None:
        await press_desk(day)
        return
    actor = day.who("zhao", "sun", "guan")
    ask = {"task": task.id}
    await day.ask(
        actor, "reopen", ask, lambda tx: board.reopen(tx, actor, task.id, "再看"), repeats=False
    )


INPUTS = {
    "reason": "说明",
    "bin": "ZJ-A-1",
    "date": "2030-03-03",
    "why": "不用了",
    "check.temp": "4",
}


def _inputs(day: Day, button: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in button.get("inputs", ()):
        key, options = each["key"], each.get("options") or []
        if options and not each.get("free"):
            found[key] = day.rng.choice(options)[0]
        elif key.startswith("lot."):
            found[key] = "L-9"
        elif key.startswith("expires."):
            found[key] = "2031-12-31"
        elif key == "person_id":
            found[key] = str(day.who(*STAFF).person_id)
        elif key in INPUTS:
            found[key] = INPUTS[key]
    return found


async def press_desk(day: Day) -> None:
    """Somebody presses a button on the web page, which may have been open for a while."""
    row = _task(day)
    if row is None:
        await open_task(day)
        return
    buttons, people = parsed(row.card)["buttons"], parsed(row.people)
    if not buttons:
        return
    actor = _person(day, day.rng.choice(people)) if people else day.who(*STAFF)
    if day.rng.random() < 0.2 or actor.name in day.out:
        actor = day.who(*STAFF)
    button = day.rng.choice(buttons)
    press = Press(row.id, row.generation, button["key"], day.op(), _inputs(day, button))
    await day.ask(actor, "press", press, lambda tx: perform(tx, actor, press))


def _person(day: Day, person_id: int) -> Any:
    return next(each for each in day.shop.actors.values() if each.person_id == person_id)


async def press_phone(day: Day) -> None:
    """Somebody presses a button of any card that stands on a phone, however old it is."""
    here = [login for login in day.shop.actors if login not in day.out]
    shown = [each for login in here for each in day.phones.live(login) if each.tokens]
    if not shown:
        await press_desk(day)
        return
    card = day.rng.choice(shown)
    key = day.rng.choice(sorted(card.tokens))
    button = next(each for each in card.card.to_json()["buttons"] if each["key"] == key)
    actor, token, inputs, op = (
        day.shop.actors[card.login],
        card.tokens[key],
        _inputs(day, button),
        day.op(),
    )
    ask = Asked(op, {"task_id": card.task_id, "action": key, "inputs": inputs})
    await day.ask(actor, "press", ask, lambda tx: press_token(tx, actor, token, inputs, op))


async def change_calendar(day: Day) -> None:
    """A day near by becomes a holiday, or a working day."""
    actor = day.who("guan", "zhao")
    when = to_datetime(day.now).date() + timedelta(days=day.rng.randrange(4))
    works = day.rng.random() < 0.5
    day.days_set.append(when)
    ask = {"day": when.isoformat(), "works": works}
    await day.ask(
        actor, "calendar", ask, lambda tx: calendar.set_day(tx, actor, "cn", when, works),
        repeats=False,
    )  # fmt: skip


async def go_scanning(day: Day) -> None:
    """A scanner wakes up, moves some cups, and answers a task now and then."""
    rng = day.rng
    scanner = day.scanners[rng.choice(day.scanners_out)]
    if not await scanner.be_ready():
        return
    day.counts["scanner rounds"] += 1
    if scanner.inbox and rng.random() < 0.5:
        task = rng.choice(list(scanner.inbox.values()))
        if task["buttons"]:
            button = rng.choice(task["buttons"])
            frame = {
                "t": "act", "id": day.op(), "task_id": task["id"], "action": button["key"],
                "generation": task["generation"], "inputs": _inputs(day, button),
            }  # fmt: skip
            await _scan(day, scanner, "scanner act", frame)
            return
    screen: dict[str, Any] = {"flow": "transfer"}
    for code in ("ZJ-B-1", "4006381333931", rng.choice(("ZJ-A-1", "ZJ-A-2"))):
        frame = {"t": "scan", "id": day.op(), "code": code} | screen
        reply = await _scan(day, scanner, "scan", frame)
        if reply is None or not reply["ok"]:
            return
        screen = {"flow": reply["flow"], "state": reply["next_state"], "context": reply["context"]}


async def _scan(day: Day, scanner: Any, verb: str, frame: dict[str, Any]) -> Any:
    fact = day.heard.ask(frame["id"], scanner.login, verb, frame, day.now)
    reply = await scanner.ask(frame)
    fact.state = "gone" if reply is None else "done" if reply["ok"] else "refused"
    fact.answers += [] if reply is None else [reply]
    day.counts[f"{verb} {fact.state}"] += 1
    day.say(f"{scanner.login}: {verb} {fact.op} → {fact.state}")
    return reply


TASKS: dict[str, Errand] = {
    "open task": open_task,
    "handle": handle_task,
    "handle more": handle_task,
    "reopen": reopen,
    "press desk": press_desk,
    "press phone": press_phone,
    "calendar": change_calendar,
    "scanner": go_scanning,
}
