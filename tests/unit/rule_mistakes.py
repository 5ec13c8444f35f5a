"""What people slip into when they write rules (rule_mistakes.toml), and what is answered."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, convert

from tracker.rulebook import Known, load_text

if TYPE_CHECKING:
    from tracker.errors import Misconfigured

KNOWN = Known(channels={"ops"}, endpoints={"cms"}, providers={"sosyalkopru"})
HEAD = '[rule.x]\non = "post.failed"\n'
DO = 'do = [{ alert = "ops", title = "x" }]\n'


class Mistake(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file, or the `when` or the `title` of a rule; `says` are parts of the answer, `before` an early one."""

    name: str
    says: tuple[str, ...]
    text: str = ""
    when: str = ""
    title: str = ""
    before: str = ""

    @property
    def file(self) -> str:
        """The text of the rule file."""
        if self.when:
            return f"{HEAD}when = '''{self.when}'''\n{DO}"
        return self.text or f"{HEAD}do = [{{ alert = \"ops\", title = '{self.title}' }}]\n"

    def answer(self) -> list[Misconfigured]:
        """The faults, or else the warnings."""
        book = load_text(self.file, "r.toml", KNOWN)
        return list(book.faults or book.warnings)


MISTAKES = convert(
    tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["mistake"], list[Mistake]
)
