"""What rules do without an action: pauses, their ends and labels, in the form of actions, so that tests see them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tracker.domain.actions import ActionSpec
from tracker.domain.duration import format_duration
from tracker.domain.payloads import OtherPayload
from tracker.domain.runs.engine_state import ActionRequest, Effects


def without_actions(effects: Effects, at: datetime) -> Iterator[ActionRequest]:
    """What rules do by themselves, in the form of actions that nobody has to perform."""
    for pause in effects.pauses:
        said = OtherPayload({"for": format_duration(pause.until - at)})
        yield ActionRequest(ActionSpec("pause", pause.rule, said, f"pause:{pause}", at), pause.by, "", None, "", None)
    for rule, scope in effects.released:
        yield ActionRequest(
            ActionSpec("resume", rule, OtherPayload({}), f"resume:{rule}:{scope}:{at}", at), "", "", None, "", None
        )
    for label, run, _ in effects.labels:
        spec = ActionSpec("set", run.post or "", OtherPayload(label.labels), label.key, at)
        yield ActionRequest(spec, run.rule, run.revision, run.id, run.provider, run.post)
