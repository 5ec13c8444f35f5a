"""What surrounds a rule while it is read: the names that it may use, and how its steps speak where they say nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tracker.domain.rate import Rate
from tracker.domain.rules.step import Step
from tracker.errors import did_you_mean
from tracker.rulebook.template_files import TemplateFiles
from tracker.rulebook.workflows import Workflows


@dataclass(frozen=True, slots=True)
class Known:
    """The names that rules may use; None where they are not known, so that nothing is checked against them.

    `budget` is that of a rule which has none of its own; None is no budget.
    """

    channels: Collection[str] | None = None
    endpoints: Collection[str] | None = None
    providers: Collection[str] | None = None
    budget: Rate | None = None

    @property
    def addressees(self) -> Collection[str] | None:
        """Where a message can be sent."""
        if self.channels is None or self.endpoints is None:
            return None
        return {*self.channels, *self.endpoints}


@dataclass(frozen=True, slots=True)
class Context:
    """Of the steps that are being read. `found` gathers the branches of the workflows that they run.

    `rule` is theirs, empty for a workflow on its own; `event` is what a message is called that has no name of its own;
    `prefix` stands before the names of branches, and `trail` are the workflows in which we are.
    """

    known: Known
    pages: TemplateFiles
    workflows: Workflows
    rule: str = ""
    severity: str = "warning"
    event: str = "{{ event.name }}"
    prefix: str = ""
    trail: tuple[str, ...] = ()
    found: dict[str, tuple[Step, ...]] = field(default_factory=dict)


def named(what: str, known: Collection[str] | None, where: str = "in the configuration") -> Callable[[str], str]:
    """A check that a name is among those known."""

    def check(name: str) -> str:
        if known is None or name in known:
            return name
        hint = did_you_mean(name, known) or (f" (there is {', '.join(sorted(known))})" if known else "")
        raise ValueError(f'there is no {what} "{name}" {where}{hint}')

    return check
