"""Whether an agent, which is begun again each time it fails, keeps failing."""

from __future__ import annotations

from datetime import datetime, timedelta

from tracker.domain.posts.value import value

MANY = 3
LONG = timedelta(seconds=10)
SHORTEST_PROOF, LONGEST_PROOF = timedelta(seconds=5), timedelta(minutes=1)


@value(frozen=True, slots=True)
class Failing:
    """An agent that failed so many times in a row, the first time at `since`, the last time with `error`.

    `ran` is for how long it had run when it failed last, which counts from the second time on.
    """

    failures: int
    since: datetime
    error: str
    ran: timedelta = timedelta()

    def __str__(self) -> str:
        return f"failed {self.failures} times since {self.since:%Y-%m-%dT%H:%M:%SZ}, the last time with {self.error}"

    def keeps_on(self, now: datetime) -> bool:
        """Whether that is more than a mishap: it happened often, or for long."""
        return self.failures >= MANY or (self.failures > 1 and now - self.since >= LONG)

    def is_over(self, running: timedelta) -> bool:
        """Whether it runs well again, and not only for as long as it did before it failed."""
        return running > min(max(2 * self.ran, SHORTEST_PROOF), LONGEST_PROOF)


def failed(before: Failing | None, now: datetime, ran: timedelta, error: str) -> Failing:
    """How an agent stands that fails now, having run for so long."""
    if before is None or ran > LONGEST_PROOF or (before.ran and before.is_over(ran)):
        return Failing(1, now, error)
    return Failing(before.failures + 1, before.since, error, ran)
