"""How a run comes to its end, and what it owes until then to those whom it has told something."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from tracker.domain.rules.rule import Rule, While
from tracker.domain.runs.run import TRYING, Notice, Phase, Run
from tracker.domain.runs.run_signals import ArmTimer, DisarmTimer, Intent, Withdraw
from tracker.domain.runs.steps_done import is_disproved, put_right


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
    if is_disproved(run, occurred_at):
        righted = put_right(replace(run, notices=owed(run, rule), over=True), occurred_at, now)
        stopped = (*stop(run), *righted.intents)
        return ended(replace(righted.run, why="it had not lasted so long")).after(*stopped)
    if run.phase in TRYING or (rule.watches_failures and run.phase is not Phase.HOLDING):
        return Advance(run)
    lasting = tuple(one for one in run.notices if one.resolves or one.repeat)
    if not lasting and "resolved" not in rule.branches:
        return ended(run).after(*stop(run))
    if run.phase is Phase.HOLDING:
        return Advance(run)
    holding = replace(run, phase=Phase.HOLDING, notices=lasting, pending=None)
    return repeat_later(holding, now).after(*stop(run, asked=False))


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
    spans = [one.repeat for one in run.notices if one.repeat and one.comes_again(run.again + 1)]
    return Advance(run, (ArmTimer(now + min(spans), name_of_repetition(run)),) if spans else ())


def stop(run: Run, *, asked: bool = True) -> list[Intent]:
    """Take back what has not begun: the timer, and all actions or only the one that is waited for."""
    timed = run.phase in (Phase.BACKOFF, Phase.WAITING) or any(notice.repeat for notice in run.notices)
    pending = (run.pending,) if run.pending else ()  # another run may have asked for it
    actions = tuple(dict.fromkeys((*run.asked, *pending))) if asked else pending
    stopped: list[Intent] = [DisarmTimer()] if timed else []
    return [*stopped, Withdraw(actions)] if actions else stopped


def name_of_repetition(run: Run) -> str:
    """The meaning of the timer of the next repetition."""
    return f"again:{run.again + 1}"
