"""What is going to happen to a post unless something else happens first: what the engine makes of what waits for it.

A timer is let come, in thought, at its time: by `due` for a rule that waits, by `advance` for a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tracker.domain.calendar import quiet_until
from tracker.domain.posts.post import Post, view
from tracker.domain.rules.decision import Arm, CameTo, Failed, Fire, Refusal, Timer, Trace
from tracker.domain.rules.descriptions import either
from tracker.domain.rules.step import RetryStep, SendStep, WaitStep
from tracker.domain.rules.timers import due
from tracker.domain.runs.run import Phase, Run, RunState
from tracker.domain.runs.run_signals import Perform, TimerDue
from tracker.domain.runs.workflow import advance
from tracker.domain.sentences import sentence
from tracker.queries.post_views import OnePostOut, PendingOut, one_post_out
from tracker.rulebook.explanations import moment, refused
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.domain.posts.change import PostView
    from tracker.domain.rules.grouping import Group
    from tracker.domain.rules.rule import Rule
    from tracker.store.database import Connection, Row

WHAT_COMES = {Phase.BACKOFF: "retry", Phase.WAITING: "wait", Phase.ACTING: "wait", Phase.HOLDING: "repeat"}
"""What the timer of a run is there for, by the phase of the run; of any other, `run`."""

PENDING = """
select t.due_at, t.kind, t.rule, t.key, t.meaning, t.cause, t.provider, t.post, t.target, t.data, t.run,
       r.data as run_data, null as verb, null::uuid as action, null as state, 0 as attempts,
       null::timestamptz as created_at, false as unacknowledged
  from timers t left join runs r on r.id = t.run
 where t.provider = $1 and t.post = $2
union all
select due_at, 'action', rule, '', '', '', provider, post, target, null, run,
       null, verb, id, state, attempts, created_at, false
  from actions where provider = $1 and post = $2 and state in ('pending', 'claimed')
 order by due_at, rule
"""


async def post_with_pending(conn: Connection, post: Post, rules: Sequence[Rule]) -> OnePostOut:
    """The post as it is shown by itself, with what is going to happen to it; `rules` are those in force."""
    return one_post_out(post, await list_pending(conn, post, rules))


async def list_pending(conn: Connection, post: Post, rules: Sequence[Rule]) -> list[PendingOut]:
    """What is going to happen to the post, the soonest first."""
    outlook, seen = Outlook({rule.id: rule for rule in rules}), view(post)
    return [_pending(row, outlook, seen) for row in await conn.fetch(PENDING, post.provider, post.id)]


def _pending(row: Row, outlook: Outlook, seen: PostView) -> PendingOut:
    if row["kind"] == "action":
        return into(PendingOut, row, what="action", says=outlook.of_action(row))
    if row["run_data"] is None:
        return into(PendingOut, row, what=row["kind"], says=outlook.of_rule(into(Timer, row), seen))
    run = Run.from_data(row["run_data"])
    what = WHAT_COMES.get(run.phase, "run")
    says = outlook.of_run(run, row["meaning"], row["due_at"])
    return into(PendingOut, row, what=what, says=says, unacknowledged=run.is_unacknowledged)


class _Rang(Trace):
    """Hears what a rule made of the one timer that is let come, and of nothing else."""

    subject: Group
    came_to: CameTo

    def occurred(self, *_: object) -> None:
        return

    def stands(self, *_: object) -> None:
        return

    def ended(self, *_: object) -> None:
        return

    def rang(self, rule: Rule, timer: Timer, subject: Group, came_to: CameTo) -> None:
        self.subject, self.came_to = subject, came_to


@dataclass(frozen=True, slots=True)
class Outlook:
    """Lets timers come in thought, and says what follows; of a rule that is none of `rules` it is not known."""

    rules: Mapping[str, Rule]

    def of_rule(self, timer: Timer, seen: PostView) -> str:
        """What a rule does that waits for a post, if the post stays as it is."""
        rule, rang = self.rules.get(timer.rule), _Rang()
        if rule is None:
            return sentence("looks_again", rule=timer.rule)
        match due(rule, timer, seen, timer.due_at, rang):
            case Fire() if states := getattr(rule.trigger, "states", ()):
                return sentence("fires_if_still", rule=rule.id, words=either(sorted(states)))
            case Fire():
                words = either(getattr(rule.trigger, "words", ()))
                return sentence("fires_if_absent", rule=rule.id, words=words)
            case Failed(detail=detail):
                return sentence("cannot_judge", rule=rule.id, error=detail)
            case Arm(_, later):
                return sentence("goes_on_waiting", rule=rule.id, until=moment(later.due_at))
        if isinstance(rang.came_to, Refusal):
            clause = refused(rule, rang.subject, rang.came_to)
            key, wanted, why = clause.key, clause.wanted, clause.was
            return sentence("does_nothing", rule=rule.id, key=key, wanted=wanted, why=why)
        return sentence("looks_again", rule=rule.id)

    def of_run(self, run: Run, meaning: str, due_at: datetime) -> str:
        """What a run does when its timer comes."""
        rule = self.rules.get(run.rule)
        if rule is None:
            return sentence("looks_again", rule=run.rule)
        moved = advance(run, rule, TimerDue(meaning), due_at)
        if moved.run.state is RunState.CANCELLED:
            return sentence("ends", rule=run.rule, why=moved.run.why)
        if run.phase is Phase.NEW:
            return sentence("begins_unless" if rule.debounce else "begins", rule=run.rule, count=run.count)
        steps = rule.steps(run.branch)
        match steps[run.step] if run.step < len(steps) and moved.run != run else None:
            case RetryStep(tries=tries) if run.phase is Phase.BACKOFF:
                return sentence("retries", rule=run.rule, count=moved.run.tries, most=tries)
            case WaitStep(()) if run.phase is Phase.WAITING:
                return sentence("goes_on", rule=run.rule)
            case WaitStep(words) if run.phase is Phase.WAITING:
                code = "stops_waiting" if moved.run.branch == run.branch else "turns"
                return sentence(code, rule=run.rule, words=either(words), branch=moved.run.branch)
            case SendStep(endpoint) if run.phase is Phase.ACTING:
                code = "unanswered" if moved.run.branch == run.branch else "unanswered_turns"
                return sentence(code, rule=run.rule, endpoint=endpoint, branch=moved.run.branch)
        if any(isinstance(intent, Perform) for intent in moved.intents):
            return sentence("says_again", rule=run.rule)
        return sentence("looks_again", rule=run.rule)

    def of_action(self, row: Mapping[str, Any]) -> str:
        """What is done, and what it waits for."""
        what = f"{row['verb']} {row['target']}"
        if row["attempts"]:
            return f"{what}: attempt {row['attempts'] + (row['state'] == 'pending')}"
        rule, due_at = self.rules.get(row["rule"] or ""), row["due_at"]
        if rule is None or not rule.quiet or row["verb"] != "alert" or due_at <= row["created_at"]:
            return what
        is_held = quiet_until(rule.quiet, due_at - timedelta(milliseconds=1)) == due_at
        return f"{what}, held by the quiet hours until then" if is_held else what
