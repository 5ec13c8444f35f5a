"""What surrounds a rule while it is read: its names, how its steps speak, and the named workflows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property

from msgspec import Struct, field
from msgspec.structs import replace

from tracker.domain.rate import Rate
from tracker.domain.rules.choice import Addressee, Choice
from tracker.domain.rules.step import Step
from tracker.errors import did_you_mean
from tracker.rulebook.nouns import Nouns
from tracker.rulebook.reading import Table
from tracker.rulebook.scope import NOTHING_MORE, Scope, answering, joined, unanswered
from tracker.rulebook.step_condition import StepCondition
from tracker.rulebook.tables import REST, LookupTable, asked_in, literal, wrong_noun
from tracker.rulebook.template_files import TemplateFile, TemplateFiles
from tracker.rulebook.templates import Template
from tracker.toml.positions import BadText, together

NOUNS_UNKNOWN = Nouns()

MOST_IN_ALL = 100
"""Steps that a workflow may come to, with those that it runs."""


def way_back(start: str, ways_from: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    """A way from a name back to itself, MOST_IN_ALL steps long at most; empty where there is none."""
    ways: list[tuple[str, ...]] = [(start, further) for further in ways_from(start)]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        if way[-1] == start:
            return way
        if way[-1] not in seen and len(way) <= MOST_IN_ALL:
            seen.add(way[-1])
            ways += [(*way, further) for further in ways_from(way[-1])]
    return ()


class Workflows(Struct, frozen=True, dict=True):
    """The tables of all workflows by name."""

    tables: Mapping[str, Table] = field(default_factory=dict)

    def circle(self, name: str) -> tuple[str, ...]:
        """The way from a workflow back to itself, over the workflows that it runs; empty where there is none."""
        return way_back(name, self._run_by)

    def reached_from(self, table: Table) -> list[Table]:
        """The workflows that a rule, or one of these themselves, runs."""
        names = list(self._run_in(table))
        for name in names:
            names += [inner for inner in self._run_by(name) if inner not in names]
        return [self.tables[name] for name in dict.fromkeys(names)]

    def retries(self, table: Table) -> bool:
        """Whether the rule, or a workflow that it runs, has a retry among its steps."""
        return any("retry" in step for one in (table, *self.reached_from(table)) for step in _steps(one))

    def size(self, name: str) -> int:
        """How many steps it comes to in all; for one that runs in a circle this says nothing."""
        return self._size(name, {}, 0)

    def _size(self, name: str, known: dict[str, int], depth: int) -> int:
        """Where so many run one another in turn, their steps are too many too, and need not be counted."""
        if depth > MOST_IN_ALL:
            return 0
        if name not in known:
            known[name] = 0
            own, inner = self._steps_of[name]
            known[name] = own + sum(self._size(one, known, depth + 1) for one in inner)
        return known[name]

    @cached_property
    def _steps_of(self) -> Mapping[str, tuple[int, list[str]]]:
        """How many steps each has of its own, and which workflows they run."""
        return {name: (sum(1 for _ in _steps(one)), self._run_in(one)) for name, one in self.tables.items()}

    def _run_by(self, name: str) -> list[str]:
        return self._steps_of[name][1]

    def _run_in(self, table: Table) -> list[str]:
        found = [step.get("run") for step in _steps(table)]
        return [inner for inner in found if isinstance(inner, str) and inner in self.tables]


def _steps(table: Table) -> Iterator[Mapping[str, object]]:
    branches = table.values.get("branch")
    named = branches.values() if isinstance(branches, dict) else ()
    own = (table.values.get(key) for key in ("do", "exhausted", "resolved"))
    for steps in (*own, *named):
        if isinstance(steps, list):
            yield from (step for step in steps if isinstance(step, dict))


def _answered(steps: Iterable[Mapping[str, object]]) -> list[str]:
    return [noun for step in steps if isinstance(noun := step.get("as"), str) and not wrong_noun(noun)]


RECREATE = "recreate"


class Known(Struct, frozen=True):
    """The names that rules may use; None where they are not known, so that nothing is checked against them.

    `budget` is that of a rule which has none of its own; None is no budget. `retrying` are the providers that can try a
    post again: always the whole of it. `public_url` is where people reach this installation; "": nobody has said so.
    `signs_links`: there is a secret with which links in messages are signed.
    `verbs` are what each provider has a call for, and RECREATE, where it is known what a post of its is made of.
    """

    channels: Collection[str] | None = None
    endpoints: Collection[str] | None = None
    providers: Collection[str] | None = None
    budget: Rate | None = None
    retrying: Collection[str] = ()
    public_url: str | None = None
    signs_links: bool = True
    verbs: Mapping[str, Collection[str]] | None = None

    @property
    def addressees(self) -> Collection[str] | None:
        """Where a message can be sent."""
        if self.channels is None or self.endpoints is None:
            return None
        return {*self.channels, *self.endpoints}


class Context(Struct, frozen=True):
    """Of the steps that are being read. `found` gathers the branches of the workflows that they run.

    `rule` is theirs, empty for a workflow on its own; `event` is what a message is called that has no name of its own;
    `prefix` stands before the names of branches, and `trail` are the workflows in which we are. `nouns` are what the
    rule knows: what a text of its own reads in vain is refused there, what one of a workflow does where that is run.
    `scope` are the values that texts can read besides; `tables` are those of all files. `owner` and `runbook` are the
    rule's. `answered` gathers the nouns under which its steps have answers read.
    """

    known: Known
    pages: TemplateFiles
    workflows: Workflows
    rule: str = ""
    severity: str = "warning"
    event: str = "{{ event.name }}"
    prefix: str = ""
    trail: tuple[str, ...] = ()
    nouns: Nouns = NOUNS_UNKNOWN
    scope: Scope = NOTHING_MORE
    tables: Mapping[str, LookupTable | None] = field(default_factory=dict)
    owner: str = ""
    runbook: str = ""
    found: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)

    def hearing(self, table: Table) -> Context:
        """This context for the rule or workflow of that table, whose texts read what its steps are answered."""
        nouns = _answered(_steps(table))
        return replace(self, answered=[], scope=joined(answering(nouns, self.prefix), self.scope)) if nouns else self

    def before(self, steps: Iterable[Table]) -> Context:
        """This context where these steps have not been done yet."""
        nouns = _answered(step.values for step in steps)
        return replace(self, scope=joined(self.scope, unanswered(nouns))) if nouns else self

    def text(self, written: str, longest: int, *, one_line: bool = False) -> Template:
        """The text with its holes. Raises BadText for what is wrong with it."""
        template = Template(written, longest, one_line=one_line, scope=self.scope)
        if lacked := list(self.scope.lacked(template.reads)):
            raise together(lacked)
        self.nouns.check(written, template, elsewhere=bool(self.trail))
        return template

    def addressee(self, what: str, known: Collection[str] | None) -> Callable[[str], Addressee]:
        """A check that a name, and whatever a table can make of it, is among those known."""

        def check(text: str) -> Addressee:
            found = literal(text, self.scope)
            if found is None:
                return Choice(text, "provider", ((REST, text),))
            if isinstance(found, str):
                return named(what, known)(found)
            for name, row in found.all.items():
                try:
                    named(what, known)(name)
                except ValueError as error:
                    raise ValueError(f'{text}, the row "{row}": {error}') from error
            return found

        return check

    def asked(self, workflow: Table) -> set[str]:
        """The arguments that a workflow reads, its template files included."""
        files = [step["template"] for step in _steps(workflow) if isinstance(step.get("template"), str)]
        return asked_in(workflow.values).union(*(asked_in(self.pages.source(str(name))) for name in files))

    def condition(self, written: str) -> StepCondition:
        """The `when` of a step. Raises BadText for what is wrong with it."""
        condition = StepCondition(written, self.scope)
        if lacked := list(self.scope.lacked(condition.reads)):
            raise together(lacked)
        self.nouns.check(written, condition, elsewhere=bool(self.trail))
        return condition

    def branch(self, table: Table) -> str | None:
        """The branch that a step names under `else`, with the prefix of its workflow."""
        name = table.text("else")
        return f"{self.prefix}{name}" if name else None

    def page(self, name: str) -> TemplateFile | None:
        """The file of that name. Raises ValueError where there is none, or where it reads what the rule lacks."""
        page = self.pages.page(name, self.scope)
        if lacked := list(self.scope.lacked(page.reads if page else ())):
            raise together(lacked)
        missed = self.nouns.missed(page.reads) if page else {}
        if missed and self.trail:
            self.nouns.lacking.update(missed)
        elif missed and page:
            raise together([BadText(f"line {page.reads[noun]} of it: {why}") for noun, why in missed.items()])
        return page


def named(what: str, known: Collection[str] | None, where: str = "in the configuration") -> Callable[[str], str]:
    """A check that a name is among those known."""

    def check(name: str) -> str:
        if known is None or name in known:
            return name
        hint = did_you_mean(name, known) or (f" (there is {', '.join(sorted(known))})" if known else "")
        raise ValueError(f'there is no {what} "{name}" {where}{hint}')

    return check
