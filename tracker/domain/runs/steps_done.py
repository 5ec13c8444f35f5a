"""What a step does, how a run ends, and what it owes until then to those whom it has told something."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from msgspec import UNSET, Struct
from msgspec.structs import replace

from tracker.domain.actions import ActionSpec
from tracker.domain.duration import format_duration
from tracker.domain.payloads import AlertPayload, SendPayload
from tracker.domain.rules.choice import addressee_of
from tracker.domain.rules.match_context import to_nested
from tracker.domain.rules.rule import Rule, While
from tracker.domain.rules.step import (
    AlertStep,
    ChangeStep,
    CreateStep,
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
from tracker.domain.runs.asking import ask_provider
from tracker.domain.runs.run import TRYING, Notice, Phase, Run, values_of
from tracker.domain.runs.run_signals import ArmTimer, DisarmTimer, Hold, Intent, Label, Perform, Release, Withdraw
from tracker.domain.sentences import sentence


def raise_alert(run: Run, step: AlertStep, title: str, now: datetime) -> ActionSpec:
    """The action of an alert; one that is grouped waits for others."""
    known = values_of(run)
    body, channel = step.body(known) if step.body else "", addressee_of(step.channel, known)
    about: dict[str, Any] = {**_whose(step), **({"acknowledge": True} if step.acknowledge else {})}
    payload = _alert_payload(run, title, step.severity, body=body, resolves=step.resolves, **about)
    group = f"{run.rule}/{channel}" if step.group else None
    due_at = now + (step.group or timedelta(0))
    return ActionSpec("alert", channel, payload, key_of(run, "1"), due_at, group)


def send_message(run: Run, step: SendStep, now: datetime) -> ActionSpec:
    """The action of a message to another system or a channel."""
    known = values_of(run)
    data = {"rule": run.rule, **to_nested(known), **_gathered(run)}
    if step.data is not None:
        data = {**_gathered(run), **{name: render(known) for name, render in step.data.items()}}
    text = step.body(known) if step.body else UNSET
    payload = SendPayload(event=step.event(known), data=data, text=text, answer=True if step.noun else UNSET)
    return ActionSpec("send", addressee_of(step.endpoint, known), payload, key_of(run, "1"), now)


def _gathered(run: Run) -> dict[str, object]:
    """What a rule with `every`, or with `debounce`, has gathered, and since when."""
    if "run.since" not in run.context:
        return {}
    since, items = run.context["run.since"], run.context.get("run.items", [])
    return {"run": {"since": since, "count": run.context.get("run.count", run.count), "items": items}}


def take_back(run: Run, notice: Notice, now: datetime) -> ActionSpec:
    """The action of the alert which says that what an earlier one told is over."""
    return _follow(run, notice, f"Resolved: {notice.title}", "resolved", now, resolves=True, resolved=True)


def correct(run: Run, notice: Notice, occurred_at: datetime, now: datetime) -> ActionSpec:
    """The action of the alert which says that an earlier one was untrue: we learned too late what had happened."""
    when = occurred_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    title = f"Correction: {notice.title} (it had happened at {when}, but we were told too late)"
    return _follow(run, notice, title, "corrected", now, correction=True, resolved=True)


def repeat(run: Run, notice: Notice, turn: str, now: datetime) -> ActionSpec:
    """The action of the alert once more, because what it is about is not over; `turn` tells which time it is."""
    since = format_duration((now - run.started_at) // timedelta(minutes=1) * timedelta(minutes=1))
    title = f"Still, after {since}: {notice.title}"
    times = int(turn.rpartition(":")[2])
    return _follow(run, notice, title, turn, now, again=times, resolves=notice.resolves)


def _follow(run: Run, notice: Notice, title: str, turn: str, now: datetime, **more: Any) -> ActionSpec:
    if notice.acknowledge and not more.get("resolved"):
        more["acknowledge"] = True
    payload = _alert_payload(run, title, notice.severity, of=notice.action, **_whose(notice), **more)
    return ActionSpec("alert", notice.channel, payload, f"{run.id}:{notice.step}:{turn}", now)


def _whose(alert: AlertStep | Notice) -> dict[str, str]:
    return {name: text for name, text in (("owner", alert.owner), ("runbook", alert.runbook)) if text}


def key_of(run: Run, turn: str) -> str:
    """The idempotency key of what the present step asks for; `turn` tells the first time from others."""
    return f"{run.id}:{run.path}:{turn}"


def _alert_payload(run: Run, title: str, severity: str, **more: Any) -> AlertPayload:
    return AlertPayload(
        title=title, severity=severity, rule=run.rule, key=f"{run.rule}/{run.key}", provider=run.provider,
        post=run.post, target=run.target, **more,
    )  # fmt: skip


def put_right(run: Run, occurred_at: datetime, now: datetime) -> Moved:
    """Take the run's alerts back: what they were about is over since `occurred_at`; those told later are corrected."""
    return Moved(replace(run, notices=()), tuple(_debts(run, occurred_at, now)))


def is_disproved(run: Run, occurred_at: datetime) -> bool:
    """Whether what ended at that time was over before the run was begun because of it."""
    return run.fired_at is not None and occurred_at <= run.fired_at


def say_again(run: Run, now: datetime) -> Moved:
    """Repeat the alerts whose turn it is: each goes by its own span."""
    first = min((one.next_at for one in run.notices if one.next_at), default=now)
    due = [one for one in run.notices if one.next_at and one.next_at <= first]
    said = tuple(Perform(repeat(run, one, f"again:{one.again + 1}", now)) for one in due)
    notices = (replace(one, again=one.again + 1, next_at=None) if one in due else one for one in run.notices)
    return Moved(replace(run, notices=tuple(notices)), said)


def say_still(run: Run, now: datetime) -> tuple[Intent, ...]:
    """It has happened once more before it was over: those who are to hear of its end hear of that too."""
    told = [notice for notice in run.notices if notice.resolves]
    return tuple(Perform(repeat(run, notice, f"still:{run.count}", now)) for notice in told)


def acknowledged(run: Run) -> Run:
    """The run when somebody sees to what it has told: nothing is repeated any more."""
    notices = tuple(replace(notice, repeat=None, acknowledge=False) for notice in run.notices)
    return replace(run, notices=notices)


def _debts(run: Run, occurred_at: datetime, now: datetime) -> Iterator[Perform]:
    disproved = is_disproved(run, occurred_at)
    for notice in run.notices:
        if notice.hidden:
            continue
        if disproved:
            yield Perform(correct(run, notice, occurred_at, now))
        elif notice.resolves:
            yield Perform(take_back(run, notice, now))


class Moved(Struct, frozen=True):
    """A run after a step, and what the step asks for."""

    run: Run
    intents: tuple[Intent, ...] = ()


def do_at_once(run: Run, step: Step, now: datetime) -> Moved:
    """Do a step; one whose end is waited for then stands still until that has come."""
    match step:
        case AlertStep():
            return _alert(run, step, now)
        case SendStep():
            return _send(run, step, now)
        case ReconcileStep() | ChangeStep() | CreateStep():
            action = ask_provider(run, step, values_of(run), key_of(run, "1"), now)
            acting = replace(run, phase=Phase.ACTING, pending=action.id, asked=(*run.asked, action.id))
            return Moved(acting, (Perform(action),))
        case PauseStep(rule, lasting):
            return Moved(_past(run), (Hold(rule, now + lasting),))
        case ResumeStep(rule):
            return Moved(_past(run), (Release(rule),))
        case SetStep(labels):
            known = values_of(run)
            texts = {name: render(known) for name, render in labels.items()}
            return Moved(_past(run), (Label(texts, f"{run.id}:{run.path}"),))
        case RetryStep() | WaitStep() | WhenStep():
            raise TypeError(f"{type(step).__name__} takes time, or only leads somewhere")
        case _:
            assert_never(step)


def _send(run: Run, step: SendStep, now: datetime) -> Moved:
    """Where the run waits for the answer, an earlier one under the same noun is none."""
    action = send_message(run, step, now)
    answers = {noun: answer for noun, answer in run.answers.items() if noun != step.noun}
    run = replace(run, asked=(*run.asked, action.id), answers=answers)
    if not step.waits:
        return Moved(_past(run), (Perform(action),))
    arm = (ArmTimer(now + step.at_most, run.path),) if step.at_most else ()
    return Moved(replace(run, phase=Phase.ACTING, pending=action.id), (Perform(action), *arm))


def _alert(run: Run, step: AlertStep, now: datetime) -> Moved:
    """An alert is remembered as long as something may still have to be said to those who got it."""
    title = step.title(values_of(run))
    action = raise_alert(run, step, title, now)
    notice = Notice(
        run.path, action.target, title, step.severity, action.id, step.resolves, step.repeat,
        repetitions=step.repetitions, acknowledge=step.acknowledge, owner=step.owner, runbook=step.runbook,
    )  # fmt: skip
    run = replace(run, asked=(*run.asked, action.id), notices=(*run.notices, notice))
    return Moved(_past(run), (Perform(action),))


def _past(run: Run) -> Run:
    return replace(run, step=run.step + 1)


class Advance(Struct, frozen=True):
    """The run after a signal, and what it asks for, in this order."""

    run: Run
    intents: tuple[Intent, ...] = ()

    def after(self, *earlier: Intent) -> Advance:
        """This advance, with `earlier` intents before its own."""
        return Advance(self.run, (*earlier, *self.intents))


def leave(run: Run, rule: Rule, occurred_at: datetime, now: datetime) -> Advance:
    """The state that lasted too long has been left, but not for a good end: nobody is told that it is over.

    Those who were told although it had been left in time are corrected. What goes on trying goes on, and so does what
    is about failures, which another try does not end; otherwise nothing is left to do but to await the good end.
    """
    if run.over:
        return Advance(run)
    if run.phase is Phase.NEW:
        return leave_the_row(run)
    if is_disproved(run, occurred_at):
        righted = put_right(replace(run, notices=owed(run, rule), over=True), occurred_at, now)
        stopped = (*stop(run), *righted.intents)
        return ended(replace(righted.run, why=sentence("too_short"))).after(*stopped)
    if run.phase in TRYING or (rule.watches_failures and run.phase is not Phase.HOLDING):
        return Advance(run)
    lasting = tuple(one for one in run.notices if one.resolves or one.repeat)
    if not lasting and "resolved" not in rule.branches:
        return ended(run).after(*stop(run))
    if run.phase is Phase.HOLDING:
        return Advance(run)
    holding = replace(run, phase=Phase.HOLDING, notices=lasting, pending=None)
    return repeat_later(holding, now).after(*stop(run, asked=False))


def leave_the_row(run: Run) -> Advance:
    """What the run is about is over before its turn has come, so nobody is told anything."""
    return ended(replace(run, why="it was over before its turn")).after(DisarmTimer())


def ended(run: Run) -> Advance:
    """The run at its end."""
    return Advance(replace(run, state=run.ending, phase=Phase.OVER, pending=None))


def has_had_its_say(run: Run, rule: Rule) -> bool:
    """Whether the run only waits for the end of an absence of which nobody is to hear: another absence has begun.

    Where somebody is, a state that lasts too long once more belongs to the same story.
    """
    if run.phase is not Phase.HOLDING or not rule.is_about_absence:
        return False
    return not isinstance(rule.trigger, While) or not any(notice.resolves for notice in run.notices)


def owed(run: Run, rule: Rule) -> tuple[Notice, ...]:
    """The alerts about which something may still have to be said."""
    if run.over:
        return ()
    return tuple(one for one in run.notices if one.resolves or one.repeat or rule.is_about_absence)


def repeat_later(run: Run, now: datetime) -> Advance:
    """Come back when the next of its alerts is to be repeated, if one is."""
    notices = tuple(one.timed(now) for one in run.notices)
    times = [one.next_at for one in notices if one.next_at]
    run = replace(run, notices=notices)
    return Advance(run, (ArmTimer(min(times), name_of_repetition(run)),) if times else ())


def stop(run: Run, *, asked: bool = True) -> list[Intent]:
    """Take back what has not begun: the timer, and all actions or only the one that is waited for."""
    timed = run.phase not in (Phase.WATCHING, Phase.HOLDING) or any(notice.repeat for notice in run.notices)
    pending = (run.pending,) if run.pending else ()  # another run may have asked for it
    actions = tuple(dict.fromkeys((*run.asked, *pending))) if asked else pending
    stopped: list[Intent] = [DisarmTimer()] if timed else []
    return [*stopped, Withdraw(actions)] if actions else stopped


def name_of_repetition(run: Run) -> str:
    """The meaning of the timer of the next repetition."""
    return f"again:{run.again + 1}"
