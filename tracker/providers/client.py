"""Calls of a provider's API: typed answers, reasons as values, and no secret in any record."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec
from pydantic import SecretStr

from tracker.domain.action import Exchange, Reason
from tracker.domain.report import Report
from tracker.outbound import Answer, OutboundError, exchange
from tracker.outbound.reply import Reply
from tracker.providers.body import decode, find, text_at
from tracker.providers.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tracker.outbound import Outbound

T = TypeVar("T")

CALL = re.compile(r"(GET|POST|PUT|PATCH) (/\S*\{post\}\S*)")


@dataclass(frozen=True, slots=True)
class Registered:
    """A webhook at the provider; it tells the secret once."""

    id: str
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of the provider's test delivery to a webhook."""

    success: bool
    status_code: int | None


@dataclass(frozen=True, slots=True)
class ProviderClient:
    """One provider's API; `calls` are those that its documentation does not show, "" where there is none."""

    name: str
    api_url: str
    api_key: SecretStr
    calls: Mapping[str, str]
    words: Vocabulary
    outbound: Outbound = field(repr=False)

    def can(self, call: str) -> bool:
        """Whether the call is to be had: it is configured, and there is a key."""
        return bool(self.calls.get(call) and self.api_key.get_secret_value())

    async def create_post(self, post: Mapping[str, Any], idempotency_key: str) -> Reply[str]:
        """Create a post, which the provider describes (platforms, content, accountIds, scheduling); gives its id."""
        return await self._call("POST", "/posts", _id, body=post, key=idempotency_key)

    async def get_post(self, post: str) -> Reply[Report]:
        """How the post stands."""
        return await self._configured("get", post, lambda data: self.words.report({"data": data}) if data else None)

    async def retry_post(self, post: str, idempotency_key: str) -> Reply[bool]:
        """Publish again what has failed. The same key is sent on each attempt."""
        return await self._configured("retry", post, lambda _: True, key=idempotency_key)

    async def register_webhook(self, url: str, events: list[str], description: str) -> Reply[Registered]:
        """Have the provider send its events to `url`."""
        body = {"url": url, "events": events, "description": description}
        return await self._call("POST", "/webhooks", _registered, body=body)

    async def test_webhook(self, webhook: str) -> Reply[Tested]:
        """Have the provider send webhook.test."""
        return await self._call("POST", f"/webhooks/{quote(webhook, safe='')}/test", _tested)

    async def _configured(self, call: str, post: str, read: Callable[[Any], T | None], key: str = "") -> Reply[T]:
        if not self.calls.get(call):
            return self._not_set(f"calls.{call}")
        method, path = self.calls[call].split(" ", 1)
        return await self._call(method, path.replace("{post}", quote(post, safe="")), read, key=key)

    async def _call(
        self,
        method: str,
        path: str,
        read: Callable[[Any], T | None],
        *,
        body: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> Reply[T]:
        secret = self.api_key.get_secret_value()
        if not secret:
            return self._not_set("api_key")
        headers = {"accept": "application/json", "authorization": f"Bearer {secret}"}
        headers |= {"content-type": "application/json"} if body is not None else {}
        headers |= {"idempotency-key": key} if key else {}
        shown: dict[str, object] = {"method": method, "url": self.api_url + path}
        shown |= {"idempotency_key": key} if key else {}
        content = msgspec.json.encode(body) if body is not None else b""
        try:
            answer = await self.outbound.request(method, self.api_url + path, headers=headers, body=content)
        except OutboundError as error:
            record = exchange(shown, error, [secret])
            return Reply(None, error.reason, error.detail, error.sent, error.status, None, record)
        return _read(answer, read, exchange(shown, answer, [secret]))

    def _not_set(self, setting: str) -> Reply[Any]:
        return Reply(None, Reason.NOT_CONFIGURED, f"providers.{self.name}.{setting} is not set")


def _read(answer: Answer, read: Callable[[Any], T | None], record: Exchange) -> Reply[T]:
    value = _json(answer)
    told = {"sent": True, "status": answer.status, "retry_after": answer.retry_after, "exchange": record}
    if answer.reason is not Reason.OK:
        return Reply(None, answer.reason, _complaint(value), **told)  # type: ignore[arg-type]  # the keys are the fields'
    found = read(find(value, ("data",))) if find(value, ("success",)) is not False else None
    if found is None:
        return Reply(None, Reason.BAD_ANSWER, _complaint(value) or "not the answer that was expected", **told)  # type: ignore[arg-type]  # as above
    if isinstance(found, Registered):
        told["exchange"] = Exchange(record.request, {"status": answer.status})
    return Reply(found, **told)  # type: ignore[arg-type]  # as above


def _json(answer: Answer) -> Any:
    try:
        return decode(answer.body)
    except ValueError:
        return None


def _complaint(value: Any) -> str:
    """What an error envelope says; its form is not documented, so the obvious one is tried."""
    code, message = text_at(value, ("error", "code")), text_at(value, ("error", "message"))
    return ": ".join(part for part in (code, message or text_at(value, ("error",))) if part)


def _id(data: Any) -> str | None:
    return text_at(data, ("id",))


def _registered(data: Any) -> Registered | None:
    webhook, secret = _id(data), text_at(data, ("secret",))
    return Registered(webhook, SecretStr(secret)) if webhook and secret else None


def _tested(data: Any) -> Tested | None:
    success, status = find(data, ("success",)), find(data, ("statusCode",))
    return Tested(success, status if isinstance(status, int) else None) if isinstance(success, bool) else None
