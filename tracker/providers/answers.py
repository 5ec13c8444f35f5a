"""What a provider answers to our calls, read without trust: typed values, and nothing for what is not as expected."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct
from pydantic import SecretStr

from tracker.domain.actions import Exchange, Reason
from tracker.domain.posts.event import Report, Shown
from tracker.outbound.client import Answer, Reply
from tracker.providers.mapping.contents import Remark
from tracker.providers.mapping.mapping import PayloadMapping
from tracker.providers.mapping.paths import decode, find, is_id, text_at
from tracker.providers.recreation import Recreation

if TYPE_CHECKING:
    from tracker.providers.mapping.paths import Path

T = TypeVar("T")

MOST = 2**53


class Registered(Struct, frozen=True):
    """A webhook at the provider; it tells the secret once."""

    id: str
    secret: SecretStr


class Webhook(Struct, frozen=True):
    """A webhook as the provider lists it; its secret is not told again."""

    id: str
    url: str
    events: tuple[str, ...]
    description: str = ""


class Tested(Struct, frozen=True):
    """What came of the provider's test delivery to a webhook."""

    success: bool
    status_code: int | None


class Listed(Struct, frozen=True):
    """A post in a list."""

    post: str
    report: Report


class Page(Struct, frozen=True):
    """A part of a list of posts, from so many entries; it goes on at the cursor `next`."""

    posts: tuple[Listed, ...]
    next: str | None = None
    entries: int = 0


class Usage(Struct, frozen=True):
    """What is left and what was used: credits, and calls and credits of the present period, which ends then."""

    credits: int
    plan: str | None = None
    requests: int | None = None
    credits_used: int | None = None
    period_end: datetime | None = None
    remarks: tuple[Remark, ...] = ()


class Answers(Struct, frozen=True):
    """Reads the JSON of an answer with a provider's words; each gives None for what is not in the form expected."""

    words: PayloadMapping

    def created(self, value: Any) -> str | None:
        """The id of a new post."""
        found = find(self._item(value), self._path("post"))
        post = str(found) if type(found) is int else found
        return post if isinstance(post, str) and is_id(post) else None

    def report(self, value: Any) -> Report | None:
        """How a post stands."""
        item = self._item(value)
        return self.words.report(item) if item else None

    def shown(self, value: Any, recreation: Recreation) -> Shown | None:
        """How a post stands, and what it would be created from."""
        item = self._item(value)
        return Shown(self.words.report(item), recreation.of(item)) if item else None

    def page(self, value: Any) -> Page | None:
        """A part of a list; an entry that names no post is left out."""
        items = find(value, self._path("items")) if self._path("items") else value
        if not isinstance(items, list):
            return None
        listed = tuple(found for item in items if (found := self._listed(item)))
        return Page(listed, text_at(value, self._path("next")), len(items))

    def registered(self, value: Any) -> Registered | None:
        """The webhook that an answer says was made, with its secret; None where the answer lacks either."""
        item = self._item(value)
        webhook, secret = text_at(item, self._path("post")), text_at(item, ("secret",))
        return Registered(webhook, SecretStr(secret)) if webhook and secret else None

    def webhooks(self, value: Any) -> tuple[Webhook, ...] | None:
        """The webhooks there are; an entry without an id is left out."""
        items = find(value, self._path("webhooks")) if self._path("webhooks") else self._item(value)
        if not isinstance(items, list):
            return None
        return tuple(_webhook(item) for item in items if text_at(item, ("id",)))

    def tested(self, value: Any) -> Tested | None:
        """The end of a test delivery."""
        success, status = find(self._item(value), ("success",)), find(self._item(value), ("statusCode",))
        return Tested(success, status if type(status) is int else None) if isinstance(success, bool) else None

    def usage(self, value: Any) -> Usage | None:
        """What is left and what was used."""
        credits_left = _whole(find(value, self._path("credits")))
        if credits_left is None:
            return None
        remarks: list[Remark] = []
        ends = self.words.time("period_end", find(value, self._path("period_end")), remarks)
        return Usage(
            credits_left,
            text_at(value, self._path("plan")),
            _whole(find(value, self._path("requests"))),
            _whole(find(value, self._path("credits_used"))),
            ends,
            tuple(remarks),
        )

    def _item(self, value: Any) -> Any:
        """What the answer is about."""
        return find(value, self._path("item")) if self._path("item") else value

    def _listed(self, item: Any) -> Listed | None:
        item = find(item, self._path("entry")) if self._path("entry") else item
        post = text_at(item, self._path("post"))
        return Listed(post, self.words.report(item)) if post else None

    def _path(self, name: str) -> Path:
        return self.words.paths.get(name, ())


def read_answer(answer: Answer, read: Callable[[Any], T | None], record: Exchange) -> Reply[T]:
    """The value in an answer, or the reason why there is none."""
    value = _json(answer)
    told: dict[str, Any] = {"sent": True, "status": answer.status, "retry_after": answer.retry_after}
    told |= {"answered_at": answer.date, "exchange": record}
    if answer.reason is not Reason.OK:
        return Reply(None, answer.reason, _complaint(value), **told)
    found = read(value) if find(value, ("success",)) is not False else None
    if found is None:
        return Reply(None, Reason.BAD_ANSWER, _complaint(value) or "not the answer that was expected", **told)
    return Reply(found, **told)


def _json(answer: Answer) -> Any:
    try:
        return decode(answer.body)
    except ValueError:
        return None


def _complaint(value: Any) -> str:
    """What an error envelope says; its form is not documented, so the obvious one is tried."""
    code, message = text_at(value, ("error", "code")), text_at(value, ("error", "message"))
    return ": ".join(part for part in (code, message or text_at(value, ("error",))) if part)


def _webhook(item: Any) -> Webhook:
    id_, url, description = (text_at(item, (name,)) or "" for name in ("id", "url", "description"))
    events = find(item, ("events",))
    return Webhook(id_, url, tuple(map(str, events)) if isinstance(events, list) else (), description)


def _whole(value: Any) -> int | None:
    """A number without what stands behind its point."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MOST < value < MOST:
        return None
    return math.floor(value)
