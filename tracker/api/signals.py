"""Signals: other systems say that something has happened, and rules hear it."""

import re
from typing import Annotated, Any

from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct, json

from tracker.api.handlers import READS_BODY, TELLING, By, Db, Now, ProviderNames, Rules, command
from tracker.api.problems import BadParameter
from tracker.domain.rules.event_pattern import EventName, parse_event_pattern
from tracker.domain.rules.grouping import LONGEST_DATA
from tracker.errors import did_you_mean
from tracker.facts import commands
from tracker.parameters import parse_choice, refuse_zero_bytes
from tracker.queries.posts import find_post
from tracker.store.database import Connection

NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+", re.ASCII)
LONGEST_NAME = LONGEST_ID = 100
OURS = ("action", "rule", "run", "silence", "plan", "quarantine")
OUR_NAMES = ("post.labelled",)
DEEPEST = 20

Id = Annotated[
    str,
    Meta(description="The same for the same signal: what comes again is a duplicate.", examples=["ack-81"]),
]
SignalName = Annotated[str, PathParameter(description="An event's name as rules know it, as in cms.acked.")]


class NewSignal(Struct, frozen=True, forbid_unknown_fields=True):
    """What it is about, if it is about anything."""

    provider: Annotated[str | None, Meta(description="Its name in the configuration; a post has it anyway.")] = None
    post: Annotated[str | None, Meta(description="The post's id.")] = None
    id: Id | None = None
    data: Annotated[
        dict[str, Any],
        Meta(description="Kept with it, shown in its history, and event.data for rules; 8 KiB."),
    ] = {}


class SignalOut(Struct, frozen=True):
    """Where the signal is in the log."""

    position: int
    duplicate: Annotated[bool, Meta(description="One with that id was there already.")]
    unheard: Annotated[
        str | None,
        Meta(description="Where no rule listens to an event of that name: that it does not, with the nearest name."),
    ]


@command("/signals/{name:str}", TELLING, "Say that something has happened", **READS_BODY)
async def signal(
    by: By,
    database: Db,
    now: Now,
    provider_names: ProviderNames,
    rules: Rules,
    name: SignalName,
    data: JSONBody[NewSignal],
) -> SignalOut:
    """Rules hear it by `on`, `wait`, `expect` and `cancel_on`, and runs that wait for it go on."""
    _check_name(name)
    _check(data, provider_names)
    said = {"by": by, "data": data.data}
    async with database.transaction() as conn:
        provider = await _provider(conn, data)
        kept = await commands.signal(conn, name, provider, data.post, data.id, said, now)
    return SignalOut(kept.position, kept.duplicate, _unheard(name, rules.index().events))


def _unheard(name: str, events: set[str]) -> str | None:
    """That no rule listens, so that a slip is seen by whoever makes it; the signal is kept all the same."""
    if any(EventName(event).names(name) for event in events):
        return None
    return f'no rule listens to "{name}"{did_you_mean(name, events)}: it is kept, and that is all'


async def _provider(conn: Connection, asked: NewSignal) -> str:
    """Whose the post is; a signal about no post may be about no provider either."""
    if asked.post is None:
        return asked.provider or ""
    return (await find_post(conn, asked.post, asked.provider)).post.provider


def _check_name(name: str) -> None:
    """Refuse what no rule could name, and what is ours, or the providers', to say."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise BadParameter(
            "name", f'"{name}" is not an event: write a noun, a dot and what happened, as in "cms.acked"'
        )
    noun = name.partition(".")[0]
    if noun in OURS or name in OUR_NAMES:
        raise BadParameter("name", f'"{name}" is reserved: what begins with "{noun}." only tracker itself says')
    try:
        word = parse_event_pattern(name)
    except ValueError as error:
        raise BadParameter("name", str(error)) from error
    if not isinstance(word, EventName):
        raise BadParameter("name", f'"{name}" is reserved: how a post stands is for its provider to say')


def _check(asked: NewSignal, provider_names: tuple[str, ...]) -> None:
    refuse_zero_bytes(post=asked.post, id=asked.id)
    if asked.provider is not None:
        parse_choice("provider", asked.provider, provider_names)
    if asked.id is not None and not 1 <= len(asked.id) <= LONGEST_ID:
        raise BadParameter("id", f"must have 1 to {LONGEST_ID} characters")
    if asked.post == "":
        raise BadParameter("post", "is empty: leave it out where the signal is about no post")
    _check_plain(asked.data, 0)
    if (size := len(json.encode(asked.data))) > LONGEST_DATA:
        raise BadParameter("data", f"has {size} bytes; {LONGEST_DATA} are allowed: runs of rules keep it")


def _check_plain(value: object, depth: int) -> None:
    if isinstance(value, str):
        refuse_zero_bytes(data=value)
    if isinstance(value, dict | list):
        if depth >= DEEPEST:
            raise BadParameter("data", f"is nested deeper than {DEEPEST} levels")
        for one in [*value.keys(), *value.values()] if isinstance(value, dict) else value:
            _check_plain(one, depth + 1)
