"""The `when` of a rule of the clock: what is asked of each thing that it gathers, and what of all of them together."""

from __future__ import annotations

from tracker.rulebook.explanations import clauses
from tracker.rulebook.expressions import Condition
from tracker.rulebook.scope import Scope
from tracker.toml.positions import BadText

OF_ALL = "run."


class ClockCondition(Condition):
    """A condition whose operands of `&&` are asked of one thing each, or of `run.*`, which is of all that was gathered.

    `of_each` and `of_all` are the two halves; None where nothing is asked of that kind.
    """

    def __init__(self, text: str, scope: Scope) -> None:
        """Raises BadText, with the offset in `text`, for what cannot be judged, or mixes the two in one operand."""
        super().__init__(text, scope, in_text=True)
        of_all: list[str] = []
        of_each: list[str] = []
        for clause in clauses(self):
            reads = Condition(clause, scope, in_text=True).reads
            runs = sorted(name for name in reads if name.startswith(OF_ALL))
            others = sorted(reads - {*runs})
            if runs and others:
                wrong = f'"{runs[0]}" is of all that was gathered, and "{others[0]}" of one thing: put && between them'
                raise BadText(wrong, max(text.find(runs[0]), 0))
            (of_all if runs else of_each).append(clause)
        self.of_all = _joined(of_all, scope, in_text=True)
        self.of_each = _joined(of_each, scope, in_text=False)


def _joined(operands: list[str], scope: Scope, *, in_text: bool) -> Condition | None:
    text = " && ".join(f"({one})" for one in operands) if len(operands) > 1 else "".join(operands)
    return Condition(text, scope, in_text=in_text) if text else None
