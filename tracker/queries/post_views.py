"""What is shown of a post, and what is going to happen to it, the soonest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from tracker.domain.posts.event import Problem, State
from tracker.domain.posts.post import Post
from tracker.domain.posts.target import Target
from tracker.domain.rules.descriptions import either
from tracker.domain.rules.rule import Expect, While
from tracker.domain.rules.step import RetryStep, WaitStep
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


class ErrorOut(Struct, frozen=True):
    """Why something failed, in the provider's words."""

    code: str
    message: str
    retryable: Annotated[bool | None, Meta(description="null where the provider does not say.")]


class TargetOut(Struct, frozen=True):
    """One platform and account that a post goes to."""

    key: Annotated[
        str,
        Meta(
            description="`platform:account`, or `platform#ordinal` where no account was named at first, and with "
            "`/item` for a further item of an account. It stays when the account becomes known."
        ),
    ]
    platform: str
    account: str | None
    ordinal: int
    state: State
    attempt: int
    entered_at: datetime | None
    url: str | None
    error: ErrorOut | None
    item: Annotated[str | None, Meta(description="What tells several things of one account apart.")]
    times: Annotated[int, Meta(description="How often in a row it has ended as it did last.")]


class NoteOut(Struct, frozen=True):
    """Something that a provider said and that does not fit."""

    code: str
    text: str


class PostOut(Struct, frozen=True):
    """A post as we know it."""

    id: str
    provider: str
    state: State
    attempt: Annotated[int, Meta(description="Numbered from 1; starting again after an end is a new one.")]
    version: Annotated[int, Meta(description="How many facts have made it what it is.")]
    targets: list[TargetOut]
    entered_at: Annotated[datetime | None, Meta(description="When it came into its state.")]
    scheduled_at: datetime | None
    published_at: datetime | None
    failed_at: datetime | None
    last_event_at: Annotated[datetime | None, Meta(description="The provider's last sign of life about it.")]
    error: ErrorOut | None
    urls: list[str]
    excerpt: Annotated[str | None, Meta(description="The beginning of its text, where somebody told it.")]
    thumbnail: Annotated[str | None, Meta(description="The address of an image, as it was told: nobody looked.")]
    attributes: Annotated[dict[str, str], Meta(description="What it is to be found by, as in its campaign.")]
    labels: Annotated[dict[str, str], Meta(description="What rules have put on it.")]
    times: Annotated[int, Meta(description="How often in a row it has ended as it did last: published 3 times.")]


class PendingOut(Struct, frozen=True):
    """Something that is going to happen, unless something else happens first."""

    what: Annotated[str, Meta(description="action, or what a timer is for: while, expect, retry, wait, repeat, run.")]
    says: Annotated[str, Meta(description="The same in words: what happens then, and what holds it until then.")]
    due_at: datetime
    rule: str | None
    verb: str | None
    target: str | None
    run: UUID | None
    action: UUID | None


class OnePostOut(PostOut, frozen=True):
    """A post, with what will happen to it next."""

    notes: list[NoteOut]
    pending: Annotated[list[PendingOut], Meta(description="The soonest first.")]


def post_out(post: Post) -> PostOut:
    """A post as a list shows it."""
    return PostOut(**_fields(post))


def one_post_out(post: Post, pending: list[PendingOut]) -> OnePostOut:
    """A post as it is shown by itself."""
    return OnePostOut(**_fields(post), notes=[NoteOut(note.code, note.text) for note in post.notes], pending=pending)


def error_out(problem: Problem | None) -> ErrorOut | None:
    """A problem as it is shown."""
    return ErrorOut(problem.code, problem.message, problem.retryable) if problem else None


def target_out(key: str, target: Target) -> TargetOut:
    """A target as it is shown."""
    return TargetOut(
        key, target.platform, target.account, target.ordinal, target.state, target.attempt, target.entered_at,
        target.url, error_out(target.problem), target.item, target.times,
    )  # fmt: skip


def _fields(post: Post) -> dict[str, Any]:
    names = ("id", "provider", "state", "attempt", "version", "entered_at", "scheduled_at", "published_at", "failed_at",
             "last_event_at", "times", "excerpt", "thumbnail", "attributes", "labels")  # fmt: skip
    return {name: getattr(post, name) for name in names} | {
        "targets": [target_out(key, target) for key, target in sorted(post.targets.items())],
        "error": error_out(post.problem),
        "urls": [part.url for part in post.parts if part.url],
    }
