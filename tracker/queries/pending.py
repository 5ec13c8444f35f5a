"""What is going to happen to a post, the soonest first and in words: timers, those of its runs, and open actions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tracker.domain.rules.descriptions import either
from tracker.domain.rules.step import RetryStep, WaitStep
from tracker.domain.rules.trigger import Expect, While
from tracker.queries.post_views import OnePostOut, PendingOut, one_post_out
from tracker.store.rows import into

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tracker.domain.posts.post import Post
    from tracker.domain.rules.rule import Rule
    from tracker.domain.rules.step import Step
    from tracker.store.database import Connection, Row

PENDING = """
select t.due_at,
       case when t.run is null then t.kind
            when r.data->>'phase' = 'backoff' then 'retry'
            when r.data->>'phase' = 'waiting' then 'wait'
            when r.data->>'phase' = 'holding' then 'repeat'
            else 'run' end as what,
       t.rule, t.run, t.meaning, null as verb, t.target, null::uuid as action, null as state, 0 as attempts,
       null::timestamptz as created_at
  from timers t left join runs r on r.id = t.run
 where t.provider = $1 and t.post = $2
union all
select due_at, 'action', rule, run, '', verb, target, id, state, attempts, created_at
  from actions where provider = $1 and post = $2 and state in ('pending', 'claimed')
 order by due_at, rule
"""


async def post_with_pending(conn: Connection, post: Post, rules: Sequence[Rule]) -> OnePostOut:
    """The post as it is shown by itself, with what is going to happen to it; `rules` are those in force, for words."""
    return one_post_out(post, await list_pending(conn, post.provider, post.id, rules))


async def list_pending(conn: Connection, provider: str, post: str, rules: Sequence[Rule]) -> list[PendingOut]:
    """What is going to happen to the post, the soonest first."""
    waiting = Waiting({rule.id: rule for rule in rules})
    return [_pending(row, waiting) for row in await conn.fetch(PENDING, provider, post)]


def _pending(row: Row, waiting: Waiting) -> PendingOut:
    is_action = row["what"] == "action"
    says = waiting.action(row) if is_action else waiting.timer(row["what"], row["rule"], row["meaning"])
    return into(PendingOut, row, says=says)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Puts into words by the rules as they are now; a rule that is gone leaves a general word."""

    rules: Mapping[str, Rule]

    def timer(self, what: str, rule: str, meaning: str) -> str:
        """What happens when the timer of that kind comes, unless something else happens before."""
        known = self.rules.get(rule)
        step = _step(known, meaning) if known else None
        match what:
            case "while" if known and isinstance(known.trigger, While):
                return f"{rule} fires if it is still {either(sorted(known.trigger.states))}"
            case "expect" if known and isinstance(known.trigger, Expect):
                return f"{rule} fires if {either(known.trigger.words)} has not happened"
            case "every":
                return f"{rule} fires"
            case "retry" if isinstance(step, RetryStep):
                return f"{rule} retries: try {meaning.rpartition(':')[2]} of {step.tries}"
            case "retry":
                return f"{rule} retries"
            case "wait" if isinstance(step, WaitStep):
                branch = f", and goes to {step.otherwise}" if step.otherwise else ", and goes on"
                return f"{rule} stops waiting for {either(step.words)}{branch}"
            case "wait":
                return f"{rule} stops waiting"
            case "repeat":
                return f"{rule} says again that it is not over"
        return f"{rule} looks again"

    def action(self, row: Mapping[str, Any]) -> str:
        """What is done, and what it waits for."""
        what = f"{row['verb']} {row['target']}"
        if row["attempts"]:
            return f"{what}: attempt {row['attempts'] + (row['state'] == 'pending')}"
        return f"{what}, held by the quiet hours until then" if self._is_held(row) else what

    def _is_held(self, row: Mapping[str, Any]) -> bool:
        rule = self.rules.get(row["rule"] or "")
        due_at: datetime = row["due_at"]
        if rule is None or rule.quiet is None or row["verb"] != "alert" or due_at <= row["created_at"]:
            return False
        return rule.quiet.over_at(due_at - timedelta(milliseconds=1)) == due_at


def _step(rule: Rule, meaning: str) -> Step | None:
    """The step that armed a run's timer: `meaning` begins with its path."""
    branch, _, number = meaning.partition(":")[0].rpartition(".")
    steps = rule.steps(branch or "do")
    return steps[int(number)] if number.isdigit() and int(number) < len(steps) else None
