"""The condition of a step: judged when the step's turn comes, by what the texts of the rule can read then."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import shorten

from tracker.domain.sentences import sentence
from tracker.rulebook.explanations import shown
from tracker.rulebook.expressions import Hole
from tracker.rulebook.reading import Doubtful
from tracker.rulebook.scope import NOTHING_MORE, Scope, filled

LONGEST_REASON = 300


class StepCondition(Hole, Doubtful):
    """Values in, why it does not hold out; "" where it does. What cannot be evaluated does not hold."""

    def __init__(self, text: str, scope: Scope = NOTHING_MORE) -> None:
        """Raises BadText, with the offset in `text`, for what cannot be judged, or could take too long."""
        super().__init__(text, scope=scope)
        self.check_truth()
        self.supplied = scope.read(self.reads)

    def __str__(self) -> str:
        return self.text

    def __call__(self, values: Mapping[str, object]) -> str:
        """Why it does not hold, with the values on which it rests."""
        values = filled(values, self.supplied)
        try:
            holds = super().__call__(values)
        except ValueError as error:
            return shorten(sentence("no_value", condition=self.text, error=error), LONGEST_REASON, placeholder="…")
        if holds is True:
            return ""
        met = shown({name: values[name] for name in sorted(self.reads)})
        return shorten(
            sentence("false_with" if met else "false", condition=self.text, values=met), LONGEST_REASON, placeholder="…"
        )
