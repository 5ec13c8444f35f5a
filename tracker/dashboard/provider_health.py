"""How we stand with one provider, for people: whether it is called, what is left to us, and when it was heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.domain.calls.allowance import Purpose, left
from tracker.domain.calls.standing import CLOCK_OFF, Calling

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.domain.calls.standing import Standing
    from tracker.domain.posts.provider_clock import ProviderClock
    from tracker.settings import Provider

STANDINGS = (*Calling, "unasked", "keyless")


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """`standing` is one of STANDINGS, `until` when that is over; `left` are calls, `skew` is in seconds.

    `heard_at` is when its last webhook came, `times` how the times in them differ from when they came; `troubles` are
    words for what needs somebody.
    """

    name: str
    standing: str
    until: datetime | None
    left: int
    budget: str
    answered_at: datetime | None
    failed_at: datetime | None
    failure: str | None
    credits: int | None
    credits_kept: int
    skew: float | None
    sends: bool
    heard_at: datetime | None
    silent: bool
    times: ProviderClock | None = None

    @property
    def troubles(self) -> list[str]:
        """What is wrong, in words of the dashboard."""
        found = {
            self.standing: self.standing in set(Calling) - {Calling.ANSWERS},
            "credits": self.credits is not None and 0 < self.credits_kept >= self.credits,
            "skew": self.skew is not None and abs(self.skew) > CLOCK_OFF,
            "silent": self.silent,
            "times": self.times is not None and self.times.off_by is not None,
        }
        return [word for word, wrong in found.items() if wrong]


def provider_health(
    name: str,
    settings: Provider,
    standing: Standing | None,
    *,
    heard_at: datetime | None,
    silent: bool,
    sends: bool,
    times: ProviderClock | None = None,
) -> ProviderHealth:
    """What is known of a configured provider; `standing` is None where it was never called."""
    now = standing.at if standing else None
    word, until = _standing(settings, standing)
    return ProviderHealth(
        name=name,
        standing=word,
        until=until,
        left=left(standing.windows if standing and now else (), settings.budget, Purpose.REACTION, now) if now else 0,
        budget=", ".join(map(str, settings.budget)),
        answered_at=standing.answered_at if standing else None,
        failed_at=standing.failed_at if standing else None,
        failure=standing.failure if standing else None,
        credits=standing.credits if standing else None,
        credits_kept=settings.credits_kept,
        skew=standing.skew if standing else None,
        sends=sends,
        heard_at=heard_at,
        silent=silent,
        times=times,
    )


def _standing(settings: Provider, standing: Standing | None) -> tuple[str, datetime | None]:
    if not settings.api_key.get_secret_value():
        return "keyless", None
    if standing is None or standing.at is None:
        return "unasked", None
    until = {Calling.PAUSED: standing.breaker.open_until, Calling.PUT_OFF: standing.put_off_until}
    calling = standing.calling(settings.budget)
    return calling, until.get(calling)
