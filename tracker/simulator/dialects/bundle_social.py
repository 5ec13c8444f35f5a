"""bundle.social: one webhook at the end, called post.published also when it failed: only the status tells.

Documented: type, status, errors by platform, externalData by platform; no id and no time. Assumed: that a mixed
result is called ERROR, and `permalink` in externalData.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.event import State
from tracker.simulator.dialects.dialect import Dialect, Happened, WebhookBody, over_body, platform_id

if TYPE_CHECKING:
    from tracker.domain.posts.event import Problem

EVENT = "post.published"


def _tell(happened: Happened) -> list[WebhookBody]:
    if not happened.over or not happened.results:
        return []
    failed = {target.platform.upper(): target.problem for target in happened.targets if target.problem}
    data = {
        "id": happened.post,
        "teamId": "team_simulated",
        "status": "ERROR" if failed else "POSTED",
        "socialAccountTypes": [target.platform.upper() for target in happened.targets],
        "errors": {platform: problem.message for platform, problem in failed.items()},
        "errorsVerbose": {platform: _verbose(problem) for platform, problem in failed.items()},
        "externalData": {
            target.platform.upper(): {"id": platform_id(target), "permalink": target.url}
            for target in happened.targets
            if target.state is State.PUBLISHED
        },
        "retryCount": happened.attempt - 1,
    }
    return [WebhookBody(EVENT, msgspec.json.encode({"type": EVENT, "data": data}))]


def _verbose(problem: Problem) -> dict[str, object]:
    return {
        "code": problem.code.upper(),
        "errorMessage": problem.message,
        "isTransient": problem.retryable,
        "retryability": "retryable" if problem.retryable else "non_retryable",
        "httpStatus": 400,
        "userFacingMessage": problem.message,
    }


BUNDLE_SOCIAL = Dialect("bundle_social", (EVENT,), _tell, over_body("x-signature"))
