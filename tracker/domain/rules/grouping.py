"""What a rule is about: the thing it counts as one (its key), and the values that its conditions can read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from tracker.domain.posts.change import Change, Move, PostView, TargetView
from tracker.domain.posts.event import Problem, State

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_MESSAGE = 4000
"""Strangers write the messages of errors, and conditions may multiply them."""


class GroupBy(StrEnum):
    """What a rule counts as one."""

    POST = "post"
    TARGET = "target"
    ACCOUNT = "account"
    PLATFORM = "platform"
    PROVIDER = "provider"


class Environment(dict[str, object]):
    """Every variable of `VARIABLES` by its full name; `prepared` is room for an evaluator to keep its own form."""

    __slots__ = ("prepared",)

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__(values)
        self.prepared: object = None


DEFAULTS: Mapping[str, object] = {
    "event.name": "",
    "event.source": "",
    "event.occurred_at": EPOCH,
    "post.id": "",
    "post.provider": "",
    "post.state": "",
    "post.attempt": 0,
    "post.platforms": [],
    "post.scheduled_at": EPOCH,
    "post.published_at": EPOCH,
    "post.failed_at": EPOCH,
    "post.labels": {},
    "post.excerpt": "",
    "post.attributes": {},
    "target.key": "",
    "target.platform": "",
    "target.account": "",
    "target.state": "",
    "target.attempt": 0,
    "target.url": "",
    "error.code": "",
    "error.message": "",
    "error.retryable": False,
    "account.id": "",
    "account.platform": "",
    "account.name": "",
    "run.tries": 0,
    "run.count": 0,
    "run.held": timedelta(0),
    "run.rule": "",
    "run.since": EPOCH,
    "run.items": [],
}
"""The variables of conditions and templates, each with what it is when it is absent; the type follows from it."""


class Group(Struct, frozen=True):
    """One post, target, account, platform or provider, under the key by which a rule knows it again."""

    key: str
    provider: str
    post: str | None
    target: str | None = None
    platforms: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    state: State | None = None

    @property
    def within(self) -> frozenset[str]:
        """The scopes that the group lies in, its own included: a target's, its post's, its account's and so on."""
        wider = [(GroupBy.PROVIDER, self.provider), (GroupBy.POST, f"{self.provider}/{self.post or ''}")]
        wider += [(GroupBy.TARGET, f"{self.provider}/{self.post}/{self.target}")] if self.target else []
        wider += [(GroupBy.PLATFORM, f"{self.provider}/{platform}") for platform in self.platforms]
        wider += [
            (GroupBy.ACCOUNT, f"{self.provider}/{platform}:{account}")
            for platform in self.platforms
            for account in self.accounts or ("?",)
        ]
        return frozenset(scope_of(per, key) for per, key in wider)


def scope_of(per: GroupBy, key: str) -> str:
    """The name of everything under a key, whichever rule counts by it."""
    return f"{per} {key}"


def group_of(per: GroupBy, provider: str, post: str | None, view: PostView | None, target: str | None) -> Group:
    """What `per` makes of a target of a post (or, with no target, of the post as a whole)."""
    one = _target(view, target)
    if target is None or one is None:
        return _whole(per, provider, post, view)
    keys = {
        GroupBy.POST: f"{provider}/{post}",
        GroupBy.TARGET: f"{provider}/{post}/{one.key}",
        GroupBy.ACCOUNT: f"{provider}/{one.platform}:{one.account or '?'}",
        GroupBy.PLATFORM: f"{provider}/{one.platform}",
        GroupBy.PROVIDER: provider,
    }
    accounts = (one.account,) if one.account else ()
    return Group(keys[per], provider, post, one.key, (one.platform,), accounts, one.state)


def _whole(per: GroupBy, provider: str, post: str | None, view: PostView | None) -> Group:
    keys = {GroupBy.PROVIDER: provider, GroupBy.PLATFORM: f"{provider}/?", GroupBy.ACCOUNT: f"{provider}/?:?"}
    accounts = tuple(t.account for t in view.targets if t.account) if view else ()
    key = keys.get(per, f"{provider}/{post or ''}")
    return Group(key, provider, post, None, view.platforms if view else (), accounts, view.state if view else None)


def moves_for(per: GroupBy, change: Change) -> tuple[Move, ...]:
    """The moves that concern such groups: of the post as a whole, or of its targets where it has any."""
    by_target = per is not GroupBy.POST and change.context is not None and bool(change.context.targets)
    return tuple(move for move in change.moves if (move.target is not None) == by_target)


def groups_of(per: GroupBy, change: Change) -> list[Group]:
    """Every group of that kind in the post that changed, each once."""
    view = change.context
    if change.post is None and (account := account_told(change)):
        return [_of_account(per, change.provider, account)]
    keys: list[str | None] = [target.key for target in view.targets] if view and per is not GroupBy.POST else []
    found = [group_of(per, change.provider, change.post, view, key) for key in keys or [None]]
    return list({subject.key: subject for subject in found}.values())


def environment(change: Change, move: Move | None, subject: Group) -> Environment:
    """The values that a condition reads when something has just happened."""
    values = describe(change.provider, change.post, change.context, subject.target, move.problem if move else None)
    values["event.name"] = change.event
    values["event.source"] = change.source
    values["event.occurred_at"] = change.occurred_at
    if change.post is None:
        values.update({f"account.{name}": text for name, text in account_told(change).items()})
    return values


def account_told(change: Change) -> dict[str, str]:
    """Id, platform and name of the account that an event about no post is about; empty where it is about none."""
    account = change.detail.get("account") if change.detail else None
    if not isinstance(account, dict) or not isinstance(account.get("id"), str) or not account["id"]:
        return {}
    return {name: text for name in ("id", "platform", "name") if isinstance(text := account.get(name), str) and text}


def _of_account(per: GroupBy, provider: str, account: Mapping[str, str]) -> Group:
    platform, id_ = account.get("platform", "?"), account["id"]
    keys = {
        GroupBy.ACCOUNT: f"{provider}/{platform}:{id_}",
        GroupBy.PLATFORM: f"{provider}/{platform}",
        GroupBy.PROVIDER: provider,
    }
    platforms = (platform,) if "platform" in account else ()
    return Group(keys.get(per, f"{provider}/"), provider, None, None, platforms, (id_,))


def describe(
    provider: str, post: str | None, view: PostView | None, target: str | None, problem: Problem | None = None
) -> Environment:
    """The values that tell how a post, and one target of it, stand."""
    values = Environment(DEFAULTS)
    values["post.provider"], values["post.id"] = provider, post or ""
    one = _target(view, target)
    if view:
        values["post.state"] = str(view.state)
        values["post.attempt"] = view.attempt
        values["post.platforms"] = list(view.platforms)
        values["post.labels"] = dict(view.labels)
        values["post.excerpt"] = view.excerpt or ""
        values["post.attributes"] = dict(view.attributes)
        for name in ("scheduled_at", "published_at", "failed_at"):
            values[f"post.{name}"] = getattr(view, name) or EPOCH
    if one:
        values.update(_target_values(one))
    problem = problem or (one.problem if one else view.problem if view else None)
    if problem:
        values["error.code"], values["error.message"] = problem.code, problem.message[:LONGEST_MESSAGE]
        values["error.retryable"] = problem.retryable is True
    return values


def _target_values(one: TargetView) -> dict[str, object]:
    return {
        "target.key": one.key,
        "target.platform": one.platform,
        "target.account": one.account or "",
        "target.state": str(one.state),
        "target.attempt": one.attempt,
        "target.url": one.url or "",
        "account.id": one.account or "",
        "account.platform": one.platform,
    }


def _target(view: PostView | None, key: str | None) -> TargetView | None:
    return next((target for target in view.targets if target.key == key), None) if view and key else None


def to_plain(values: Mapping[str, object]) -> dict[str, object]:
    """The values that are not absent, as plain JSON: small enough to keep with a run."""
    return {name: _plain(value) for name, value in values.items() if value != DEFAULTS[name]}


def from_plain(plain: Mapping[str, object]) -> Environment:
    """The inverse of `to_plain`; what this version does not know is dropped."""
    values = Environment(DEFAULTS)
    for name in DEFAULTS.keys() & plain.keys():
        values[name] = _typed(DEFAULTS[name], plain[name])
    return values


def to_nested(values: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """The values as other systems get them: one object for each noun, null for what is absent, no run in it."""
    nouns: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        noun, _, field = name.partition(".")
        absent = isinstance(value, datetime | str) and value == DEFAULTS[name]
        nouns.setdefault(noun, {})[field] = None if absent else _plain(value)
    return {noun: fields for noun, fields in nouns.items() if noun != "run"}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value


def _typed(default: object, value: object) -> object:
    if isinstance(default, datetime):
        return datetime.fromisoformat(str(value))
    if isinstance(default, timedelta):
        return timedelta(seconds=float(str(value)))
    return value
