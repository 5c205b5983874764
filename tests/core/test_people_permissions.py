"""The permission door: a whole matrix of role x verb x thing, deny by default."""

from __future__ import annotations

from itertools import product

import pytest

from core.errors import AppError
from core.people import ENGINE, OVERSEERS, ROLES, VERB_LABELS, VERBS, Actor, Thing, may, require

ME, PARTNER, WAREHOUSE = 12, 5, 3
THINGS = {
    "none": None,
    "bare": Thing("x"),
    "named": Thing("x", people=frozenset({ME}), partner_id=PARTNER),
    "others": Thing("x", people=frozenset({99}), partner_id=PARTNER),
    "other partner": Thing("x", people=frozenset({ME}), partner_id=PARTNER + 1),
    "my warehouse": Thing("x", warehouse_id=WAREHOUSE),
    "other warehouse": Thing("x", warehouse_id=WAREHOUSE + 1),
}
SUPPLIER_VERBS = {"order.read", "task.read", "task.act", "portal.answer", "file.write"}
OWN_TASK = {verb for verb in VERBS if verb.startswith("task.")} - {"task.open", "task.read"}


def person(role: str, warehouses: frozenset[int] = frozenset()) -> Actor:
    partner = PARTNER if role == "supplier" else None
    return Actor(ME, "我", frozenset({role}), partner_id=partner, warehouse_ids=warehouses)


def expected(role: str, verb: str, thing: str) -> bool:
    """The rules said a second time, as a person would say them."""
    if role not in VERBS[verb]:
        return False
    if role == "supplier":
        if thing == "none":
            return verb == "file.write"
        if THINGS[thing] is None or THINGS[thing].partner_id != PARTNER:  # type: ignore[union-attr]
            return False
    named = thing in ("named", "other partner")
    if verb == "task.act":
        return named
    if verb in OWN_TASK:
        return named or role in OVERSEERS
    return True


@pytest.mark.parametrize("role", sorted(ROLES))
def test_the_whole_matrix(role: str) -> None:
    for verb, thing in product(VERBS, THINGS):
        got = may(person(role), verb, THINGS[thing])
        assert got == expected(role, verb, thing), f"{role} {verb} {thing}"


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"supplier"}))
def test_a_person_bound_to_a_warehouse_acts_only_there(role: str) -> None:
    bound = person(role, frozenset({WAREHOUSE}))
    for verb in VERBS:
        here = may(person(role), verb, THINGS["my warehouse"])
        assert may(bound, verb, THINGS["my warehouse"]) == here
        assert not may(bound, verb, THINGS["other warehouse"])
        named = Thing("x", people=frozenset({ME}), warehouse_id=WAREHOUSE + 1)
        assert may(bound, verb, named) == (role in VERBS[verb]), "who was asked may answer"


def test_the_engine_may_everything_and_nobody_may_nothing() -> None:
    nobody = Actor(ME, "无角色", frozenset())
    invented = Actor(ME, "冒充", frozenset({"root", "Admin"}))
    for verb, thing in product(VERBS, THINGS.values()):
        assert may(ENGINE, verb, thing)
        assert not may(nobody, verb, thing)
        assert not may(invented, verb, thing)
    assert ENGINE.label == "engine"
    assert person("buyer").label == "person:12"


def test_suppliers_reach_exactly_their_five_verbs() -> None:
    assert {verb for verb, roles in VERBS.items() if "supplier" in roles} == SUPPLIER_VERBS
    unbound = Actor(ME, "没绑定", frozenset({"supplier"}))
    for verb, thing in product(VERBS, THINGS.values()):
        assert not may(unbound, verb, thing)


def test_a_verb_that_is_not_in_the_table_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match=r"stock\.steal"):
        may(ENGINE, "stock.steal")


def test_the_refusal_says_who_can_help() -> None:
    with pytest.raises(AppError) as refusal:
        require(person("viewer"), "count.approve")
    assert refusal.value.status == 403
    assert "「批准盘点差异」" in refusal.value.say()
    assert "主管" in refusal.value.say()
    with pytest.raises(AppError, match="任务的负责人"):
        require(person("director"), "task.act", THINGS["others"])
    require(person("warehouse"), "receive")


def test_the_table_is_in_order() -> None:
    for verb, roles in VERBS.items():
        assert roles, verb
        assert roles <= set(ROLES), verb
        assert VERB_LABELS[verb]
