"""Words in a post's text that decide what happens to it, so that a demo or a test need not search for a seed.

#publish                 every platform succeeds
#fail=rate_limited       every platform fails for this reason, in every attempt
#fail=timeout*2          … in the first two attempts; later ones succeed
#fail=timeout@instagram  … on this platform; the others succeed
#slow                    publishing takes more than 20 minutes
#never                   publishing begins, and nothing more happens
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tracker.domain.posts.event import Problem
from tracker.errors import Rejected, did_you_mean

PROBLEMS = {
    problem.code: problem
    for problem in (
        Problem("timeout", "The platform did not answer in time", True),
        Problem("rate_limited", "The platform allows no more posts for now", True),
        Problem("platform_unavailable", "The platform is down", True),
        Problem("auth_expired", "The account must be connected again", False),
        Problem("media_rejected", "The platform did not accept the video's aspect ratio", False),
        Problem("duplicate_content", "The same text was posted a moment ago", False),
    )
}

_WISH = re.compile(r"#(publish|never|slow|fail=(?P<code>\w+)(?:\*(?P<times>\d+))?(?:@(?P<platform>\w+))?)(?!\w)")


@dataclass(frozen=True, slots=True)
class Failing:
    """A wish that `platform` ("": each) fails in the first `times` attempts (None: in all)."""

    problem: Problem
    times: int | None
    platform: str

    def speaks_of(self, platform: str, attempt: int) -> bool:
        """Whether the wish decides this platform's part of this attempt."""
        return self.platform in ("", platform) and (self.times is None or attempt <= self.times)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a text asks for; `decided` is false when chance may decide what becomes of the post."""

    decided: bool = False
    slow: bool = False
    never: bool = False
    failing: tuple[Failing, ...] = ()

    def problem(self, platform: str, attempt: int) -> Problem | None:
        """How this platform fails in this attempt, if the text asks for that."""
        return next((wish.problem for wish in self.failing if wish.speaks_of(platform, attempt)), None)


NO_WISHES = Wishes()


def read_wishes(text: str) -> Wishes:
    """The wishes in a text; raises Rejected for a reason that does not exist."""
    found = list(_WISH.finditer(text))
    words = {match[1] for match in found}
    failing = tuple(_failing(match) for match in found if match["code"])
    decided = bool(failing) or "publish" in words
    return Wishes(decided, "slow" in words, "never" in words, failing)


def _failing(match: re.Match[str]) -> Failing:
    code = match["code"]
    if code not in PROBLEMS:
        raise Rejected("unknown_reason", f'"{code}" is no reason to fail{did_you_mean(code, PROBLEMS)}')
    return Failing(PROBLEMS[code], int(match["times"]) if match["times"] else None, match["platform"] or "")
