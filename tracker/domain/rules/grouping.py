"""What a rule is about: the thing it counts as one (its key), and the values that its conditions can read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from tracker.domain.posts.change import Change, Move, PostView, TargetView
from tracker.domain.posts.event import Problem, State
from tracker.domain.rules.event_pattern import is_action_dead

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ATTRIBUTES = "attributes."
LONGEST_MESSAGE = 4000
"""Strangers write the messages of errors, and conditions may multiply them."""

LONGEST_DATA = 8192
"""Bytes that a signal may bring along as data; they stay with each run that it sets going."""


class GroupBy(StrEnum):
    """What a rule counts as one; see also ByAttribute."""

    POST = "post"
    TARGET = "target"
    ACCOUNT = "account"
    PLATFORM = "platform"
    PROVIDER = "provider"


class ByAttribute(str):
    """What a rule counts as one: the posts that share an attribute, `attributes.` and its name. Others it passes over.

    It is a text, so that it is kept and shown as a GroupBy is.
    """

    __slots__ = ()

    @property
    def attribute(self) -> str:
        """The attribute's name."""
        return self.removeprefix(ATTRIBUTES)


Per = GroupBy | ByAttribute
OWN = frozenset({GroupBy.POST, GroupBy.TARGET})
"""What belongs to one post; all else is shared by several."""


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
    "event.data": {},
    "change.before": "",
    "change.fields": [],
    "post.id": "",
    "post.provider": "",
    "post.state": "",
    "post.attempt": 0,
    "post.platforms": [],
    "post.scheduled_at": EPOCH,
    "post.published_at": EPOCH,
    "post.failed_at": EPOCH,
    "post.labels": {},
    "post.attributes": {},
    "post.text": "",
    "post.urls": [],
    "post.link": "",
    "post.targets": [],
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
    "action.verb": "",
    "action.target": "",
    "action.reason": "",
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
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def within(self) -> frozenset[str]:
        """The scopes that the group lies in, its own included: a target's, its post's, its account's and so on."""
        wider: list[tuple[str, str]] = [
            (GroupBy.PROVIDER, self.provider),
            (GroupBy.POST, f"{self.provider}/{self.post or ''}"),
        ]
        wider += [(GroupBy.TARGET, f"{self.provider}/{self.post}/{self.target}")] if self.target else []
        wider += [(GroupBy.PLATFORM, f"{self.provider}/{platform}") for platform in self.platforms]
        wider += [
            (GroupBy.ACCOUNT, f"{self.provider}/{platform}:{account}")
            for platform in self.platforms
            for account in self.accounts or ("?",)
        ]
        wider += [(f"{ATTRIBUTES}{name}", f"{self.provider}/{value}") for name, value in self.attributes]
        return frozenset(scope_of(per, key) for per, key in wider)


def scope_of(per: str, key: str) -> str:
    """The name of everything under a key, whichever rule counts by it."""
    return f"{per} {key}"


def group_of(per: Per, provider: str, post: str | None, view: PostView | None, target: str | None) -> Group:
    """What `per` makes of a target of a post (or, with no target, of the post as a whole)."""
    one = _target(view, target)
    if one is None or isinstance(per, ByAttribute):
        return _whole(per, provider, post, view)
    keys = {
        GroupBy.POST: f"{provider}/{post}",
        GroupBy.TARGET: f"{provider}/{post}/{one.key}",
        GroupBy.ACCOUNT: f"{provider}/{one.platform}:{one.account or '?'}",
        GroupBy.PLATFORM: f"{provider}/{one.platform}",
        GroupBy.PROVIDER: provider,
    }
    accounts = (one.account,) if one.account else ()
    attributes = tuple(view.attributes.items()) if view else ()
    return Group(keys[per], provider, post, one.key, (one.platform,), accounts, one.state, attributes)


def _whole(per: Per, provider: str, post: str | None, view: PostView | None) -> Group:
    keys = {GroupBy.PROVIDER: provider, GroupBy.PLATFORM: f"{provider}/?", GroupBy.ACCOUNT: f"{provider}/?:?"}
    if isinstance(per, ByAttribute):
        key = f"{provider}/{view.attributes.get(per.attribute, '') if view else ''}"
    else:
        key = keys.get(per, f"{provider}/{post or ''}")
    if view is None:
        return Group(key, provider, post)
    accounts, attributes = tuple(t.account for t in view.targets if t.account), tuple(view.attributes.items())
    return Group(key, provider, post, None, view.platforms, accounts, view.state, attributes)


def is_of_whole_posts(per: Per) -> bool:
    """Whether what counts as one is made of posts, and not of their targets."""
    return per is GroupBy.POST or isinstance(per, ByAttribute)


def moves_for(per: Per, change: Change) -> tuple[Move, ...]:
    """The moves that concern such groups: of the post as a whole, or of its targets where it has any."""
    by_target = not is_of_whole_posts(per) and change.context is not None and bool(change.context.targets)
    return tuple(move for move in change.moves if (move.target is not None) == by_target)


def groups_of(per: Per, change: Change) -> list[Group]:
    """Every group of that kind in the post that changed, each once."""
    view = change.context
    if change.post is None and (account := account_told(change)):
        return [group_of_account(per, change.provider, account)]
    keys: list[str | None] = [target.key for target in view.targets] if view and not is_of_whole_posts(per) else []
    found = [group_of(per, change.provider, change.post, view, key) for key in keys or [None]]
    return list({subject.key: subject for subject in found}.values())


def environment(change: Change, move: Move | None, subject: Group) -> Environment:
    """The values that a condition reads when something has just happened."""
    values = describe(change.provider, change.post, change.context, subject.target, move.problem if move else None)
    values["event.name"] = change.event
    values["event.source"] = change.source
    values["event.occurred_at"] = change.occurred_at
    values["event.data"] = _carried(change)
    values["change.before"] = str((move.before if move else _stood(change, subject)) or "")
    values["change.fields"] = list(change.fields)
    if is_action_dead(change):
        told = change.detail or {}
        values.update({f"action.{name}": str(told.get(name) or "") for name in ("verb", "target", "reason")})
    if change.post is None:
        values.update({f"account.{name}": text for name, text in account_told(change).items()})
    return values


def _carried(change: Change) -> object:
    """What the event tells beside how the post stands: of a signal what its sender gave it as data."""
    detail = change.detail or {}
    return detail.get("data", {}) if change.source == "signal" else detail


def _stood(change: Change, subject: Group) -> State | None:
    """The state before a change that has not moved what the rule is about."""
    return change.before if subject.target is None else subject.state


def account_told(change: Change) -> dict[str, str]:
    """Id, platform and name of the account that an event about no post is about; empty where it is about none."""
    account = change.detail.get("account") if change.detail else None
    if not isinstance(account, dict) or not isinstance(account.get("id"), str) or not account["id"]:
        return {}
    return {name: text for name in ("id", "platform", "name") if isinstance(text := account.get(name), str) and text}


def group_of_account(per: str, provider: str, account: Mapping[str, str]) -> Group:
    """What `per` makes of an account, told by its `id` and perhaps its `platform`."""
    platform, id_ = account.get("platform", "?"), account["id"]
    keys: dict[str, str] = {
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
        values["post.attributes"] = dict(view.attributes)
        values["post.text"], values["post.urls"] = view.excerpt or "", list(view.urls)
        values["post.targets"] = [_listed(target) for target in view.targets]
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


def _listed(one: TargetView) -> dict[str, object]:
    """A target as one of a list, as plain JSON."""
    return {
        "key": one.key,
        "platform": one.platform,
        "account": one.account or "",
        "state": str(one.state),
        "attempt": one.attempt,
        "url": one.url or "",
        "error_code": one.problem.code if one.problem else "",
        "error_message": one.problem.message[:LONGEST_MESSAGE] if one.problem else "",
    }


def _target(view: PostView | None, key: str | None) -> TargetView | None:
    return next((target for target in view.targets if target.key == key), None) if view and key else None
