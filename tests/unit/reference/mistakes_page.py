"""docs/reference/rule-mistakes.md: what people slip into when they write rules, and what is answered today."""

from __future__ import annotations

from tests.unit.provider_page import rows
from tests.unit.rule_mistakes import MISTAKES, Mistake

TITLE = "Mistakes in rule files"
_BEGIN = """\
What people slip into who know other programs, and what `tracker rules check` answers, with file, line and column. A
comma parts answers; what is a warning stops nothing.
"""


BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


def made() -> str:
    """One row for each mistake."""
    return f"{_BEGIN}\n{rows(('mistake', 'written', 'answer'), [_row(mistake) for mistake in MISTAKES])}"


def _row(mistake: Mistake) -> tuple[str, str, str]:
    faults = mistake.answer()
    lines = dict.fromkeys(mistake.file.splitlines()[(fault.line or 1) - 1] for fault in faults)
    written = mistake.when or mistake.title or " ⏎ ".join(lines)
    return mistake.name, _code(written), ", ".join(_code(fault.message) for fault in faults)


def _code(text: str) -> str:
    """As code within a table's cell, and within one line."""
    cut = f"{text[:200]}…" if len(text) > 200 else text
    return f"`{cut.strip().lstrip(BYTE_ORDER_MARK)}`"
