"""What the API answers about rules."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from tracker.domain.rules.descriptions import step_in_words, trigger_in_words, verb_of
from tracker.domain.rules.rule import Rule
from tracker.errors import Misconfigured
from tracker.queries.paging import Next
from tracker.queries.rule_status import RuleStatus

Outcomes = Annotated[
    dict[str, int],
    Meta(
        description="By outcome, without zeros: fired (a run began), queued (one waits its turn, or was put off),"
        " joined (one under way heard of it), counted, suppressed, error. It fired as often as fired and queued say."
    ),
]


class FaultOut(Struct, frozen=True):
    """Why the rule files, as they are now, were refused: the rules from before stay in force."""

    file: str
    line: int | None
    column: int | None
    key: Annotated[str, Meta(description="Where in the file, as in rule.on-failure.do[0].alert.")]
    message: str
    hint: Annotated[str | None, Meta(description="The nearest right word, where there is one.")]


class SwitchOut(Struct, frozen=True):
    """Somebody has switched the rule on or off by hand, against what its file says."""

    enabled: bool
    by: Annotated[str, Meta(description="The name of the key.")]
    at: datetime


class PauseOut(Struct, frozen=True):
    """The rule is held for a while."""

    scope: Annotated[str, Meta(description="What it is held for, as in `account sosyalkopru/x:1`; empty: everything.")]
    until: datetime
    by: Annotated[str, Meta(description="The rule that holds it, or `its budget`.")]


class FiringsOut(Struct, frozen=True):
    """How often a rule came to each outcome."""

    day: Annotated[Outcomes, Meta(description="In the last 24 hours, each counted up to 10 000.")]
    all: Annotated[Outcomes, Meta(description="Ever.")]


class RuleOut(Struct, frozen=True):
    """A rule, and how it does."""

    id: str
    revision: Annotated[str, Meta(description="Names what the rule means: equal for texts that differ only in looks.")]
    enabled: bool
    switched: Annotated[SwitchOut | None, Meta(description="null: it is what its file says.")]
    trigger: Annotated[str, Meta(description="What sets it going, in words.")]
    per: Annotated[
        str, Meta(description="What it counts as one: post, target, account, platform, provider, attributes.x.")
    ]
    file: str | None
    line: int | None
    in_force_since: Annotated[datetime | None, Meta(description="null: no process has put this revision in force.")]
    canary_until: Annotated[datetime | None, Meta(description="Until then it is only recorded what it would do.")]
    last_fired_at: Annotated[datetime | None, Meta(description="When a run of it last began.")]
    firings: FiringsOut
    pauses: list[PauseOut]


class StepOut(Struct, frozen=True):
    """One step of a rule."""

    path: Annotated[str, Meta(description="As in `0`, or `exhausted.0` for a branch.")]
    verb: str
    says: Annotated[str, Meta(description="What it does, in words.")]


class OneRuleOut(RuleOut, frozen=True):
    """A rule, with what it demands and does."""

    match: dict[str, list[str]]
    mode: Annotated[str, Meta(description="single, restart, queued or parallel.")]
    count: str | None
    once: Annotated[float | None, Meta(description="Its cooldown, in seconds.")]
    budget: str | None
    throttle: Annotated[str | None, Meta(description="How many of its runs begin in what span.")]
    debounce: Annotated[str | None, Meta(description="How long it gathers before a run begins.")]
    mutes: list[str]
    description: Annotated[str, Meta(description="What it is for; empty where its file does not say so.")]
    owner: str
    runbook: Annotated[str, Meta(description="Where people read what to do.")]
    steps: Annotated[list[StepOut], Meta(description="Those of `do`, then those of each branch.")]


class RulesOut(Struct, frozen=True):
    """One page of rules, and why the files as they are now are not in force."""

    items: list[RuleOut]
    next: Next
    faults: Annotated[list[FaultOut], Meta(description="Empty: the rules in force are what the files say.")]
    source: Annotated[
        str,
        Meta(description="files: they were read from files; kept: the last good ones, from the database; or none."),
    ]
    refused_since: Annotated[datetime | None, Meta(description="Since when files are refused.")]
    last_good_at: Annotated[
        datetime | None, Meta(description="While files are refused: when the rules in force became the last good ones.")
    ]


def fault_out(fault: Misconfigured) -> FaultOut:
    """A fault as it is shown."""
    _, _, near = fault.message.rpartition('did you mean "')
    hint = near.partition('"')[0] if near != fault.message else None
    return FaultOut(fault.file, fault.line, fault.column, fault.key, fault.message, hint)


def rule_fields(status: RuleStatus) -> dict[str, Any]:
    """The fields that a rule shows in a list and by itself."""
    rule, switch, tally = status.rule, status.switch, status.tally
    file, line = status.place or (None, None)
    return {
        "id": rule.id,
        "revision": rule.revision,
        "enabled": status.enabled,
        "switched": SwitchOut(switch.enabled, switch.by, switch.at) if switch else None,
        "trigger": trigger_in_words(rule.trigger),
        "per": str(rule.per),
        "file": file,
        "line": line,
        "in_force_since": status.in_force_since,
        "canary_until": status.canary_until,
        "last_fired_at": status.last_fired_at,
        "firings": FiringsOut(tally.recent, tally.in_all),
        "pauses": [PauseOut(pause.scope, pause.until, pause.by) for pause in status.pauses],
    }


def rule_details(rule: Rule) -> dict[str, Any]:
    """The fields that a rule shows only by itself."""
    return {
        "match": {match.field: list(match.words) for match in rule.match},
        "mode": str(rule.mode),
        "count": str(rule.count) if rule.count else None,
        "once": rule.once.total_seconds() if rule.once else None,
        **{key: str(rate) if (rate := getattr(rule, key)) else None for key in ("budget", "throttle", "debounce")},
        "mutes": list(rule.mutes),
        "description": rule.description,
        "owner": rule.owner,
        "runbook": rule.runbook,
        "steps": steps_out(rule),
    }


def steps_out(rule: Rule) -> list[StepOut]:
    """Every step of the rule with its path."""
    return [StepOut(path, verb_of(step), step_in_words(step)) for path, step in rule.steps_by_path()]
