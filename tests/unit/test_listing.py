"""What a rule of the clock lists: where it is looked for is never too narrow for what is to be found."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations

import pytest
from msgspec.structs import replace

from tests.unit.histories import EPOCH
from tests.unit.reactions import on
from tracker.domain.posts.event import State
from tracker.domain.posts.target import derive
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.listing import entered_upto, states_of_posts
from tracker.domain.rules.rule import Standing

TARGETS = replace(on("post.failed"), per=GroupBy.TARGET)
POSTS = replace(TARGETS, per=GroupBy.POST)


@pytest.mark.parametrize("state", list(State))
def test_a_target_is_found_in_whatever_state_its_post_is(state: State) -> None:
    looked_in = states_of_posts(TARGETS, Standing(frozenset({state})))
    beside = [(), *((one,) for one in State), *combinations(State, 2)]
    assert {derive({state, *others}) for others in beside} <= looked_in
    assert states_of_posts(POSTS, Standing(frozenset({state}))) == {state}


def test_a_target_may_have_stood_longer_than_its_post() -> None:
    standing = Standing(frozenset({State.PUBLISHED}), older=timedelta(days=1))
    assert entered_upto(TARGETS, standing, EPOCH) == EPOCH
    assert entered_upto(POSTS, standing, EPOCH) == EPOCH - timedelta(days=1)
