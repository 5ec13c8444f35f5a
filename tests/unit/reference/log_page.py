"""docs/reference/log-lines.md: every name under which the service writes to its own log."""

from __future__ import annotations

from tests.unit.provider_page import rows
from tracker.runtime.telemetry import EVENTS

TITLE = "Lines of the log"


def made() -> str:
    """The whole page."""
    intro = (
        "What the service says of itself, on standard error, as `[telemetry]` in `config.toml` has it: `event` is one"
        " of these names, beside `timestamp`, `level`, `logger` and what the line is about. This is not the event log,"
        " in which [facts](own-facts.md) are kept. What libraries say comes in the same form under names of theirs."
    )
    return f"{intro}\n\n" + rows(("`event`", "what it means"), [(f"`{name}`", says) for name, says in EVENTS.items()])
