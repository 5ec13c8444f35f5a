"""What keeps rules from doing all that they should: files that are refused, and channels that are set up wrongly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tracker.rulebook.source import Footing


@dataclass(frozen=True, slots=True)
class RuleTrouble:
    """Why files are refused and what is in force instead, and the faults of channels and endpoints."""

    faults: Sequence[str] = ()
    footing: Footing = field(default_factory=Footing)
    left_out: Sequence[str] = ()

    @property
    def number(self) -> int:
        """How many things somebody must mend."""
        return len(self.faults) + len(self.left_out)

    @property
    def word(self) -> str:
        """What is said of files that are refused."""
        return "refused_none" if self.footing.source == "none" else "refused"


Troubled = Callable[[], RuleTrouble]


def rule_trouble(
    faults: Sequence[object], footing: Footing, left_out: Mapping[str, Sequence[object]] | None = None
) -> RuleTrouble:
    """The same in words."""
    faulty = [str(fault) for some in (left_out or {}).values() for fault in some]
    return RuleTrouble([str(fault) for fault in faults], footing, faulty)
