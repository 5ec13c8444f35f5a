"""What the doctor sees of our calls of providers: whether they pass, what is left to us, and the provider's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.cli.doctor_findings import Finding, ok, problem, warning
from tracker.cli.output import written
from tracker.domain.calls.call_budget import Purpose, left
from tracker.domain.calls.call_limits import CLOCK_OFF, Calling
from tracker.store.calls import call_limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime

    from tracker.domain.calls.call_limits import CallLimits
    from tracker.settings import Provider, Settings
    from tracker.store.database import Connection


async def examine_standings(conn: Connection, settings: Settings) -> AsyncIterator[Finding]:
    """What there is to say about the configured providers that were ever called."""
    for standing in await call_limits.list_all(conn):
        provider = settings.providers.get(standing.provider)
        if provider and standing.at:
            yield _calls(standing, provider, standing.at)
            for finding in (*_credits(standing, provider), *_clock(standing)):
                yield finding


def _calls(standing: CallLimits, provider: Provider, now: datetime) -> Finding:
    name, calling = standing.provider, standing.calling(provider.budget)
    if calling in (Calling.PAUSED, Calling.TRYING):
        pause = standing.breaker.wait(now)
        until = f"nobody calls it for another {_short(pause)}" if pause else "the next call tells whether it is back"
        found = f"{name}: the last calls failed ({standing.failure}); {until}"
        return problem("calls", found, f"see whether the provider is down, and [providers.{name}] api_url and api_key")
    if calling is Calling.PUT_OFF and standing.put_off_until:
        found = f"{name} wants no call for another {_short(standing.put_off_until - now)}"
        return warning("calls", found, f"if that happens often, give [providers.{name}] a smaller budget")
    budget = " and ".join(map(str, provider.budget))
    if calling is Calling.SPENT:
        advice = f"actions wait for it: give [providers.{name}] a larger budget, if the provider allows that"
        return warning("calls", f"{name}: the budget of {budget} is spent", advice)
    answered = f", the last answer {_short(now - standing.answered_at)} ago" if standing.answered_at else ""
    remaining = left(standing.windows, provider.budget, Purpose.REACTION, now)
    return ok("calls", f"{name}: {remaining} left of {budget}{answered}")


def _credits(standing: CallLimits, provider: Provider) -> Iterator[Finding]:
    if standing.credits is None:
        return
    found = f"{standing.provider}: {standing.credits} left"
    if provider.credits_kept and standing.credits <= provider.credits_kept:
        found += f", and {provider.credits_kept} are kept for reactions: it is not asked for what webhooks missed"
        yield warning("credits", found, "buy more, or let credits_kept be smaller")
    else:
        yield ok("credits", found)


def _clock(standing: CallLimits) -> Iterator[Finding]:
    if standing.skew is None:
        return
    direction = "ahead of" if standing.skew > 0 else "behind"
    found = f"{standing.provider}'s is {abs(standing.skew):.1f} s {direction} ours"
    if abs(standing.skew) > CLOCK_OFF:
        advice = (
            "let this machine keep its time by NTP; if it does, the provider's times are wrong, and so are histories"
        )
        yield warning("their clock", found, advice)
    else:
        yield ok("their clock", found)


def _short(span: timedelta) -> str:
    return written(timedelta(seconds=max(1, round(span.total_seconds()))))
