"""What the doctor finds out about providers: what was heard of them and how, calls of theirs, webhooks they know."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from tracker.cli.doctor import Finding, ok, problem, warning
from tracker.cli.output import counted, written
from tracker.cli.provider_calls import ask_provider
from tracker.cli.webhooks import of_kept_secrets
from tracker.domain.calls.call_budget import Purpose, left
from tracker.domain.calls.call_limits import CLOCK_OFF, Calling
from tracker.domain.posts.provider_clock import TOLERATED, zone_east_by
from tracker.errors import Rejected, TrackerError, cut
from tracker.providers import build_providers
from tracker.providers.registry import KINDS
from tracker.queries import health
from tracker.queries.drifts import open_drifts
from tracker.reconcile.silence_monitor import LEARNT_FROM
from tracker.store.calls import call_limits, provider_heartbeats
from tracker.store.posts import overdue_posts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from datetime import datetime

    from tracker.domain.calls.call_limits import CallLimits
    from tracker.domain.posts.provider_clock import ProviderClock
    from tracker.providers.answers import Webhook
    from tracker.queries.drifts import DriftOut
    from tracker.settings import Provider, Settings
    from tracker.store.database import Connection, Database


CALL = "webhooks"
PATIENCE = 10.0


async def examine_webhooks(settings: Settings, database: Database) -> list[Finding]:
    """What each provider with a key and such a call says, all asked at once and none for longer than PATIENCE."""
    asked = [name for name in sorted(build_providers(settings)) if _can_be_asked(settings, name)]
    answers = await asyncio.gather(*(_examine(settings, database, name) for name in asked))
    return [finding for findings in answers for finding in findings]


def _can_be_asked(settings: Settings, name: str) -> bool:
    provider = settings.providers[name]
    kind = KINDS[provider.kind].calls
    call = provider.calls.get(CALL, kind[CALL].text if CALL in kind else "")
    return bool(call and provider.api_key.get_secret_value())


async def _examine(settings: Settings, database: Database, name: str) -> list[Finding]:
    try:
        async with asyncio.timeout(PATIENCE):
            found = await ask_provider(settings, database, name, CALL, lambda api: api.list_webhooks())
    except TimeoutError:
        return [warning("webhooks", f"{name} did not answer within {PATIENCE:g} s", "see whether it is down")]
    except TrackerError as error:
        tell = problem if isinstance(error, Rejected) else warning
        how = f"see [providers.{name}] api_url and api_key; `tracker webhooks list --provider {name}` asks again"
        return [tell("webhooks", f"{name} did not tell which it knows: {error}", how)]
    return [_registered(settings, name, found), *_twice(name, found)]


def _registered(settings: Settings, name: str, found: Sequence[Webhook]) -> Finding:
    kept, door = of_kept_secrets(settings, name), f"/webhooks/{name}"
    how = f"`tracker webhooks register https://…{door} --provider {name}`"
    known = [one for one in found if one.id in kept]
    lead_here = [one for one in found if _address(one).endswith(door)]
    if not found:
        return problem("webhooks", f"{name} knows none: it sends nothing", how)
    if kept and not known and not (lead_here and settings.providers[name].webhook_secrets):
        lost = "the one" if len(kept) == 1 else "any"
        return problem("webhooks", f"{name} no longer knows {lost} whose secret is kept here: {', '.join(kept)}", how)
    if not known and not lead_here:
        where = ", ".join(_address(one) for one in found)
        return warning("webhooks", f"none that {name} knows ends with {door}: {where}", f"if none leads here, {how}")
    ours = known or lead_here
    return ok("webhooks", f"{name} sends to {', '.join(sorted({_address(one) for one in ours}))}")


def _twice(name: str, found: Sequence[Webhook]) -> Iterator[Finding]:
    ids = defaultdict(list)
    for one in found:
        ids[_address(one)].append(one.id)
    for address, those in ids.items():
        if len(those) > 1:
            many = f"{address} is registered {counted(len(those), 'time')} at {name}: {', '.join(those)}"
            yield warning("webhooks", many, "each event comes as often: `tracker webhooks delete` all but the newest")


def _address(webhook: Webhook) -> str:
    return webhook.url.rstrip("/")


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


LATELY = timedelta(days=1)


async def examine_heard(conn: Connection, settings: Settings, now: datetime) -> AsyncIterator[Finding]:
    """What there is to say about each configured provider that sends webhooks."""
    doors = sorted(build_providers(settings))
    last = await provider_heartbeats.last_of_each(conn, doors, now - LEARNT_FROM)
    silent = await provider_heartbeats.silent(conn)
    missed = await overdue_posts.missed(conn, now - LATELY, now)
    for name in doors:
        _, posts = missed.get(name, (0, 0))
        since = silent.get(name)
        told_silent = since is not None and last.get(name, since) <= since
        yield _heard(name, last.get(name), now, posts, silent=told_silent)
    for clock in (await health.provider_clocks(conn, doors, now - LEARNT_FROM)).values():
        if finding := _times(clock):
            yield finding


def _heard(name: str, at: datetime | None, now: datetime, missed: int, *, silent: bool) -> Finding:
    found = f"{name}: {_last(at, now)}"
    if silent:
        found += ", which is longer than it is ever silent"
    if missed:
        found += f"; of {counted(missed, 'post')} only asking told something in the last day"
    if silent or (missed and (at is None or at < now - LATELY)):
        return problem("heard", found, f"`tracker webhooks test --provider {name}` tells whether its webhooks arrive")
    if missed:
        return warning("heard", found, "webhooks were lost on their way: see what stands between the provider and here")
    if at is None:
        return warning("heard", found, f"if it should, `tracker webhooks test --provider {name}` tells more")
    return ok("heard", found)


def _times(clock: ProviderClock) -> Finding | None:
    """What there is to say about the times that its webhooks tell."""
    name, off = clock.provider, clock.off_by
    if off:
        found = f"{name}: its times are {written(abs(off))} {'ahead of' if off > TOLERATED else 'behind'} their arrival"
        zone = zone_east_by(off)
        to = f'timezone = "{zone}"' if zone else f"timezone to one that is {written(abs(off))} away from what is set"
        return problem("times", found, f"if they name no zone and none is set, set [providers.{name}] {to}")
    if not clock.ahead:
        return None
    found = f"{name}: {clock.ahead} of the last {clock.told} are ahead of their arrival"
    found += f", by {_short(clock.largest)} at most"
    usual = f", usually by {_short(clock.usual)}" if clock.usual > TOLERATED else ""
    return warning("times", found + usual, "they count as their arrival; let both clocks be kept by NTP")


def _last(at: datetime | None, now: datetime) -> str:
    if at is None:
        return f"no webhook in the last {LEARNT_FROM.days} days"
    span = now - at
    unit = timedelta(minutes=1) if span >= timedelta(hours=1) else timedelta(seconds=1)
    return f"the last webhook came {written(span // unit * unit)} ago" if span >= unit else "a webhook came just now"


NAMED, LONGEST_EXAMPLE = 3, 300


async def examine_drift(conn: Connection, settings: Settings) -> AsyncIterator[Finding]:
    """What there is to say about the configured providers that send webhooks."""
    doors = build_providers(settings).keys()
    drifts = [drift for drift in await open_drifts(conn) if drift.provider in doors]
    for drift in drifts:
        example = cut(msgspec.json.encode(drift.example).decode(), LONGEST_EXAMPLE)
        what = f"{drift.provider}: {drift.says}; {_touched(drift)}; as in {example}"
        yield warning("drift", what, _advice(drift))
    if doors and not drifts:
        yield ok("drift", "what providers send looks as it usually does")


def _touched(drift: DriftOut) -> str:
    newest = list(reversed(drift.posts))[:NAMED]
    more = f" and {len(drift.posts) - NAMED} more" if len(drift.posts) > NAMED else ""
    about = f", of {', '.join(newest)}{more}" if newest else ""
    return f"{counted(drift.events, 'event')} known to show it{about}"


def _advice(drift: DriftOut) -> str:
    trial = f"`tracker providers trial {drift.provider}` says first which posts would stand otherwise"
    if drift.remedy:
        return f"map it, as in the lines below; {trial}\n{drift.remedy}"
    return f"see whether it is read as it should be; {trial}" if drift.drift == "type" else "nothing has to be mapped"
