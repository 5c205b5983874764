"""What happens to people: leave with and without a substitute, night duty, a new phone, a farewell.

Whoever has left does nothing more, and whoever has no account hears nothing: `Day.out` and
`Day.unheard` tell the others and the auditor.
"""

from __future__ import annotations

import asyncio
from typing import Any

from core import calendar, people
from core.clock import DAY, HOUR, MINUTE
from core.tasks import leaving
from core.tasks.policy import HOLD, WORKING, Policy, Rung
from tests.simulation.day import Day, Errand
from tests.simulation.errands_tasks import ask_for

MAY_LEAVE = ("chen", "zhou", "sun")  # none of those with a scanner in the hand
MAY_REST = (*MAY_LEAVE, "li", "wang", "zhao")
NIGHT = "night"
POLICIES = (
    Policy(
        "on duty", 2 * HOUR, remind=(30 * MINUTE,), claim_expires=HOUR,
        rungs=(
            Rung(20 * MINUTE, (f"rota:{NIGHT}",), if_nobody=HOLD),
            Rung(HOUR, ("manager-of:holder",)),
            Rung(HOUR, ("role:director",), if_nobody="role:supervisor"),
        ),
    ),
    Policy(
        "upwards", HOUR, WORKING,
        rungs=(
            Rung(HOUR, ("manager-of:holder", "role:legal"), WORKING, repeat_every=HOUR,
                 repeat_times=1),
            Rung(HOUR, (f"rota:{NIGHT}",), WORKING),
            Rung(2 * HOUR, ("role:director",)),
        ),
    ),
)  # fmt: skip


async def ask_those_on_duty(day: Day) -> None:
    """A task for whoever is on duty, or of one person, whose manager is next."""
    one = f"person:{day.who(*MAY_REST).person_id}"
    to = day.rng.choice(((f"rota:{NIGHT}",), (one,), ("role:legal",)))
    await ask_for(day, day.rng.choice(POLICIES), to)


async def go_on_leave(day: Day) -> None:
    """Somebody is away for hours or days, now or soon; another stands in, or nobody."""
    rng = day.rng
    who, other = rng.sample(MAY_REST, 2)
    person, substitute = day.shop.actors[who].person_id, day.shop.actors[other].person_id
    stands_in = rng.choice((None, substitute))
    starts = day.now + rng.choice((0, 0, HOUR, 20 * HOUR))
    ends = starts + rng.choice((HOUR, 8 * HOUR, 2 * DAY))
    ask = {"person": person, "from": starts, "to": ends, "substitute": stands_in}
    await _arrange(day, "leave", ask, lambda tx, actor: calendar.add_leave(
        tx, actor, person, from_us=starts, to_us=ends, substitute_id=stands_in
    ))  # fmt: skip


async def come_back(day: Day) -> None:
    """Earlier than was said."""
    rows = day.look("SELECT id FROM leave ORDER BY id")
    if not rows:
        await go_on_leave(day)
        return
    leave_id = day.rng.choice(rows).id
    ask = {"leave": leave_id}
    await _arrange(day, "back", ask, lambda tx, actor: calendar.end_leave(tx, actor, leave_id))


async def take_the_night(day: Day) -> None:
    """A shift for somebody, which may begin now."""
    person = day.who(*MAY_REST).person_id
    starts = day.now + day.rng.choice((0, 2 * HOUR, 12 * HOUR))
    ends = starts + day.rng.choice((2 * HOUR, 12 * HOUR, 3 * DAY))
    ask = {"person": person, "from": starts, "to": ends}
    await _arrange(day, "shift", ask, lambda tx, actor: calendar.add_shift(
        tx, actor, NIGHT, person, from_us=starts, to_us=ends
    ))  # fmt: skip


async def say_goodbye(day: Day) -> None:
    """Somebody leaves the firm; some hours later it turns out to have been a mistake."""
    login = day.rng.choice(MAY_LEAVE)
    person = day.shop.actors[login].person_id
    if login in day.out:
        return
    day.out.add(login)
    day.unheard.add(login)
    ask = {"person": person}
    await _arrange(day, "goodbye", ask, lambda tx, actor: leaving.leave(tx, actor, person, "走了"))
    await asyncio.sleep(day.rng.choice((600.0, 5 * 3600.0, 30 * 3600.0)))
    await _arrange(day, "welcome", ask, lambda tx, actor: leaving.come_back(tx, actor, person))
    day.out.discard(login)


async def change_the_phone(day: Day) -> None:
    """The account is unbound, and some time later it is bound again."""
    login = day.rng.choice((*MAY_REST, "guan"))
    if login in day.unheard:
        return
    day.unheard.add(login)
    person = day.shop.actors[login].person_id
    ask = {"person": person}
    await _arrange(
        day, "unbind", ask, lambda tx, actor: people.unbind_chat(tx, actor, "chat", login)
    )
    await asyncio.sleep(day.rng.choice((0.0, 900.0, 9 * 3600.0)))
    await _arrange(
        day, "bind", ask, lambda tx, actor: people.bind_chat(tx, actor, person, "chat", login)
    )


async def _arrange(day: Day, verb: str, ask: dict[str, Any], command: Any) -> None:
    """The administrator does it, again and again until it is done."""
    actor = day.shop.actors["guan"]
    for _ in range(20):
        before = len(day.heard.facts)
        await day.ask(actor, verb, ask, lambda tx: command(tx, actor), repeats=False)
        if day.heard.facts[before].state != "gone":
            return
        await asyncio.sleep(5.0)


PEOPLE: dict[str, Errand] = {
    "on duty": ask_those_on_duty,
    "leave": go_on_leave,
    "back": come_back,
    "night": take_the_night,
    "goodbye": say_goodbye,
    "phone": change_the_phone,
}
