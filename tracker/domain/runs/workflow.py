"""A rule's steps under way: `advance` moves a run, and nothing else does.

Nothing here acts: the answer is the run as it is afterwards, and intents for others to store. A run goes by its rule's
present text; where that lacks the step at which the run stands, the run ends.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from tracker.domain.actions import Reason
from tracker.domain.posts.event import State
from tracker.domain.rules.descriptions import either
from tracker.domain.rules.event_pattern import ACKNOWLEDGED
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.step import RetryStep, SendStep, Step, WaitStep, WhenStep
from tracker.domain.runs.asking import ask_retry
from tracker.domain.runs.run import STANDS_AT, TRYING, Phase, Run, RunState, can_stand, is_of_before, joined, values_of
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
    TriedAlready,
)
from tracker.domain.runs.steps_done import (
    Advance,
    Moved,
    acknowledged,
    do_at_once,
    ended,
    key_of,
    leave,
    leave_the_row,
    name_of_repetition,
    owed,
    put_right,
    repeat_later,
    say_again,
    say_still,
    stop,
)
from tracker.domain.sentences import sentence

TRIED = frozenset({"done", "unknown"})
"""After these ends of a retry action only the provider's next word tells what became of it."""

TURN = "turn"
"""The meaning of the timer at which a run begins its steps."""


def advance(run: Run, rule: Rule, signal: Signal, now: datetime) -> Advance:
    """Move the run by one signal. Total: a signal that means nothing in the run's state changes nothing."""
    if run.state is not RunState.ACTIVE:
        return Advance(run)
    if not can_stand(rule, run.phase, run.branch, run.step) and not isinstance(signal, Cancelled):
        signal = Cancelled(sentence("edited"))
    moved = _hear(run, rule, signal, now)
    if moved.run == run:
        return moved
    return Advance(replace(moved.run, updated_at=now, moves=run.moves + 1), moved.intents)


def _hear(run: Run, rule: Rule, signal: Signal, now: datetime) -> Advance:
    match signal:
        case Started() if run.phase is Phase.NEW:
            turn = run.starts_at or now
            return Advance(run, (ArmTimer(turn, TURN),)) if turn > now else _walk(run, rule, now)
        case TimerDue(meaning):
            return _timer(run, rule, meaning, now)
        case TriedAlready(action, _) if run.phase is Phase.BACKOFF:
            return Advance(replace(run, tries=run.tries + 1, phase=Phase.ACTING, pending=action), (DisarmTimer(),))
        case ActionFinished(action) if run.phase is Phase.ACTING and action == run.pending:
            return _acted(run, rule, signal, now)
        case Repeated(eligible, context, anew):
            return _again(joined(run, context), rule, eligible, now, anew=anew)
        case Settled(state) if run.phase in (*TRYING, Phase.NEW) and isinstance(_step(run, rule), RetryStep):
            return _settle(run, rule, state, now)
        case EventsArrived(words):
            return _heard(run, rule, words, now)
        case Resolved(occurred_at, well) if not is_of_before(run, rule, occurred_at):
            return _resolve(run, rule, occurred_at, now) if well else leave(run, rule, occurred_at, now)
        case Cancelled(by):
            return _cancel(run, by)
    return Advance(run)


def _walk(run: Run, rule: Rule, now: datetime) -> Advance:
    """Do step after step, until one has to wait or none is left."""
    intents: list[Intent] = []
    while (step := _step(run, rule)) is not None:
        moved = _begin(run, step, now)
        run = moved.run
        intents += moved.intents
        if run.phase in STANDS_AT:
            return Advance(run, tuple(intents))
    return _finish(run, rule, now).after(*intents)


def _begin(run: Run, step: Step, now: datetime) -> Moved:
    if isinstance(step, RetryStep):
        return _pause(run, step, 0, now)
    run = run if run.phase is Phase.NEW else replace(run, phase=Phase.NEW)
    if isinstance(step, WaitStep):
        return _wait(run, step, now)
    if isinstance(step, WhenStep):
        return Moved(_judge(run, step))
    return do_at_once(run, step, now)


def _finish(run: Run, rule: Rule, now: datetime) -> Advance:
    """No step is left: the run ends, unless the end of what it is about still means something to it."""
    run = replace(run, notices=owed(run, rule))
    last = run.branch == "resolved" or "resolved" not in rule.branches
    if not last and run.over:
        return _walk(replace(run, branch="resolved", step=0), rule, now)
    if run.notices or not last:
        return repeat_later(replace(run, phase=Phase.HOLDING), now)
    return ended(run)


def _timer(run: Run, rule: Rule, meaning: str, now: datetime) -> Advance:
    step = _step(run, rule)
    if run.phase is Phase.NEW and meaning == TURN:
        return _walk(run, rule, now)
    if run.phase is Phase.BACKOFF and meaning == _name_of_try(run) and isinstance(step, RetryStep):
        return _try(run, step, now)
    if run.phase is Phase.WAITING and meaning == run.path and isinstance(step, WaitStep):
        return _otherwise(run, rule, step.otherwise, sentence("in_vain", words=either(step.words)), now)
    if run.phase is Phase.ACTING and meaning == run.path and isinstance(step, SendStep):
        return _otherwise(run, rule, step.otherwise, "the send was not done in time", now)
    if run.phase is Phase.HOLDING and meaning == name_of_repetition(run):
        said = say_again(replace(run, again=run.again + 1), now)
        return repeat_later(said.run, now).after(*said.intents)
    return Advance(run)


def _pause(run: Run, step: RetryStep, tries: int, now: datetime) -> Moved:
    run = replace(run, phase=Phase.BACKOFF, tries=tries, pending=None, heard=None)
    delay = step.backoff.delay(tries + 1, f"{run.id}:{run.path}")
    return Moved(run, (ArmTimer(now + delay, _name_of_try(run)),))


def _try(run: Run, step: RetryStep, now: datetime) -> Advance:
    run = replace(run, tries=run.tries + 1, phase=Phase.ACTING)
    action = ask_retry(run, step, values_of(run), key_of(run, str(run.tries)), now)
    return Advance(replace(run, pending=action.id, asked=(*run.asked, action.id)), (Perform(action),))


def _acted(run: Run, rule: Rule, came_to: ActionFinished, now: datetime) -> Advance:
    step, outcome, reason = _step(run, rule), came_to.outcome, came_to.reason
    if isinstance(step, SendStep):
        return _sent(run, rule, step, came_to, now)
    if not isinstance(step, RetryStep):
        return _next(run, rule, now)
    if reason == Reason.RECREATED:
        return _next(run, rule, now)
    if outcome not in TRIED and reason != Reason.NOT_NEEDED:
        return _exhaust(run, rule, sentence("not_made", tries=run.tries, reason=reason or outcome), now)
    watching = replace(run, phase=Phase.WATCHING, heard=None)
    return Advance(watching) if run.heard is None else _again(watching, rule, run.heard, now)


def _sent(run: Run, rule: Rule, step: SendStep, came_to: ActionFinished, now: datetime) -> Advance:
    """What was answered to a message can be read from here on; what was told in vain leads elsewhere."""
    if came_to.outcome != "done":
        why = sentence("send_failed", reason=came_to.reason or came_to.outcome)
        return _otherwise(run, rule, step.otherwise, why, now).after(DisarmTimer())
    if step.noun:
        run = replace(run, answers={**run.answers, step.noun: came_to.answer})
    return _next(run, rule, now).after(DisarmTimer())


def _again(run: Run, rule: Rule, eligible: bool, now: datetime, *, anew: bool = False) -> Advance:
    """It happened once more: what is under way goes on; after a try it means that the try did not help."""
    step = _step(run, rule)
    if run.phase is Phase.NEW and eligible:
        return _put_off(run, rule, now)
    if run.phase not in (*TRYING, Phase.NEW) or not isinstance(step, RetryStep):
        return Advance(run, say_still(run, now) if anew and not run.over else ())
    if run.phase is Phase.ACTING:
        return Advance(replace(run, heard=eligible))
    if not eligible:
        disarm = (DisarmTimer(),) if run.phase in (Phase.NEW, Phase.BACKOFF) else ()
        return _exhaust(run, rule, sentence("not_eligible"), now).after(*disarm)
    if run.phase is Phase.BACKOFF:
        return Advance(run)
    if run.tries >= step.tries:
        return _exhaust(run, rule, sentence("tries_used", tries=step.tries), now)
    moved = _pause(run, step, run.tries, now)
    return Advance(moved.run, moved.intents)


def _put_off(run: Run, rule: Rule, now: datetime) -> Advance:
    """It happened once more before the run's turn: where the rule debounces, that moves on."""
    if rule.debounce is None:
        return Advance(run)
    turn = rule.debounce.until(run.started_at, now)
    return Advance(replace(run, starts_at=turn), (ArmTimer(turn, TURN),))


def _exhaust(run: Run, rule: Rule, why: str, now: datetime) -> Advance:
    left = replace(run, branch="exhausted", step=0, pending=None, heard=None, ending=RunState.EXHAUSTED, why=why)
    return _walk(left, rule, now)


def _settle(run: Run, rule: Rule, state: State, now: datetime) -> Advance:
    if state is not State.PUBLISHED:
        return _cancel(run, f"post.{state}")
    return _next(run, rule, now).after(*stop(run, asked=False))


def _wait(run: Run, step: WaitStep, now: datetime) -> Moved:
    """Go on at once if it has happened since the run began."""
    came = {str(word) for word in step.words} & set(run.seen)
    if came:
        return Moved(replace(run, step=run.step + 1, seen=tuple(word for word in run.seen if word not in came)))
    arm = (ArmTimer(now + step.at_most, run.path),) if step.at_most else ()
    return Moved(replace(run, phase=Phase.WAITING), arm)


def _judge(run: Run, step: WhenStep) -> Run:
    """Go on with what the condition guards, or else past it, or to another branch."""
    why = step.condition(values_of(run))
    if not why:
        return replace(run, step=run.step + 1)
    left_out = {
        **run.left_out,
        run.path: sentence("follows", why=why, branch=step.otherwise) if step.otherwise else why,
    }
    if step.otherwise:
        return replace(run, branch=step.otherwise, step=0, left_out=left_out)
    return replace(run, step=run.step + 1 + step.guarded, left_out=left_out)


def _heard(run: Run, rule: Rule, words: tuple[str, ...], now: datetime) -> Advance:
    """What is waited for ends the wait; what comes too early is remembered until somebody waits for it."""
    step = _step(run, rule)
    if ACKNOWLEDGED in words:
        run = acknowledged(run)
        if run.phase is Phase.HOLDING:
            return _finish(run, rule, now).after(DisarmTimer())
    if run.phase is Phase.WAITING and isinstance(step, WaitStep) and {str(word) for word in step.words} & set(words):
        return _next(run, rule, now).after(DisarmTimer())
    return Advance(replace(run, seen=tuple(dict.fromkeys((*run.seen, *words)))))


def _otherwise(run: Run, rule: Rule, branch: str | None, why: str, now: datetime) -> Advance:
    """What is waited for has not come: go to the branch, or where there is none, on."""
    if branch is None:
        return _next(run, rule, now)
    return _walk(replace(run, branch=branch, step=0, pending=None, why=why), rule, now)


def _next(run: Run, rule: Rule, now: datetime) -> Advance:
    return _walk(replace(run, step=run.step + 1, pending=None, heard=None), rule, now)


def _resolve(run: Run, rule: Rule, occurred_at: datetime, now: datetime) -> Advance:
    """What the run is about is over: so are its remaining steps, where they were about an absence."""
    if run.over:
        return Advance(run)
    if run.phase is Phase.NEW:
        return leave_the_row(run)
    # Whoever got an alert hears at once that it is over, wherever the run stands.
    righted = put_right(replace(run, notices=owed(run, rule), over=True), occurred_at, now)
    # Steps that an event set going go on, for it did happen; `_finish` looks at `over`, and turns to `resolved` then.
    if run.phase is not Phase.HOLDING and not rule.is_about_absence:
        return Advance(righted.run, righted.intents)
    # What was absent has come, so nothing is left to do about it: all actions that nobody has begun are taken back, and
    # of an alert among them nobody hears the end either. A run that holds has done its steps: its repetitions stop.
    stopped = stop(run, asked=rule.is_about_absence)
    left = replace(righted.run, branch="resolved", step=0, pending=None)
    return _walk(left, rule, now).after(*stopped, *righted.intents)


def _cancel(run: Run, by: str) -> Advance:
    cancelled = replace(run, state=RunState.CANCELLED, phase=Phase.OVER, why=by)
    return Advance(cancelled, tuple(stop(run)))


def _step(run: Run, rule: Rule) -> Step | None:
    """The step at which the run stands, if the rule still has it."""
    steps = rule.steps(run.branch)
    return steps[run.step] if run.step < len(steps) else None


def _name_of_try(run: Run) -> str:
    return f"{run.path}:{run.tries + 1}"
