"""`tracker send`: a signed webhook to one's own door, in the provider's own words."""

from __future__ import annotations

import asyncio
import json as plain_json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit
from uuid import uuid4

import typer

from tracker.cli import FOUND_PROBLEMS, app
from tracker.cli.context import Config, Json, now, open_settings
from tracker.cli.output import say, show_json
from tracker.cli.provider_calls import Provider, chosen_provider
from tracker.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.domain.posts.event import State
    from tracker.outbound.client import Answer
    from tracker.providers.adapter import Adapter
    from tracker.providers.mapping.mapping import PayloadMapping
    from tracker.settings import Settings


@dataclass(frozen=True, slots=True)
class SampleWebhook:
    """An event as people write it on the command line; `platforms` are "instagram" or "instagram:account"."""

    event: str
    post: str | None = None
    status: str | None = None
    platforms: Sequence[str] = ()
    error: str | None = None
    message: str | None = None
    retryable: bool | None = None
    scheduled_at: str | None = None
    at: str | None = None


def body_of(words: PayloadMapping, said: SampleWebhook, now: datetime) -> bytes:
    """The body of the webhook that says it."""
    from tracker.providers.mapping.paths import put  # noqa: PLC0415  (takes half a second)
    from tracker.providers.times import stamp  # noqa: PLC0415  (as above)

    state = words.events.get(said.event.lower())
    status = said.status or (_status(words, state) if state else None)
    body: dict[str, Any] = {}
    values = {
        "event": said.event,
        "occurred_at": said.at or stamp(now),
        "post": said.post,
        "status": status,
        "scheduled_at": said.scheduled_at,
        "targets": [_target(words, name, status, said) for name in said.platforms] or None,
    }
    for name, value in (values | _error(said, "error")).items():
        put(body, words.paths[name], value)
    return plain_json.dumps(body).encode()


def _target(words: PayloadMapping, name: str, status: str | None, said: SampleWebhook) -> dict[str, Any]:
    from tracker.providers.mapping.paths import put  # noqa: PLC0415  (as above)

    platform, _, account = name.partition(":")
    target: dict[str, Any] = {}
    values = {"target_platform": platform, "target_account": account or None, "target_status": status}
    for place, value in (values | _error(said, "target_error")).items():
        put(target, words.paths[place], value)
    return target


def _error(said: SampleWebhook, name: str) -> dict[str, Any]:
    return {f"{name}_code": said.error, f"{name}_message": said.message, f"{name}_retryable": said.retryable}


def _status(words: PayloadMapping, state: State) -> str:
    """The provider's word for a state: the state's own name, where that is one."""
    known = [word for word, meaning in words.statuses.items() if meaning is state]
    return state.upper() if state.upper() in known or not known else known[0]


EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (not to listen on: to recognise)


@app.command()
def send(
    file: Annotated[Path | None, typer.Argument(help="The body, sent byte for byte; - reads standard input.")] = None,
    event: Annotated[str | None, typer.Option(help="Or say what it is about: post.failed, post.published …")] = None,
    post: Annotated[str | None, typer.Option(help="The post's id; needed for events of posts.")] = None,
    status: Annotated[str | None, typer.Option(help="The post's status; what the event says, if not named.")] = None,
    platform: Annotated[list[str] | None, typer.Option(help="A target: instagram, or instagram:account.")] = None,
    error: Annotated[str | None, typer.Option(help="The code of what went wrong.")] = None,
    message: Annotated[str | None, typer.Option(help="The same, for people.")] = None,
    retryable: Annotated[bool | None, typer.Option(help="Whether another try can help.")] = None,
    scheduled_at: Annotated[str | None, typer.Option(help="When the post is to be published.")] = None,
    at: Annotated[str | None, typer.Option(help="When it happened: 2026-11-30T09:00:00Z; now, if not named.")] = None,
    delivery: Annotated[str | None, typer.Option(help="The delivery's id; the same again is a duplicate.")] = None,
    provider: Provider = None,
    url: Annotated[str | None, typer.Option(help="The door; that of [server], if not named.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Send a signed event to one's own door, and show its answer; exit code 1 when it was not taken."""
    from tracker.providers import build_providers  # noqa: PLC0415  (takes half a second)

    settings = open_settings(config)
    name = chosen_provider(settings, provider)
    adapter = build_providers(settings).get(name)
    if adapter is None:
        raise settings.fault(f"providers.{name}.kind", "sends no webhooks: it is asked")
    said = SampleWebhook(event or "", post, status, platform or [], error, message, retryable, scheduled_at, at)
    if (file is None) is (event is None):
        raise typer.BadParameter("give either a file or --event", param_hint="FILE")
    if platform and adapter.words.targets.form != "list":
        raise typer.BadParameter(f"{name} does not tell of targets in a list: send a FILE", param_hint="--platform")
    body = _read(file) if file else body_of(adapter.words, said, now())
    headers = _signed(settings, name, adapter, body, delivery or f"cli-{uuid4()}")
    answer = asyncio.run(_post(url or _door(settings, name), _end(adapter), headers, body))
    said_back = _json(answer.body)
    if json:
        show_json({"status": answer.status, "answer": said_back, "delivery": headers.get(adapter.delivery_header)})
    else:
        say(f"{answer.status} {answer.body.decode('utf-8', 'replace')}")
    if answer.status != HTTPStatus.OK or (isinstance(said_back, dict) and "quarantined" in said_back):
        raise typer.Exit(FOUND_PROBLEMS)


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Misconfigured(f"cannot be read: {error.strerror}", file=str(file)) from error


def _signed(settings: Settings, name: str, adapter: Adapter, body: bytes, delivery: str) -> dict[str, str]:
    from tracker.providers.signing import sign  # noqa: PLC0415  (takes half a second)

    verifier = adapter.verifier
    if not verifier.secrets:
        raise settings.fault(f"providers.{name}.webhook_secrets", "there is no secret to sign with")
    try:
        signature = sign(verifier.scheme, verifier.secrets, body, now(), delivery, f"/webhooks/{name}")
    except ValueError as error:
        raise settings.fault(f"providers.{name}.webhook", str(error)) from error
    named = {adapter.delivery_header: delivery} if adapter.delivery_header else {}
    return {"content-type": "application/json"} | named | signature


def _end(adapter: Adapter) -> str:
    """What follows the provider's name: the secret, where nothing is signed."""
    verifier = adapter.verifier
    return f"/{verifier.secrets[0].decode()}" if verifier.scheme.form == "path" else ""


def _door(settings: Settings, provider: str) -> str:
    server = settings.server
    if not server.port:
        raise typer.BadParameter("[server] port is 0, so the door must be named", param_hint="--url")
    host = EVERYWHERE.get(server.host, server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{server.port}/webhooks/{provider}"


async def _post(url: str, end: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send it, through the one client and to the one host: whoever runs the command has named it."""
    from tracker.outbound.addresses import Allowed, OutboundError  # noqa: PLC0415  (takes a while)
    from tracker.outbound.client import Outbound  # noqa: PLC0415  (takes a while)

    try:
        async with Outbound(Allowed.parse([urlsplit(url).hostname or ""])) as outbound:
            return await outbound.request("POST", url + end, headers=headers, body=body)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--url") from error
    except OutboundError as error:
        raise Unavailable(f"{url}: {error}: does `tracker serve` run there?") from error


def _json(answer: bytes) -> Any:
    """What the answer holds; its text where that is no JSON."""
    try:
        return plain_json.loads(answer)
    except ValueError:
        return answer.decode("utf-8", "replace")
