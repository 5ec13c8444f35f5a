"""Why a rule fired, or the first of its clauses that was false, with the values it met."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.histories import EPOCH, fact, histories, target
from tracker.domain.posts.arrival import arrive
from tracker.domain.posts.event import Problem, State
from tracker.domain.posts.post import Post, view
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.runs.simulation import Simulation
from tracker.rulebook import load_text
from tracker.rulebook.explain import Story, explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.domain.posts.change import Change
    from tracker.domain.posts.event import Fact
    from tracker.domain.rules.rule import Rule
    from tracker.rulebook.explanations import Explanation

TELL = 'do = [{ alert = "ops", title = "look" }]'
RETRY = f"""
[rule.r]
on    = "post.failed"
match = {{ platform = "instagram" }}
when  = 'error.retryable && (post.attempt < 2 && post.platforms.exists(p, p == "instagram"))'
per   = "target"
{TELL}
"""
STUCK = f'[rule.r]\nwhile = {{ state = "publishing" }}\nfor = "15m"\n{TELL}'
LATE = f'[rule.r]\nexpect = "post.publishing"\nwithin = "10m"\nof = "post.scheduled_at"\n{TELL}'
SILENT = f'[rule.r]\nexpect = "post.published"\nwithin = "10m"\nper = "account"\n{TELL}'
AHEAD = f'[rule.r]\nbefore = "15m"\nof = "post.scheduled_at"\nwhile = {{ state = "awaiting_approval" }}\n{TELL}'
ANSWERED = f'[rule.r]\nexpect = "cms.acked"\nwithin = "10m"\non = "post.published"\nwhen = "post.attempt > 1"\n{TELL}'


def a_rule(text: str) -> Rule:
    book = load_text(text)
    assert [str(fault) for fault in book.faults] == []
    return book.rules[0]


def failed(second: int, platform: str = "instagram", *, retryable: bool = True, **more: object) -> Fact:
    problem = Problem("timeout", "timed out", retryable)
    return fact(second, State.FAILED, (target(platform, State.FAILED),), problem=problem, **more)


def played(rule: Rule, facts: Sequence[Fact], until: float) -> Story:
    """What is on record once the rule has seen all that, and the time is `until` seconds."""
    world, post = Simulation(RuleIndex([rule]), EPOCH), None
    earlier: list[Fact] = []
    changes: list[Change] = []
    for one in facts:
        post, change = arrive(post, one, tuple(earlier))
        earlier.append(one)
        changes.append(change)
        world.pass_time(one.received_at)
        world.see(change)
    now = EPOCH + timedelta(seconds=until)
    world.pass_time(now)
    firings = {one.identity: one for one in world.firings if one.post}
    return Story(changes, view(post) if isinstance(post, Post) else None, firings, now)


def why(text: str, *facts: Fact, until: float = 86_400) -> list[Explanation]:
    rule = a_rule(text)
    return explain([rule], played(rule, facts, until))[rule.id]


def test_what_fired_comes_first_and_what_came_closest_next() -> None:
    found = why(RETRY, failed(0), fact(10, State.PUBLISHING), failed(20), failed(30, "x"))
    assert [one.outcome for one in found] == ["fired", "false", "false"]
    assert (found[0].event, found[0].at) == ("nothing -> failed", EPOCH)
    closest, other = found[1].clause, found[2].clause
    assert closest is not None
    assert (closest.key, closest.wanted, closest.values) == ("when", "post.attempt < 2", {"post.attempt": 2})
    assert found[1].text == "when: wants post.attempt < 2, but it is false, with post.attempt = 2"
    assert other is not None
    assert (other.key, other.wanted, other.was) == ("match.platform", '"instagram"', 'it is "x"')


def test_a_word_that_never_fitted_is_told_beside_what_happened_instead() -> None:
    (found,) = why(RETRY, fact(0, State.SCHEDULED), fact(1, State.PUBLISHING), fact(2, None, event="post.updated"))
    assert found.text == ("on: wants post.failed, but what happened is post.scheduled, post.publishing, post.updated")


def test_what_held_a_firing_back_is_told_by_name() -> None:
    counted = RETRY.replace("per ", 'count = "> 2 in 10m"\nper ')
    assert why(counted, failed(0))[0].text == "counted, but not yet often enough: 1 of 3 within 10m"
    once = f'[rule.r]\non = "post.failed"\nonce = "1h"\n{TELL}'
    story = [failed(0), fact(5, State.PUBLISHING), failed(60)]
    assert [one.text for one in why(once, *story)] == [
        "fired", f"held back: once in 1h, and it fired at {EPOCH:%Y-%m-%d %H:%M:%S} UTC",
    ]  # fmt: skip
    broken = RETRY.replace("post.attempt < 2", "4 / (post.attempt - 1) > 0")
    assert why(broken, failed(0))[0].text == "its condition could not be evaluated: divide by zero"


def test_what_came_to_light_too_late_is_superseded() -> None:
    plain = f'[rule.r]\non = "post.failed"\n{TELL}'
    late = failed(5, received_at=EPOCH + timedelta(seconds=90))
    states = [
        fact(at, state, (target("instagram", state),)) for at, state in ((0, State.PUBLISHING), (60, State.PUBLISHED))
    ]
    found = why(plain, *states, late)
    assert [one.text for one in found] == ["held back: superseded"]


def test_a_wait_goes_on_until_a_moment() -> None:
    (found,) = why(STUCK, fact(0, State.PUBLISHING), until=60)
    assert (found.outcome, found.due_at) == ("waiting", EPOCH + timedelta(minutes=15))
    assert found.text == "fires at 2026-11-01 09:15:00 UTC if publishing lasts until then"


def test_a_state_that_was_there_before_the_rule_counts_from_when_that_was_there() -> None:
    rule, facts, there = a_rule(STUCK), [fact(0, State.PUBLISHING)], EPOCH + timedelta(minutes=5)
    waiting = replace(played(rule, facts, 1000), firings={}, there_since={"r": there})
    (found,) = explain([rule], waiting)["r"]
    assert (found.outcome, found.due_at) == ("waiting", there + timedelta(minutes=15))
    over = replace(waiting, now=there + timedelta(minutes=16))
    (found,) = explain([rule], over)["r"]
    assert (found.outcome, found.at) == ("unseen", there + timedelta(minutes=15))


def test_a_silence_that_only_others_can_have_ended_is_told_as_such() -> None:
    """Of an account, the history of one post does not hold the posts after it."""
    text = SILENT.replace("10m", "20m")
    published = fact(0, State.PUBLISHED, (target("instagram", State.PUBLISHED, "brand"),))
    (found,) = why(text, published, until=60)
    assert found.text == "fires at 2026-11-01 09:20:00 UTC if no other of the same account has come until then"
    rule = a_rule(text)
    (found,) = explain([rule], replace(played(rule, [published], 3600), firings={}))["r"]
    assert found.text.endswith("but another of the same account came in time, or nobody has decided on it yet")
    (found,) = why(text, published, until=3600)
    assert found.outcome == "fired"


def test_a_state_that_was_left_too_early_is_told_with_how_long_it_held() -> None:
    (found,) = why(STUCK, fact(0, State.PUBLISHING), fact(180, State.PUBLISHED))
    assert found.text == 'for: wants 15m, but publishing was left for published after 3m, with post.state = "published"'


def test_a_state_that_was_never_there_is_told_beside_those_that_were() -> None:
    (found,) = why(STUCK, fact(0, State.SCHEDULED), fact(5, State.FAILED))
    assert found.text == "while: wants publishing, but what happened is post.scheduled, post.failed"


def test_each_time_that_a_state_held_has_its_answer() -> None:
    found = why(STUCK, fact(0, State.PUBLISHING), fact(1000, State.FAILED), fact(2000, State.PUBLISHING),
                fact(2060, State.PUBLISHED))  # fmt: skip
    assert [one.outcome for one in found] == ["fired", "false"]
    assert [one.clause.key for one in found if one.clause] == ["for"]


def test_what_was_expected_and_came_in_time_is_told() -> None:
    scheduled = fact(0, State.SCHEDULED, scheduled_at=EPOCH + timedelta(hours=1))
    (found,) = why(LATE, scheduled, fact(3600 + 240, State.PUBLISHING))
    assert found.text == "expect: wants no post.publishing within 10m, but it came 4m after: the state is publishing"
    (gone,) = why(LATE, scheduled, fact(60, State.CANCELLED))
    assert gone.text.endswith("but the post was cancelled, and nothing is left to expect")
    assert [one.outcome for one in why(LATE, scheduled)] == ["fired"]
    (unknown,) = why(LATE, fact(0, State.SCHEDULED))
    assert unknown.text == "of: wants post.scheduled_at, but no such time is known"


def test_what_is_not_approved_ahead_of_its_time_is_told() -> None:
    waits = fact(0, State.AWAITING_APPROVAL, scheduled_at=EPOCH + timedelta(hours=1))
    (fired,) = why(AHEAD, waits)
    assert (fired.outcome, fired.at) == ("fired", EPOCH + timedelta(minutes=45))
    (approved,) = why(AHEAD, waits, fact(60, State.SCHEDULED))
    assert approved.text == "while: wants awaiting_approval, but it is scheduled"
    rule = a_rule(AHEAD)
    (waiting,) = explain([rule], played(rule, [waits], 60))["r"]
    assert waiting.text == "fires at 2026-11-01 09:45:00 UTC if it is still awaiting_approval then"


def test_a_condition_is_judged_when_the_wait_is_over() -> None:
    (found,) = why(ANSWERED, fact(0, State.PUBLISHED))
    assert found.text == "when: wants post.attempt > 1, but it is false, with post.attempt = 1"
    assert found.at == EPOCH + timedelta(minutes=10)
    (answered,) = why(ANSWERED, fact(0, State.PUBLISHED), fact(60, None, event="cms.acked"))
    assert answered.text == "expect: wants no cms.acked within 10m, but it came 1m after: the state is published"


def test_what_happened_before_the_rule_was_there_was_not_seen_by_it() -> None:
    rule = a_rule(RETRY)
    story = played(rule, [failed(0)], 60)
    since = EPOCH + timedelta(seconds=30)
    (found,) = explain([rule], Story(story.changes, story.view, {}, story.now, {"r": since}))["r"]
    assert found.outcome == "unseen"
    assert found.text == "every clause holds, but the rule as it is now is in force since 2026-11-01 09:00:30 UTC"


def test_a_rule_that_is_switched_off_says_so_beside_what_it_did() -> None:
    rule = a_rule(f"{RETRY}\nenabled = false")
    on = played(a_rule(RETRY), [failed(0)], 60)
    assert [one.outcome for one in explain([rule], on)["r"]] == ["fired", "off"]


def test_a_digest_says_what_it_will_gather() -> None:
    clock = f'[rule.r]\nevery = "15m"\n{TELL}'
    digest = f'{clock}\nover = {{ events = ["post.failed"], since = "last-run" }}'
    assert [one.outcome for one in why(digest, failed(0))] == ["gathered"]
    (other,) = why(digest, fact(0, State.PUBLISHED))
    assert other.text == "over: wants post.failed, but what happened is post.published"
    assert [one.outcome for one in why(clock, failed(0))] == ["clock"]


RULES = (
    RETRY, STUCK, ANSWERED, AHEAD.replace("15m", "5s").replace("awaiting_approval", "scheduled"),
    f'[rule.r]\non = "* -> failed"\nper = "platform"\ncount = "2 in a row"\n{TELL}',
    LATE.replace("post.scheduled_at", "post.failed_at"),
    STUCK.replace("15m", "2s") + '\nper = "target"\nmatch = { platform = "x" }\nwhen = "post.attempt > 1"',
    RETRY.replace("post.failed", "post.*").replace("per   = \"target\"", 'once = "2s"'),
    f'[rule.r]\non = "publishing -> failed"\nper = "platform"\ncount = "> 1 in 5s"\n{TELL}',
    f'[rule.r]\nexpect = "post.published"\nwithin = "1s"\non = "post.publishing"\nper = "target"\n{TELL}',
)  # fmt: skip


@given(st.sampled_from(RULES), histories(), st.integers(0, 1000))
def test_whatever_fired_is_told_and_nothing_is_claimed_to_have_had_to_fire(
    text: str, facts: list[Fact], until: int
) -> None:
    rule = a_rule(text)
    story = played(rule, facts, max(until, 20))
    found = explain([rule], story)["r"]
    told = {one.firing.identity for one in found if one.firing}
    assert told == story.firings.keys()
    assert [one for one in found if one.outcome == "unseen"] == []
    assert found
