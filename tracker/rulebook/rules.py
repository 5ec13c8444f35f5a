"""One rule from its table, with its steps and its revision."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tracker.domain.calendar import EPOCH, LONGEST_QUIET, Quiet, parse_quiet, quiet_until
from tracker.domain.rate import Count, Debounce, Rate
from tracker.domain.rules.event_pattern import EventName, StateEntered
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.rule import Every, Mode, On, Rule, Trigger
from tracker.domain.rules.step import PauseStep, ResumeStep, Step, WhenStep
from tracker.errors import did_you_mean
from tracker.rulebook.checks import check, check_branches
from tracker.rulebook.clock_condition import OF_ALL, ClockCondition
from tracker.rulebook.context import MOST_IN_ALL, Context, named
from tracker.rulebook.expressions import Condition
from tracker.rulebook.grammar import MOST_STEPS, RULE, SEVERITIES, STEPS, WORKFLOW
from tracker.rulebook.nouns import Nouns, nouns_in_condition, nouns_of
from tracker.rulebook.oddities import check_oddities
from tracker.rulebook.provider_checks import check_at_provider
from tracker.rulebook.reading import article
from tracker.rulebook.revision import revision_of
from tracker.rulebook.scope import Scope, joined, linking, unanswered
from tracker.rulebook.synonyms import KEYS, OF_STEPS, VERBS
from tracker.rulebook.tables import ARGUMENTS, arguments, literal, read_with, unknown_arguments
from tracker.rulebook.triggers import read_match, read_per, read_trigger, read_word, sharing
from tracker.rulebook.verbs import READERS, is_span, read_alerts
from tracker.toml.positions import together

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

RESERVED = ("do", "exhausted", "resolved")


def read_steps(table: Table, key: str, context: Context) -> tuple[Step, ...]:
    """The steps under `key`, those that are faulty left out with the reason noted."""
    tables = table.tables(key)
    if len(tables) > MOST_STEPS:
        table.fault(key, f"has {len(tables)} steps; {MOST_STEPS} are allowed")
        return ()
    each = ((one, context.before(tables[place:])) for place, one in enumerate(tables))
    return tuple(step for one, knowing in each for step in _guarded(one, knowing))


def read_branches(table: Table, context: Context) -> dict[str, tuple[Step, ...]]:
    """The steps of each branch by its name, with the prefix of the workflow that it belongs to."""
    branches = table.table("branch")
    if branches is None:
        return {}
    for name in branches.values:
        if name in RESERVED:
            branches.fault_at_key(name, f'is no name for a branch: "{name}" stands by itself, not under "branch"')
    return {f"{context.prefix}{name}": read_steps(branches, name, context) for name in branches.values}


def _guarded(table: Table, context: Context) -> Iterator[Step]:
    """What the table comes to, with its condition before it."""
    steps = tuple(_read(table, context))
    condition = table.parsed("when", context.condition)
    if condition and steps:
        yield WhenStep(condition, len(steps), context.branch(table))
    if "else" in table and not {"when", "at_most", "ack", "as"} & table.values.keys():
        _else_of_nothing(table)
    yield from steps


def _else_of_nothing(table: Table) -> None:
    if "wait" in table and not is_span(table.values["wait"]):
        table.fault("else", 'goes with "at_most" or "when": without them the wait never ends in vain')
    elif "send" in table:
        table.fault("else", 'goes with "at_most", "as" or "when": without them nobody waits for what becomes of it')
    elif "alert" in table:
        table.fault("else", 'goes with "ack" or "when": without them the alert is told, and that is all')
    elif any("else" in STEPS[verb] for verb in STEPS if verb in table):
        table.fault("else", 'goes with "when": without it the step is always done')


def _read(table: Table, context: Context) -> Iterator[Step]:
    verbs = [verb for verb in STEPS if verb in table]
    if len(verbs) != 1:
        _no_verb(table, verbs)
        return
    table.only(STEPS[verbs[0]], f"{article(verbs[0])} step", OF_STEPS)
    if verbs[0] == "run":
        yield from _run(table, context)
    elif verbs[0] == "alert":
        yield from read_alerts(table, context)
    elif step := READERS[verbs[0]](table, context):
        yield step


def _no_verb(table: Table, verbs: list[str]) -> None:
    hints = [(key, f": {VERBS[key.lower()]}") for key in table.values if key.lower() in VERBS]
    hints += [(key, hint) for key in table.values if (hint := did_you_mean(key, STEPS))]
    known = {key for keys in STEPS.values() for key in keys}
    hints += [(key, f" (there are {', '.join(STEPS)})") for key in table.values if key not in known]
    if verbs:
        table.fault_at_key(verbs[1], f"a step does one thing: {' and '.join(verbs)} are steps of their own")
    elif hints:
        table.fault_at_key(hints[0][0], f"no verb of that name{hints[0][1]}")
    else:
        table.fault("", f"says nothing to do: a step has one of {', '.join(STEPS)}")


def _run(table: Table, context: Context) -> tuple[Step, ...]:
    """The steps of a workflow. Its own faults are noted once, where it stands, and not for each rule that runs it."""
    workflows = context.workflows
    name = table.parsed("run", named("workflow", workflows.tables.keys(), "in these rules"))
    if name is None:
        return ()
    circle = workflows.circle(context.trail[-1] if context.trail else name)
    if name in context.trail or name in circle:
        if context.trail and name in circle:
            table.fault("run", f"never comes to an end: {' -> '.join(circle)}")
        return ()
    if workflows.size(name) > MOST_IN_ALL:
        table.fault("run", f'"{name}" comes to {workflows.size(name)} steps in all; {MOST_IN_ALL} are allowed')
        return ()
    workflow = workflows.tables[name].aside()
    inner = replace(
        context, rule="", prefix=f"{name}.", trail=(*context.trail, name), scope=_given(table, name, context)
    ).hearing(workflow)
    branches, steps = read_branches(workflow, inner), read_steps(workflow, "do", inner)
    context.found.update(branches)
    known = {str(fault) for fault in workflows.tables[name].faults.found}
    for fault in workflow.faults.found:
        if str(fault) not in known:
            table.fault("run", f'"{name}" does not fit here: {fault.key}: {fault.message}')
    if not context.trail:
        for why in context.nouns.lacking.values():
            table.fault("run", f'"{name}" does not fit here: {why}')
        context.nouns.lacking.clear()
    every = (*steps, *(step for branch in branches.values() for step in branch))
    if any(isinstance(step, PauseStep | ResumeStep) and step.rule == context.rule for step in every):
        table.fault("run", f'"{name}" would pause or resume the very rule that runs it')
    return steps


def _given(table: Table, name: str, context: Context) -> Scope:
    """What a workflow is given here; what it reads and is not given is a fault, and so is what it does not read."""
    found = table.texts(ARGUMENTS, lambda text: (literal(text, context.scope),))
    given, asked = table.table(ARGUMENTS), context.asked(context.workflows.tables[name])
    for one in given.values if given else ():
        if given and one not in asked:
            there_are = did_you_mean(one, asked) or (f" (it reads {', '.join(sorted(asked))})" if asked else "")
            given.fault_at_key(one, f'"{name}" reads no {ARGUMENTS}.{one}{there_are}')
    for one in sorted(asked - (given.values.keys() if given else set())):
        table.fault("run", f'"{name}" reads {ARGUMENTS}.{one}: give it one, as in {ARGUMENTS} = {{ {one} = "…" }}')
    unknown = unknown_arguments([one for one in sorted(asked) if found.get(one, (None,))[0] is None])
    return joined(arguments({one: value for one, (value,) in found.items() if value is not None}), unknown)


NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)


def read_rule(name: str, table: Table, context: Context) -> Rule | None:
    """The rule, or None where it is faulty; the reasons are noted with the table."""
    before = len(table.faults.found)
    table.only(RULE, "a rule", KEYS)
    _check_name("rule", name, table)
    trigger = read_trigger(table)
    severity = table.choice("severity", SEVERITIES, "warning")
    per = table.parsed("per", read_per) or GroupBy.POST
    public_url = context.known.public_url
    linked = public_url != ""
    retries, gathers = context.workflows.retries(table), "debounce" in table
    nouns = nouns_of(trigger, per, retries=retries, linked=linked, gathers=gathers)
    scope = linking(public_url or "")
    if ARGUMENTS in table:
        scope = joined(scope, read_with(table, context.tables, nouns))
    about = {key: table.text(key) or "" for key in ("owner", "runbook")}
    context = replace(
        context, rule=name, severity=severity, event=_event(name, trigger), found={}, nouns=nouns, scope=scope, **about
    ).hearing(table)
    judged = nouns_in_condition(trigger, per, linked=linked)
    do, branches = read_steps(table, "do", context), _branches(table, context)
    unheard = (name.partition(".")[0] for name, kind in context.scope.kinds.items() if kind is dict)
    at_first = joined(context.scope, unanswered(unheard))
    when = table.parsed("when", partial(_condition, trigger, judged, nouns, at_first))
    if isinstance(trigger, Every) and isinstance(when, ClockCondition):
        trigger, when = replace(trigger, enough=when.of_all), when.of_each
    rule = Rule(
        id=name,
        revision="",
        trigger=trigger or On(()),
        do=do,
        branches={**context.found, **branches},
        match=(*read_match(table, context.known.providers), *sharing(per)),
        when=when,
        per=per,
        count=table.parsed("count", Count.parse),
        once=table.span("once"),
        cancel_on=table.several("cancel_on", read_word),
        mode=Mode.RESTART if gathers else Mode(table.choice("mode", tuple(Mode), Mode.SINGLE)),
        quiet=_quiet(table),
        mutes=_muted(name, table),
        canary=table.span("canary"),
        budget=table.parsed("budget", Rate.parse),
        throttle=table.parsed("throttle", Rate.parse),
        debounce=table.parsed("debounce", Debounce.parse),
        enabled=table.flag("enabled", default=True),
        description=table.text("description") or "",
        **about,
    )
    if not table.meant("do", "action", "actions", "steps", "then"):
        table.fault("", 'has nothing to do: give it steps, as in do = [{ alert = "ops", title = "…" }]')
    if trigger and len(table.faults.found) == before:
        check(rule, table)
        check_oddities(rule, table)
        check_at_provider(rule, table, context.known)
    if len(table.faults.found) != before:
        return None
    # What waits its turn is not too much.
    usual = None if rule.throttle else context.known.budget
    return replace(rule, revision=revision_of(rule), budget=rule.budget or usual)


def _condition(trigger: Trigger | None, judged: Nouns, nouns: Nouns, scope: Scope, text: str) -> Condition:
    """The `when` of a rule; `judged` is what it knows of one thing, `nouns` what a rule of the clock knows of all."""
    of_all = isinstance(trigger, Every) and OF_ALL in text
    condition = ClockCondition(text, scope) if of_all else Condition(text, scope)
    if lacked := list(scope.lacked(condition.reads)):
        raise together(lacked)
    halves = (condition.of_each, condition.of_all) if isinstance(condition, ClockCondition) else (condition, None)
    for known, half in zip((judged, nouns), halves, strict=True):
        if half:
            known.check(text, half)
    return condition


def _quiet(table: Table) -> tuple[Quiet, ...]:
    hours = table.several("quiet", parse_quiet)
    if (over := quiet_until(hours, EPOCH)) and over - EPOCH > LONGEST_QUIET:
        table.fault("quiet", 'is never over, so nobody would be told: leave out hours, or write "enabled = false"')
    return hours


def read_workflow(name: str, table: Table, context: Context) -> None:
    """Note what is wrong with a workflow, whoever runs it."""
    table.only(WORKFLOW, "a workflow")
    _check_name("workflow", name, table)
    if "do" not in table:
        table.fault("", 'has nothing to do: give it steps, as in do = [{ alert = "ops", title = "…" }]')
    before = len(table.faults.found)
    context = replace(context, trail=(name,), found={}, scope=unknown_arguments(context.asked(table))).hearing(table)
    steps, branches = read_steps(table, "do", context), read_branches(table, context)
    if len(table.faults.found) == before:
        check_branches(Rule(name, "", On(()), steps, {**context.found, **branches}), table)


def _check_name(what: str, name: str, table: Table) -> None:
    if not NAME.fullmatch(name):
        table.fault("", f"a {what}'s name is made of a–z, 0–9, - and _, and is at most 64 characters long")


def _branches(table: Table, context: Context) -> dict[str, tuple[Step, ...]]:
    named = read_branches(table, context)
    own = {key: read_steps(table, key, context) for key in ("exhausted", "resolved") if key in table}
    return {**named, **own}


def _muted(name: str, table: Table) -> tuple[str, ...]:
    muted = table.several("mutes", str)
    if name in muted:
        table.fault("mutes", "a rule cannot mute itself")
    value = table.values.get("mutes")
    for place, rule in enumerate(muted):
        table.faults.mention((*table.path, "mutes", place) if isinstance(value, list) else (*table.path, "mutes"), rule)
    return muted


def _event(name: str, trigger: Trigger | None) -> str:
    """What a message of the rule is called that has no name of its own."""
    if isinstance(trigger, Every):
        return "digest"
    if not isinstance(trigger, On):
        return f"rule.{name}"
    word = trigger.words[0]
    plain = isinstance(word, StateEntered) or (isinstance(word, EventName) and not word.is_glob)
    return str(word) if plain and len(trigger.words) == 1 else "{{ event.name }}"
