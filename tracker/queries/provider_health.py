"""How each configured provider is: what was heard of it and how, calls of it, and what it sends otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.calls.call_budget import Purpose, left
from tracker.domain.calls.call_limits import CLOCK_OFF, Calling, CallLimits
from tracker.domain.drift.findings import Drift
from tracker.domain.duration import format_duration
from tracker.domain.posts.provider_clock import TOLERATED, zone_east_by
from tracker.errors import cut
from tracker.queries import health
from tracker.queries.checks import Severity, ok, problem, warning
from tracker.store.calls import call_limits, provider_heartbeats
from tracker.store.calls.provider_heartbeats import LEARNT_FROM
from tracker.store.posts import overdue_posts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from tracker.domain.posts.provider_clock import ProviderClock
    from tracker.queries.checks import Check
    from tracker.queries.drifts import DriftOut
    from tracker.settings import Provider, Settings
    from tracker.store.database import Connection

LATELY = timedelta(days=1)
STANDINGS = (*Calling, "unasked", "keyless")


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """A configured provider at the moment `now`; `limits` say how calls of it went, `sends` whether it has a door here.

    `heard_at` is when its last webhook came, `silent` whether people were told that it is, `missed` of how many posts
    only asking told something lately, `times` how the times in its webhooks differ from when they came.
    """

    now: datetime
    settings: Provider
    limits: CallLimits
    sends: bool
    heard_at: datetime | None
    silent: bool
    missed: int
    times: ProviderClock | None

    @property
    def name(self) -> str:
        """As in [providers.<name>]."""
        return self.limits.provider

    @property
    def standing(self) -> str:
        """One of STANDINGS."""
        if not self.settings.api_key.get_secret_value():
            return "keyless"
        return self.limits.calling(self.settings.budget) if self.limits.at else "unasked"

    @property
    def until(self) -> datetime | None:
        """When that is over, where it is known."""
        ends: dict[str, datetime | None]
        ends = {Calling.PAUSED: self.limits.breaker.open_until, Calling.PUT_OFF: self.limits.put_off_until}
        return ends.get(self.standing)

    @property
    def left(self) -> int:
        """How many calls for rules could be made now."""
        limits = self.limits
        return left(limits.windows, self.settings.budget, Purpose.REACTION, limits.at) if limits.at else 0

    @property
    def troubles(self) -> set[str]:
        """The names of the checks that are not well."""
        return {check.name for check in self.checks() if check.verdict is not Severity.OK}

    def checks(self) -> Iterator[Check]:
        """What is to be said of calls of it, where it was ever called, and of its webhooks, where it sends any."""
        if self.limits.at:
            yield self._calls(self.limits.at)
            yield from self._credits()
            yield from self._clock()
        if self.sends:
            yield self._heard()
            yield from self._times()

    def _calls(self, now: datetime) -> Check:
        name, limits, calling = self.name, self.limits, self.limits.calling(self.settings.budget)
        word = f"trouble.{calling}"
        if calling in (Calling.PAUSED, Calling.TRYING):
            pause = limits.breaker.wait(now)
            back = f"nobody calls it for another {_short(pause)}" if pause else "the next call tells whether it is back"
            found = f"{name}: the last calls failed ({limits.failure}); {back}"
            advice = f"see whether the provider is down, and [providers.{name}] api_url and api_key"
            return problem("calls", found, advice, word, name=name)
        if calling is Calling.PUT_OFF and limits.put_off_until:
            found = f"{name} wants no call for another {_short(limits.put_off_until - now)}"
            advice = f"if that happens often, give [providers.{name}] a smaller budget"
            return warning("calls", found, advice, word, name=name)
        budget = " and ".join(map(str, self.settings.budget))
        if calling is Calling.SPENT:
            advice = f"actions wait for it: give [providers.{name}] a larger budget, if the provider allows that"
            return warning("calls", f"{name}: the budget of {budget} is spent", advice, word, name=name)
        answered = f", the last answer {_short(now - limits.answered_at)} ago" if limits.answered_at else ""
        return ok("calls", f"{name}: {self.left} left of {budget}{answered}")

    def _credits(self) -> Iterator[Check]:
        has, kept = self.limits.credits, self.settings.credits_kept
        if has is None:
            return
        found = f"{self.name}: {has} left"
        if kept and has <= kept:
            found += f", and {kept} are kept for reactions: it is not asked for what webhooks missed"
            advice = "buy more, or let credits_kept be smaller"
            yield warning("credits", found, advice, "trouble.credits", name=self.name)
        else:
            yield ok("credits", found)

    def _clock(self) -> Iterator[Check]:
        skew = self.limits.skew
        if skew is None:
            return
        found = f"{self.name}'s is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} ours"
        if abs(skew) > CLOCK_OFF:
            advice = "let this machine keep its time by NTP; if it does, the provider's times are wrong"
            yield warning("their clock", found, f"{advice}, and so are histories", "trouble.skew", name=self.name)
        else:
            yield ok("their clock", found)

    def _heard(self) -> Check:
        name, at, missed = self.name, self.heard_at, self.missed
        found = f"{name}: {self._last()}"
        if self.silent:
            found += ", which is longer than it is ever silent"
        if missed:
            found += f"; of {missed} post{'' if missed == 1 else 's'} only asking told something in the last day"
        if self.silent or (missed and (at is None or at < self.now - LATELY)):
            advice = f"`tracker webhooks test --provider {name}` tells whether its webhooks arrive"
            return problem("heard", found, advice, "trouble.silent", name=name)
        if missed:
            advice = "webhooks were lost on their way: see what stands between the provider and here"
            return warning("heard", found, advice, "trouble.missed", name=name, number=missed)
        if at is None:
            advice = f"if it should, `tracker webhooks test --provider {name}` tells more"
            return warning("heard", found, advice, "trouble.unheard", name=name)
        return ok("heard", found)

    def _last(self) -> str:
        if self.heard_at is None:
            return f"no webhook in the last {LEARNT_FROM.days} days"
        span = self.now - self.heard_at
        unit = timedelta(minutes=1) if span >= timedelta(hours=1) else timedelta(seconds=1)
        came = f"the last webhook came {format_duration(span // unit * unit)} ago"
        return came if span >= unit else "a webhook came just now"

    def _times(self) -> Iterator[Check]:
        name, clock = self.name, self.times
        if clock and (off := clock.off_by):
            direction = "ahead of" if off > TOLERATED else "behind"
            found = f"{name}: its times are {format_duration(abs(off))} {direction} their arrival"
            zone, away = zone_east_by(off), format_duration(abs(off))
            to = f'timezone = "{zone}"' if zone else f"timezone to one that is {away} away from what is set"
            advice = f"if they name no zone and none is set, set [providers.{name}] {to}"
            yield problem("times", found, advice, "trouble.times", name=name)
        elif clock and clock.ahead:
            found = f"{name}: {clock.ahead} of the last {clock.told} are ahead of their arrival"
            found += f", by {_short(clock.largest)} at most"
            found += f", usually by {_short(clock.usual)}" if clock.usual > TOLERATED else ""
            advice = "they count as their arrival; let both clocks be kept by NTP"
            yield warning("times", found, advice, "trouble.ahead", name=name, number=clock.ahead, all=clock.told)


def _short(span: timedelta) -> str:
    return format_duration(timedelta(seconds=max(1, round(span.total_seconds()))))


async def provider_health(
    conn: Connection, settings: Settings, doors: Collection[str], now: datetime
) -> list[ProviderHealth]:
    """Every configured provider; `doors` are those that send webhooks."""
    called = {limits.provider: limits for limits in await call_limits.list_all(conn)}
    last = await provider_heartbeats.last_of_each(conn, doors, now - LEARNT_FROM)
    silent = await provider_heartbeats.silent(conn)
    missed = await overdue_posts.missed(conn, now - LATELY, now)
    times = await health.provider_clocks(conn, doors, now - LEARNT_FROM)
    return [
        ProviderHealth(
            now, provider, called.get(name) or CallLimits(name), name in doors, last.get(name),
            name in silent and last.get(name, silent[name]) <= silent[name],
            missed[name].posts if name in missed else 0, times.get(name),
        )
        for name, provider in settings.providers.items()
    ]  # fmt: skip


NAMED, LONGEST_EXAMPLE = 3, 300


def drift_checks(drifts: Collection[DriftOut]) -> Iterator[Check]:
    """What providers send otherwise than before; a new field beside what is read needs nobody."""
    for drift in drifts:
        example = cut(msgspec.json.encode(drift.example).decode(), LONGEST_EXAMPLE)
        found = f"{drift.provider}: {drift.says}; {_touched(drift)}; as in {example}"
        if drift.drift == Drift.FIELD:
            yield ok("drift", found)
        else:
            yield warning("drift", found, _advice(drift), f"drift.{drift.drift}", drift=drift)
    if not drifts:
        yield ok("drift", "what providers send looks as it usually does")


def _touched(drift: DriftOut) -> str:
    newest = list(reversed(drift.posts))[:NAMED]
    more = f" and {len(drift.posts) - NAMED} more" if len(drift.posts) > NAMED else ""
    about = f", of {', '.join(newest)}{more}" if newest else ""
    return f"{drift.events} event{'' if drift.events == 1 else 's'} known to show it{about}"


def _advice(drift: DriftOut) -> str:
    trial = f"`tracker providers trial {drift.provider}` says first which posts would stand otherwise"
    if drift.remedy:
        return f"map it, as in the lines below; {trial}\n{drift.remedy}"
    return f"see whether it is read as it should be; {trial}"
