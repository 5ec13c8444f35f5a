"""Runs: given a run, when it hears a signal, then this is how it stands and what it asks for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.histories import EPOCH, fact
from tests.unit.reactions import ALERT, MINUTE, RETRY, Story, Text, on
from tracker.domain.actions import ActionSpec, Backoff
from tracker.domain.posts.event import Problem, State
from tracker.domain.rules.decision import Fire
from tracker.domain.rules.event_pattern import parse_event_pattern
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.step import (
    AlertStep,
    PauseStep,
    ReconcileStep,
    ResumeStep,
    RetryStep,
    SendStep,
    SetStep,
    Step,
    WaitStep,
    WhenStep,
)
from tracker.domain.runs.run import Phase, Run, RunState, begin, describe
from tracker.domain.runs.run_signals import (
    ActionFinished,
    ArmTimer,
    Cancelled,
    DisarmTimer,
    EventsArrived,
    Intent,
    Perform,
    Repeated,
    Resolved,
    Settled,
    Signal,
    Started,
    TimerDue,
    Withdraw,
)
from tracker.domain.runs.workflow import advance

LATER = EPOCH + timedelta(days=1)
GAVE_UP = AlertStep("ops", Text("gave up on <post.id> after <run.tries>"), severity="critical")
HELD = AlertStep("ops", Text("stuck"), Text("body of <post.id>"), resolves=True)
FAILED = Story((on("post.failed", do=[RETRY]),)).hear(fact(0, State.FAILED, problem=Problem("timeout", "timed out")))[0]


def rule(*do: Step, exhausted: Iterable[Step] = ()) -> Rule:
    return on("post.failed", do=do, exhausted=tuple(exhausted))


def told(one: Rule, *signals: Signal) -> tuple[Run, list[Intent]]:
    """A fresh run of the rule after the signals, and what the last of them made it ask for."""
    assert isinstance(FAILED, Fire)
    run = begin(replace(FAILED, rule=one), EPOCH)
    intents: list[Intent] = []
    for signal in (Started(), *signals):
        run, intents = tell(run, one, signal)
    return run, intents


def tell(run: Run, one: Rule, signal: Signal) -> tuple[Run, list[Intent]]:
    moved = advance(run, one, signal, EPOCH)
    return moved.run, list(moved.intents)


def actions(intents: Iterable[Intent]) -> list[ActionSpec]:
    return [one.action for one in intents if isinstance(one, Perform)]


def said(action: ActionSpec) -> dict[str, Any]:
    """What the action says, as it is stored."""
    stored: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(action.payload))
    return stored


TRYING = rule(RETRY, exhausted=[GAVE_UP])
FIRST = told(TRYING)[0]


def pause(run: Run) -> TimerDue:
    """The end of the pause before the run's next try."""
    return TimerDue(f"{run.path}:{run.tries + 1}")


def finished(run: Run, outcome: str = "done", reason: str = "ok") -> ActionFinished:
    assert run.pending
    return ActionFinished(run.pending, outcome, reason)


def acting() -> Run:
    return tell(FIRST, TRYING, pause(FIRST))[0]


def watching(tries: int = 1) -> Run:
    """A run whose try of that number has been made."""
    run = FIRST
    for _ in range(tries):
        run = run if run.phase is Phase.BACKOFF else tell(run, TRYING, Repeated(True))[0]
        run, _ = tell(run, TRYING, pause(run))
        run, _ = tell(run, TRYING, finished(run))
    return run


def test_an_alert_is_asked_for_and_the_next_step_follows_at_once() -> None:
    run, intents = told(rule(ALERT, SendStep("cms", Text("post.failed"))))
    assert [(one.verb, one.target, one.due_at) for one in actions(intents)] == [
        ("alert", "ops", EPOCH),
        ("send", "cms", EPOCH),
    ]
    assert run.state is RunState.DONE


def test_each_action_has_a_key_made_of_run_step_and_try() -> None:
    run, intents = told(rule(ALERT, ALERT))
    assert [one.idempotency_key for one in actions(intents)] == [f"{run.id}:0:1", f"{run.id}:1:1"]


def test_an_alert_says_what_happened() -> None:
    (action,) = actions(told(rule(ALERT))[1])
    wanted = {"title": "p1 timed out", "severity": "warning", "rule": "r", "post": "p1", "resolved": False}
    assert wanted.items() <= said(action).items()
    always = {"title", "body", "severity", "resolves", "resolved", "rule", "key", "provider", "post", "target"}
    assert said(action).keys() == always


def test_a_message_without_data_tells_how_the_post_stands() -> None:
    (action,) = actions(told(rule(SendStep("cms", Text("post.<post.state>"))))[1])
    assert said(action)["event"] == "post.failed"
    data = msgspec.json.decode(msgspec.json.encode(said(action)["data"]))
    assert (data["post"]["id"], data["post"]["scheduled_at"], data["error"]["code"]) == ("p1", None, "timeout")
    assert "run" not in data


def test_a_message_with_data_tells_just_that() -> None:
    step = SendStep("cms", Text("x"), {"id": Text("<post.id>!")})
    assert said(actions(told(rule(step))[1])[0])["data"] == {"id": "p1!"}


ASKING = SendStep("cms", Text("x"), noun="cms", at_most=MINUTE, otherwise="down")
READING = AlertStep("ops", lambda values: f"said {values['run.answers']}")
DOWN = AlertStep("oncall", Text("down"))


def asked() -> tuple[Run, Rule]:
    asking = replace(rule(ASKING, READING), branches={"down": (DOWN,)})
    run, intents = told(asking)
    (action,) = actions(intents)
    assert said(action)["answer"] is True
    assert (run.phase, run.pending, intents[1:]) == (Phase.ACTING, action.id, [ArmTimer(EPOCH + MINUTE, "0")])
    return run, asking


def test_a_send_whose_answer_is_asked_for_waits_and_the_next_step_reads_it() -> None:
    run, asking = asked()
    run, intents = tell(run, asking, replace(finished(run), answer={"draft": 7}))
    assert isinstance(intents[0], DisarmTimer)
    assert said(actions(intents)[0])["title"] == "said {'cms': {'draft': 7}}"
    assert run.state is RunState.DONE


@pytest.mark.parametrize("late", [True, False])
def test_a_send_in_vain_or_too_late_leads_to_its_branch(late: bool) -> None:
    run, asking = asked()
    run, intents = tell(run, asking, TimerDue("0") if late else finished(run, "dead", "gone"))
    assert [action.target for action in actions(intents)] == ["oncall"]
    assert run.why == ("the send was not done in time" if late else "the send came to nothing: gone")


def test_what_is_answered_too_late_means_nothing() -> None:
    run, asking = asked()
    late = replace(asking, branches={"down": (WAIT,)})
    run, _ = tell(run, late, TimerDue("0"))
    assert tell(run, late, replace(ActionFinished(run.asked[0], "done"), answer={"draft": 7})) == (run, [])


def test_a_run_that_is_cancelled_waits_for_no_answer() -> None:
    run, asking = asked()
    assert tell(run, asking, Cancelled("post.removed"))[1] == [DisarmTimer(), Withdraw(run.asked)]


def test_an_earlier_answer_under_the_same_noun_is_forgotten() -> None:
    asking = rule(ASKING, READING)
    run, _ = told(asking)
    run = replace(run, answers={"cms": {"draft": 6}, "other": {}}, step=0)
    again, _ = tell(replace(run, phase=Phase.NEW), asking, Started())
    assert again.answers == {"other": {}}


def test_a_retry_waits_for_its_pause_before_the_first_try() -> None:
    run, intents = told(TRYING)
    assert intents == [ArmTimer(EPOCH + MINUTE, "0:1")]
    assert run.phase is Phase.BACKOFF


def test_after_the_pause_the_provider_is_asked() -> None:
    (action,) = actions(tell(FIRST, TRYING, pause(FIRST))[1])
    assert (action.verb, action.target) == ("retry", "sosyalkopru")
    assert said(action) == {"what": "publish", "post": "p1", "target": None, "attempt": 1}
    assert action.idempotency_key == f"{FIRST.id}:0:1"


@pytest.mark.parametrize("outcome", ["done", "unknown"])
def test_after_a_try_the_run_watches_what_becomes_of_it(outcome: str) -> None:
    run, intents = tell(acting(), TRYING, finished(acting(), outcome))
    assert (run.phase, run.state, intents) == (Phase.WATCHING, RunState.ACTIVE, [])


def test_a_try_that_failed_again_is_followed_by_a_longer_pause() -> None:
    run, intents = tell(watching(), TRYING, Repeated(True))
    assert intents == [ArmTimer(EPOCH + 2 * MINUTE, "0:2")]
    (action,) = actions(tell(run, TRYING, pause(run))[1])
    assert action.idempotency_key == f"{run.id}:0:2"


def test_a_failure_that_comes_before_our_own_answer_counts_once_the_answer_is_here() -> None:
    """A fast provider's webhook overtakes the answer to the request that caused it."""
    run, intents = tell(acting(), TRYING, Repeated(True))
    assert (run.phase, intents) == (Phase.ACTING, [])
    run, intents = tell(run, TRYING, finished(run))
    assert intents == [ArmTimer(EPOCH + 2 * MINUTE, "0:2")]


def test_a_failure_during_the_pause_changes_nothing_but_the_count() -> None:
    run, intents = tell(FIRST, TRYING, Repeated(True))
    assert (run.phase, run.count, intents) == (Phase.BACKOFF, 2, [])


def test_when_the_tries_are_used_up_the_exhausted_steps_follow() -> None:
    run, intents = tell(watching(3), TRYING, Repeated(True))
    (action,) = actions(intents)
    assert said(action)["title"] == "gave up on p1 after 3"
    assert action.idempotency_key == f"{run.id}:exhausted.0:1"
    assert (run.state, run.why) == (RunState.EXHAUSTED, "all 3 tries are used up")


def test_the_last_words_tell_of_the_last_error() -> None:
    news = {"post.id": "p2", "error.message": "still"}
    _, intents = tell(watching(3), TRYING, Repeated(True, news))
    assert said(actions(intents)[0])["title"] == "gave up on p2 after 3"


def test_a_failure_that_the_condition_declines_ends_the_trying() -> None:
    assert tell(watching(), TRYING, Repeated(False))[0].state is RunState.EXHAUSTED


def test_a_declined_failure_during_the_pause_takes_the_timer_away() -> None:
    run, intents = tell(FIRST, TRYING, Repeated(False))
    assert isinstance(intents[0], DisarmTimer)
    assert run.state is RunState.EXHAUSTED


@pytest.mark.parametrize("outcome", ["dead", "discarded"])
def test_a_try_that_could_not_be_made_ends_the_trying(outcome: str) -> None:
    run, intents = tell(acting(), TRYING, finished(acting(), outcome, "http_4xx"))
    assert run.state is RunState.EXHAUSTED
    assert "http_4xx" in run.why
    assert len(actions(intents)) == 1


def test_a_post_that_was_created_anew_is_no_longer_waited_for() -> None:
    """What becomes of the new one is its own story."""
    moved, _ = tell(acting(), TRYING, finished(acting(), "done", "recreated"))
    assert moved.state is RunState.DONE


def test_a_try_that_was_not_needed_is_as_good_as_made() -> None:
    assert tell(acting(), TRYING, finished(acting(), "dead", "not_needed"))[0].phase is Phase.WATCHING


def test_the_answer_to_an_earlier_try_means_nothing_any_more() -> None:
    first = acting()
    late = finished(first, "dead")
    run, _ = tell(tell(first, TRYING, finished(first))[0], TRYING, Repeated(True))
    run, _ = tell(run, TRYING, pause(run))
    assert tell(run, TRYING, late) == (run, [])


def test_the_timer_of_an_earlier_pause_means_nothing_any_more() -> None:
    assert tell(watching(), TRYING, TimerDue("0:1"))[1] == []


def test_a_published_post_ends_the_retry_and_the_next_step_follows() -> None:
    one = rule(RETRY, ALERT)
    run, intents = told(one, Settled(State.PUBLISHED))
    assert isinstance(intents[0], DisarmTimer)
    assert [action.verb for action in actions(intents)] == ["alert"]
    assert run.state is RunState.DONE


def test_a_post_published_before_the_try_was_made_withdraws_it() -> None:
    run = acting()
    assert tell(run, TRYING, Settled(State.PUBLISHED))[1] == [DisarmTimer(), Withdraw(run.asked)]


@pytest.mark.parametrize("state", [State.CANCELLED, State.REMOVED])
def test_a_withdrawn_post_is_not_retried(state: State) -> None:
    run, _ = tell(watching(), TRYING, Settled(state))
    assert (run.state, run.why) == (RunState.CANCELLED, f"post.{state}")


def test_a_cancelled_run_takes_back_its_timer_and_its_unclaimed_actions() -> None:
    one = rule(ALERT, RETRY)
    run, _ = told(one)
    cancelled, intents = tell(run, one, Cancelled("post.published"))
    assert intents == [DisarmTimer(), Withdraw(run.asked)]
    assert (cancelled.state, cancelled.why) == (RunState.CANCELLED, "post.published")
    assert len(run.asked) == 1


def test_an_alert_that_resolves_keeps_the_run_until_it_is_over() -> None:
    one = rule(HELD)
    run, intents = told(one)
    assert (run.state, run.phase) == (RunState.ACTIVE, Phase.HOLDING)
    assert said(actions(intents)[0])["body"] == "body of p1"
    over, intents = tell(run, one, Resolved(LATER))
    (action,) = actions(intents)
    assert (said(action)["title"], said(action)["resolved"]) == ("Resolved: stuck", True)
    assert action.idempotency_key == f"{run.id}:0:resolved"
    assert over.state is RunState.DONE


def test_an_alert_that_resolves_while_trying_goes_on_trying() -> None:
    one = rule(HELD, RETRY)
    run, intents = told(one, Resolved(EPOCH))
    assert len(actions(intents)) == 1
    assert run.phase is Phase.BACKOFF
    assert tell(run, one, Resolved(EPOCH)) == (run, [])


def test_a_rule_edited_so_that_the_step_is_gone_ends_its_runs() -> None:
    run, intents = tell(FIRST, rule(ALERT), pause(FIRST))
    assert (run.state, run.why, actions(intents)) == (RunState.CANCELLED, "the rule was edited", [])


def test_a_rule_edited_elsewhere_goes_on_by_its_new_text() -> None:
    hasty = rule(RetryStep("publish", 1, Backoff(MINUTE)), exhausted=[GAVE_UP])
    assert tell(watching(), hasty, Repeated(True))[0].state is RunState.EXHAUSTED


def test_the_same_firing_makes_the_same_run() -> None:
    assert told(TRYING)[0].id == told(TRYING)[0].id


def test_a_pause_ends_by_its_timer_alone() -> None:
    paused, intents = told(rule(PAUSE, ALERT))
    assert (paused.phase, intents) == (Phase.WAITING, [ArmTimer(EPOCH + MINUTE, "0")])
    heard, _ = tell(paused, rule(PAUSE, ALERT), EventsArrived(("cms.acked",)))
    assert heard.phase is Phase.WAITING
    done, intents = tell(heard, rule(PAUSE, ALERT), TimerDue("0"))
    assert (done.state, len(actions(intents))) == (RunState.DONE, 1)


@pytest.mark.parametrize(
    ("why", "otherwise", "expected"),
    [("", None, ["ops", "web"]), ("too late", None, ["web"]), ("too late", "escalate", ["boss"]),
     ("", "escalate", ["ops", "web"])],
)  # fmt: skip
def test_a_step_whose_condition_does_not_hold_is_left_out_or_another_branch_is_taken(
    why: str, otherwise: str | None, expected: list[str]
) -> None:
    web, boss = AlertStep("web", Text("x")), AlertStep("boss", Text("y"))
    one = rule(PAUSE, WhenStep(lambda _: why, 1, otherwise), ALERT, web)
    one = replace(one, branches={"escalate": (boss,)})
    paused, _ = told(one)
    run, intents = tell(paused, one, TimerDue("0"))
    assert ([action.target for action in actions(intents)], run.state) == (expected, RunState.DONE)
    assert run.left_out == ({"1": f"{why}, so {otherwise} follows" if otherwise else why} if why else {})
    assert describe(run, paused) == ("done; at step 1: " + run.left_out["1"] if why else "done")


def test_several_steps_under_one_condition_are_left_out_together() -> None:
    one = rule(WhenStep(lambda _: "no", 2), ALERT, RETRY, AlertStep("web", Text("x")))
    run, intents = told(one)
    assert ([action.target for action in actions(intents)], run.state) == (["web"], RunState.DONE)


def test_a_condition_is_judged_when_its_turn_comes_by_what_texts_read_then() -> None:
    one = rule(PAUSE, NOT_AGAIN, ALERT)
    again, _ = tell(told(one)[0], one, Repeated(True, {}))
    assert tell(again, one, TimerDue("0"))[0].left_out == {"1": "not the first"}


def test_an_alert_is_repeated_as_often_as_it_says_and_the_run_then_waits_for_the_end() -> None:
    one = rule(TWICE, REPEATED)
    run, _ = told(one)
    said = []
    for turn in (1, 2, 3):
        run, intents = tell(run, one, TimerDue(f"again:{turn}"))
        said.append([action.target for action in actions(intents)])
        assert any(isinstance(intent, ArmTimer) for intent in intents)
    assert said == [["web", "ops"], ["web", "ops"], ["ops"]]
    alone = rule(TWICE)
    run, _ = told(alone, TimerDue("again:1"))
    run, intents = tell(run, alone, TimerDue("again:2"))
    assert (run.phase, [type(intent) for intent in intents]) == (Phase.HOLDING, [Perform])
    assert tell(run, alone, Resolved(EPOCH))[0].state is RunState.DONE


WAIT = WaitStep((parse_event_pattern("cms.acked"),), MINUTE, "escalate")
PAUSE = WaitStep((), MINUTE)
NOT_AGAIN = WhenStep(lambda values: "" if values["run.count"] == 1 else "not the first")
NEVER = WhenStep(lambda _: "never", 1, "escalate")
TWICE = AlertStep("web", Text("twice"), repeat=MINUTE, repetitions=2)
REPEATED = AlertStep("ops", Text("still"), repeat=MINUTE)
EVERY_STEP = [
    ALERT, HELD, REPEATED, TWICE, RETRY, SendStep("cms", Text("x")), ASKING, WAIT, PAUSE, NOT_AGAIN, NEVER,
    ReconcileStep(), PauseStep("other", MINUTE),
    ResumeStep("other"), SetStep({"a": Text("<post.id>")}),
]  # fmt: skip
STEPS = st.lists(st.sampled_from(EVERY_STEP), min_size=1, max_size=4)


@st.composite
def signals(draw: st.DrawFn) -> list[tuple[str, object]]:
    """Signals of every kind, most of them to the point; the actual ids are filled in as the run goes."""
    kinds = ["timer", "timer", "stale timer", "finished", "finished", "stale finished", "again", "settled", "heard"]
    drawn = draw(st.lists(st.sampled_from([*kinds, "resolved", "cancelled", "started"]), max_size=25))
    return [(kind, draw(st.integers(0, 5))) for kind in drawn]


def made(kind: str, choice: int, run: Run) -> Signal:
    outcomes = ["done", "done", "unknown", "dead", "discarded", "nonsense"]
    table: dict[str, Signal] = {
        "timer": due(run),
        "heard": EventsArrived(("cms.acked",)),
        "stale timer": TimerDue(f"{choice}:{choice}"),
        "finished": ActionFinished(run.pending or UUID(int=choice), outcomes[choice]),
        "stale finished": ActionFinished(UUID(int=choice), outcomes[choice]),
        "again": Repeated(choice > 0, {} if choice > 3 else None),
        "settled": Settled([State.PUBLISHED, State.REMOVED, State.CANCELLED][choice % 3]),
        "resolved": Resolved(EPOCH),
        "cancelled": Cancelled("somebody"),
        "started": Started(),
    }
    return table[kind]


def due(run: Run) -> TimerDue:
    """What the run's own timer would say."""
    if run.phase is Phase.WAITING:
        return TimerDue(run.path)
    return TimerDue(f"again:{run.again + 1}") if run.phase is Phase.HOLDING else pause(run)


def is_timed(run: Run, one: Rule) -> bool:
    """Whether the run must have a timer."""
    if run.phase is Phase.ACTING:
        return getattr(one.steps(run.branch)[run.step], "at_most", None) is not None
    repeats = run.phase is Phase.HOLDING and any(notice.next_at for notice in run.notices)
    return run.state is RunState.ACTIVE and (repeats or run.phase in (Phase.BACKOFF, Phase.WAITING))


Move = tuple[Signal, Run, tuple[Intent, ...]]


def played(one: Rule, script: list[tuple[str, int]], through_json: bool = False) -> list[Move]:
    """Each signal of the script, with the run and the intents after it."""
    assert isinstance(FAILED, Fire)
    run, seen = begin(replace(FAILED, rule=one), EPOCH), []
    for place, (kind, choice) in enumerate([("started", 0), *script]):
        if through_json:
            run = msgspec.json.decode(msgspec.json.encode(run), type=Run)
        signal = made(kind, choice, run)
        moved = advance(run, one, signal, EPOCH + timedelta(seconds=place))
        run = moved.run
        seen.append((signal, run, moved.intents))
    return seen


@given(STEPS, st.lists(st.sampled_from([ALERT, HELD]), max_size=2), signals())
def test_whatever_a_run_hears_it_keeps_its_promises(
    do: list[Step], exhausted: list[Step], script: list[tuple[str, int]]
) -> None:
    """It never raises, asks once under one key, is silent once it has ended, and has a timer only in a pause."""
    armed: str | None = None
    keys: list[str] = []
    ended = False
    one = rule(*do, exhausted=exhausted)
    one = replace(one, branches={**one.branches, "escalate": (ALERT,), "resolved": (ALERT,)})
    for signal, run, intents in played(one, script):
        assert not (ended and intents)
        ended = run.state is not RunState.ACTIVE
        if signal == TimerDue(armed or ""):
            armed = None
        for intent in intents:
            if isinstance(intent, ArmTimer):
                armed = intent.meaning
            elif isinstance(intent, DisarmTimer):
                armed = None
            elif isinstance(intent, Perform):
                keys.append(intent.action.idempotency_key)
        assert (armed is not None) == is_timed(run, one)
    assert len(keys) == len(set(keys))


@given(STEPS, signals())
def test_a_run_kept_as_json_between_any_two_signals_goes_the_same_way(
    do: list[Step], script: list[tuple[str, int]]
) -> None:
    one = rule(*do, exhausted=[GAVE_UP])
    assert played(one, script) == played(one, script, through_json=True)


@given(STEPS, signals(), signals())
def test_a_cancelled_run_does_nothing_more(
    do: list[Step], before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    one = rule(*do)
    seen = played(one, [*before, ("cancelled", 0), *after])
    assert all(not intents for _, _, intents in seen[len(before) + 2 :])


def test_a_stranger_to_the_run_cannot_finish_its_action() -> None:
    run = acting()
    assert tell(run, TRYING, ActionFinished(uuid4(), "done")) == (run, [])
