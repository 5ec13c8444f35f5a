"""One post: its page with its history, and what can be done by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from tracker.dashboard.platforms import target_names
from tracker.dashboard.query import Query, address, post_asked
from tracker.dashboard.session import LIVE, Db, Here, Now, Rules, Visit, raw_path
from tracker.domain.plans import helps
from tracker.domain.posts.event import State
from tracker.domain.posts.post import Post
from tracker.errors import BadParameter, NotFound
from tracker.facts import commands
from tracker.queries import accounts, actions, events, history
from tracker.queries.as_of import Past
from tracker.queries.pending import list_pending
from tracker.queries.posts import FoundPost, find_post
from tracker.queries.why import why
from tracker.rulebook.source import RuleSource
from tracker.store.database import Connection, Database

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tracker.queries.history import EntryOut, PathStep

Name = tuple[str, object]


@dataclass(frozen=True, slots=True)
class Group:
    """One entry, and those that are told with it."""

    at: datetime
    type: str
    entry: dict[str, Any]
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def more(self, kind: str) -> list[dict[str, Any]]:
        """The entries of that type that are told with this one."""
        return [entry for type_, entry in self.told if type_ == kind]


def grouped(entries: Sequence[EntryOut]) -> list[Group]:
    """The groups in the order of their heads; attempts are left to the actions that show them."""
    heads = _heads(entries)
    groups: list[Group] = []
    for entry in entries:
        if head := heads.get(_belongs_to(entry)):
            head.told.append((entry.type, entry.data))
        elif entry.type != "attempt":
            name = _name(entry)
            groups.append(heads[name] if name else _group(entry))
    return groups


def actions_in(groups: Iterable[Group]) -> list[UUID]:
    """The actions whose attempts are to be shown."""
    return [UUID(group.entry["action"]) for group in groups if group.type == "action"]


def facts_in(groups: Iterable[Group]) -> list[int]:
    """The positions of the facts whose bodies may be shown."""
    return [group.entry["position"] for group in groups if group.type == "fact"]


def without_repeats(path: Iterable[PathStep]) -> list[PathStep]:
    """The steps of a path without those that lead where the one before it had led: two facts may say the same."""
    steps: list[PathStep] = []
    for step in path:
        if not steps or (steps[-1].state, steps[-1].attempt) != (step.state, step.attempt):
            steps.append(step)
    return steps


def _heads(entries: Sequence[EntryOut]) -> dict[Name | None, Group]:
    heads: dict[Name | None, Group] = {name: _group(entry) for entry in entries if (name := _name(entry))}
    for entry in entries:
        if entry.type == "fact":
            told_by = heads.get(_belongs_to(entry)) or heads[_name(entry)]
            heads[_name(entry)] = heads[_at(entry)] = told_by  # what the fact led to is told with its action too
    for entry in entries:
        if (name := _name(entry)) and entry.type == "firing" and (fact := heads.get(_at(entry))):
            heads[name] = fact
    return heads


def _at(entry: EntryOut) -> Name:
    """The moment: what rules do about a fact is dated as the fact is."""
    return ("at", entry.at)


def _group(entry: EntryOut) -> Group:
    return Group(entry.at, entry.type, entry.data)


def _name(entry: EntryOut) -> Name | None:
    """By what other entries say that they belong to this one."""
    match entry.type:
        case "fact":
            return ("fact", entry.data["position"])
        case "firing" if entry.data["outcome"] == "fired":
            return ("firing", entry.data["run"])
        case "action":
            return ("action", entry.data["action"])
    return None


def _belongs_to(entry: EntryOut) -> Name | None:
    match entry.type:
        case "change":
            return ("fact", entry.data["position"])
        case "run":
            return ("firing", entry.data["run"])
        case "firing" | "move":
            return _at(entry)
        case "fact" if entry.data["source"] == "action":
            return ("action", entry.data["delivery"].partition(":")[0])
    return None


@post("/provider/retry")
async def retry_post(visit: Here, database: Db, now: Now) -> Response[Any]:
    """Only one that has failed, at least in part; the provider is asked first how it stands."""
    return await _asked(commands.retry_post, "post_retried", visit, database, now)


@post("/provider/ask")
async def reconcile_post(visit: Here, database: Db, now: Now) -> Response[Any]:
    """What it says becomes a fact of the log."""
    return await _asked(commands.reconcile_post, "asked", visit, database, now)


async def _asked(
    ask: Callable[[Connection, Post, str, datetime], Awaitable[UUID]], done: str, visit: Visit, database: Database,
    now: datetime,
) -> Response[Any]:  # fmt: skip
    form = Query(await visit.request.form())

    async def change(conn: Connection, by: str) -> object:
        known = await find_post(conn, unquote(form.text("post") or ""), form.text("provider"))
        return await ask(conn, known.post, by, now)

    return await visit.does(done, database, change)


ENTRIES = 200
BODY_SHOWN = 8192
STATES_OF_A_PATH = 8

AHEAD = {
    State.DRAFT: (State.SCHEDULED, State.PUBLISHING, State.PUBLISHED),
    State.AWAITING_APPROVAL: (State.SCHEDULED, State.PUBLISHING, State.PUBLISHED),
    State.SCHEDULED: (State.PUBLISHING, State.PUBLISHED),
    State.RETRYING: (State.PUBLISHING, State.PUBLISHED),
    State.PUBLISHING: (State.PUBLISHED,),
}
"""Where a post goes from here when all goes well."""


@get("/posts/{post:path}")
async def show_post(visit: Here, database: Db, now: Now, rules: Rules, past: NamedDependency[Past]) -> Response[Any]:
    """What became of one post, why, and what happens next; with `told=facts`, without what rules and we did."""
    asked = Query(visit.request.query_params)
    facts_only = "facts" in asked.words("told", ("facts", "all"))
    post_id = post_asked(raw_path(visit.request), visit.request.query_params.get("id"))
    if "\x00" in post_id:
        raise NotFound("no id has a zero byte")
    async with database.connection() as conn:
        try:
            found = await find_post(conn, post_id, asked.text("provider"))
        except BadParameter:  # several providers have one: the list shows them all
            return Redirect(address("/posts", q=post_id), status_code=303)
        beside = await _beside(conn, visit, found, rules, past, asked.cursor, facts_only)
        known = beside.pop("known")
        # What keeps itself up to date does not ask it anew: every rule is played on all that is known.
        answers = [] if LIVE in visit.request.headers else await why(conn, known, found.post, rules.rules(), now, None)
        return visit.page("post", post=found.post, answers=answers, asked_rule=asked.text("rule"), **beside)


async def _beside(
    conn: Connection, visit: Visit, found: FoundPost, rules: RuleSource, past: Past, cursor: str | None,
    facts_only: bool,
) -> dict[str, Any]:  # fmt: skip
    """What the page says beside the post itself."""
    post, first_day = found.post, found.first_day
    known = await past.changes(conn, post)
    entries = await history.list_history(
        conn, known, post.provider, post.id, first_day, cursor, ENTRIES, newest_first=True
    )
    groups = grouped([one for one in entries.items if not facts_only or one.type in ("fact", "change")])
    attempts = await actions.attempts_of(conn, actions_in(groups))
    called = await accounts.names_in(conn, [post])
    positions = facts_in(groups) if visit.is_admin else []
    return {
        "known": known,
        "helped": helps(post),
        "path": without_repeats(history.path(known, STATES_OF_A_PATH)),
        "whole_path": STATES_OF_A_PATH,
        "ahead": AHEAD.get(post.state, ()),
        "publishes_at": post.scheduled_at if post.state in AHEAD and post.state is not State.PUBLISHING else None,
        "pending": await list_pending(conn, post, rules.rules()),
        "groups": groups,
        "names": target_names(post.targets, called.get(post.provider, {})),
        "attempts": {str(action): made for action, made in attempts.items()},
        "bodies": await events.beginnings_of_bodies(conn, positions, first_day, BODY_SHOWN),
        "cursor": entries.next,
        "first": cursor is None,
        "told": "facts" if facts_only else None,
    }
