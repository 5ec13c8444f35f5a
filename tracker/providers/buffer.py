"""Buffer: no webhooks, and an API of one address that takes questions in GraphQL.

Such a question is no call that can be declared: nothing is asked until somebody builds a gateway with the calls that
tracker knows, and names it as api_url with `calls`, `answers` and `targets`. Only its statuses are known here.
"""

from __future__ import annotations

from tracker.domain.event import State
from tracker.providers.kind import Kind

KIND = Kind(
    name="buffer",
    title="Buffer",
    scheme=None,
    answer_form="one",
    assumed_statuses={
        "draft": State.DRAFT,
        "needs_approval": State.AWAITING_APPROVAL,
        "scheduled": State.SCHEDULED,
        "sending": State.PUBLISHING,
        "sent": State.PUBLISHED,
        "error": State.FAILED,
    },
)
