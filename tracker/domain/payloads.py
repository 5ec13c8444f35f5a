"""What actions say, typed by their verb; in the database each is plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tracker.domain.posts.event import State


class Companion(msgspec.Struct, frozen=True):
    """An alert that travels in the message of another."""

    title: str | None = None
    post: str | None = None
    key: str | UnsetType | None = UNSET


class AlertPayload(msgspec.Struct, frozen=True, kw_only=True):
    """What people on a channel are told, and which earlier alert (`of`, by its `key`) it takes back or repeats.

    What is unset says nothing, and is not in the JSON: `event` and `data` are those of a `send` to a channel, and
    `owner` and `runbook` those of the rule. `acknowledge` asks for a link by which that is done; on its way out it is
    the link, which is kept nowhere.
    """

    title: str = ""
    body: str = ""
    severity: str = "info"
    resolves: bool = False
    resolved: bool = False
    correction: bool | UnsetType = UNSET
    again: int | UnsetType = UNSET
    of: UUID | UnsetType = UNSET
    rule: str = ""
    key: str | UnsetType = UNSET
    provider: str = ""
    post: str | None = None
    target: str | None = None
    others: tuple[Companion, ...] | UnsetType = UNSET
    event: str | UnsetType = UNSET
    data: Any = UNSET
    acknowledge: bool | str | UnsetType = UNSET
    owner: str | UnsetType = UNSET
    runbook: str | UnsetType = UNSET


class SendPayload(msgspec.Struct, frozen=True, kw_only=True):
    """What another system is told. `answer`: what it says to that is kept, for the run that waits for it."""

    event: str = ""
    data: Any = None
    text: str | UnsetType = UNSET
    answer: bool | UnsetType = UNSET


class RetryPayload(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be tried again: the `attempt` of the post that has failed."""

    what: str = "publish"
    post: str | None = None
    target: str | None = None
    attempt: int | None = None

    @property
    def following(self) -> int | None:
        """The attempt that begins when the provider takes it."""
        return None if self.attempt is None else self.attempt + 1


class ChangePayload(msgspec.Struct, frozen=True, kw_only=True):
    """The post that is to be cancelled, deleted or moved: then from the time `was` to `at`, None where it has none."""

    post: str | None = None
    was: datetime | None = None
    at: datetime | None = None


class CreatePayload(msgspec.Struct, frozen=True, kw_only=True):
    """The post that is to be created: what `post` is, on other platforms or accounts, or with another text.

    `was` is the state of `post` when that was decided.
    """

    post: str | None = None
    was: str = ""
    platforms: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    text: str | UnsetType = UNSET


class ReconcilePayload(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider is asked about."""

    post: str | None = None


class OtherPayload(msgspec.Struct, frozen=True):
    """What nobody here performs, as it is said: by a verb that is none of these, or in a form that we cannot read."""

    said: Mapping[str, Any]


Payload = AlertPayload | SendPayload | RetryPayload | ChangePayload | CreatePayload | ReconcilePayload | OtherPayload
_PAYLOADS: Mapping[str, type[Payload]] = {
    "alert": AlertPayload, "send": SendPayload, "retry": RetryPayload, "reconcile": ReconcilePayload,
    "cancel": ChangePayload, "reschedule": ChangePayload, "delete": ChangePayload, "create": CreatePayload,
}  # fmt: skip


def made_true(verb: str, said: Payload) -> dict[str, Any]:
    """What the provider makes true of the post by taking it, as fields of a fact."""
    if isinstance(said, RetryPayload):
        return {"state": State.RETRYING, "attempt": said.following}
    if isinstance(said, ChangePayload) and verb == "reschedule":
        return {"state": State.SCHEDULED, "scheduled_at": said.at}
    if isinstance(said, ChangePayload):
        return {"state": State.CANCELLED if verb == "cancel" else State.REMOVED}
    return {}


LONGEST_ANSWER, DEEPEST_ANSWER = 65_536, 20
_GREATEST = 2**63


def answer_of(body: bytes) -> Mapping[str, Any]:
    """The JSON object that another system has answered; empty where it is none, is longer than that, or deeper."""
    try:
        said = msgspec.json.decode(body) if len(body) <= LONGEST_ANSWER else None
        return _storable(said, DEEPEST_ANSWER) if isinstance(said, dict) else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}


def _storable(value: Any, depth: int) -> Any:
    """The value with what Postgres cannot keep replaced, and numbers as texts that are too great for conditions."""
    if not depth:
        raise RecursionError
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {_storable(name, depth): _storable(one, depth - 1) for name, one in value.items()}
    if isinstance(value, list):
        return [_storable(one, depth - 1) for one in value]
    return str(value) if type(value) is int and not -_GREATEST <= value < _GREATEST else value


AS_IN_ACTION = "data as in the action"
"""Beside what a request consisted of, of which each name is a word."""


def without_data(request: Mapping[str, object], said: Payload) -> Mapping[str, object]:
    """The request as it is kept: where its body has the `data` of the action itself, that is kept only there."""
    body, data = request.get("body"), said.data if isinstance(said, SendPayload) else None
    if not data or not isinstance(body, dict) or body.get("data") is not data:
        return request
    return {**request, "body": {**body, "data": None}, AS_IN_ACTION: True}


def with_data(request: dict[str, Any] | None, data: Any) -> dict[str, Any] | None:
    """The inverse of `without_data`, given the `data` of the action."""
    if not request or AS_IN_ACTION not in request:
        return request
    rest = {name: said for name, said in request.items() if name != AS_IN_ACTION}
    return {**rest, "body": {**rest["body"], "data": data}}


def payload_of(verb: str, stored: Mapping[str, object]) -> Payload:
    """What the JSON of an action of that verb says."""
    try:
        return msgspec.convert(stored, _PAYLOADS[verb])
    except (KeyError, msgspec.ValidationError):
        return OtherPayload(stored)
