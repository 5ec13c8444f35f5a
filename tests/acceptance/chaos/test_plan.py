"""A plan follows from its seed, and holds every fault there is when it is long enough."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.acceptance.chaos.faults import FAULTS
from tests.acceptance.chaos.plan import BY_NAME, LONGEST_ACT, USUAL_ACT, draw

SEEDS = st.integers(0, 2**32)


@given(SEEDS, st.integers(1, 2000))
def test_the_same_seed_draws_the_same_plan_of_so_many_faults(seed: int, faults: int) -> None:
    plan = draw(seed, faults)
    assert plan == draw(seed, faults)
    steps = [step for act in plan for step in act.steps]
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert len(steps) == faults


@given(SEEDS)
def test_an_act_stays_in_its_scene_and_is_not_too_long(seed: int) -> None:
    for act in draw(seed, 1000):
        assert {step.kind.scene for step in act.steps} == {act.scene}
        assert len(act.steps) <= LONGEST_ACT.get(act.scene, USUAL_ACT)
        assert all(step.kind.shortest <= step.hold <= step.kind.longest for step in act.steps)


@given(SEEDS)
def test_a_long_plan_holds_every_fault(seed: int) -> None:
    drawn = Counter(step.kind.name for act in draw(seed, 1000) for step in act.steps)
    assert set(drawn) == set(BY_NAME) == set(FAULTS)
    assert drawn["kill-service"] > drawn["failover"] > drawn["autumn-night"]


@given(SEEDS, st.sets(st.sampled_from(sorted(BY_NAME)), min_size=1))
def test_a_plan_of_some_kinds_holds_those_and_each_of_them(seed: int, only: set[str]) -> None:
    for faults in (1, 100):
        assert {step.kind.name for act in draw(seed, faults, sorted(only)) for step in act.steps} == only
