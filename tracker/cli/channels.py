"""`tracker channels`: the channels that alerts go to, tried out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from tracker.cli import FOUND_PROBLEMS, noun
from tracker.cli.context import Config, Json, known_words, now, open_settings
from tracker.cli.output import in_words, say, show_json, show_pairs

if TYPE_CHECKING:
    from tracker.domain.actions import Claimed, Outcome
    from tracker.settings import Settings

channels = noun("channels", "The channels that alerts go to.")


@channels.command("test")
def send_test(
    name: Annotated[str, typer.Argument(help="The channel, as [channels.<name>] calls it.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """Send a test alert by a channel, now, and show what came back; exit code 1 when it was not taken."""
    settings = open_settings(config)
    for fault in settings.left_out.get(f"channels.{name}", ()):
        raise fault
    known_words("NAME", [name], sorted(settings.channels))
    outcome = asyncio.run(_tell(settings, name))
    told = type(outcome).__name__ == "Done"
    if json:
        show_json({"channel": name, "kind": settings.channels[name].kind, "told": told, **_result(outcome)})
    else:
        say(f"{name} ({settings.channels[name].kind}): {'told' if told else 'not told'}")
        show_pairs(pair for name, value in _result(outcome).items() for pair in in_words(name, value))
    if not told:
        raise typer.Exit(FOUND_PROBLEMS)


async def _tell(settings: Settings, name: str) -> Outcome:
    from tracker.act.performers.channels import build_alert  # noqa: PLC0415  (takes half a second)
    from tracker.outbound.configured import build_outbound  # noqa: PLC0415  (as above)

    async with build_outbound(settings) as outbound:
        return await build_alert(settings, outbound).perform(_alert(name), now())


def _alert(channel: str) -> Claimed:
    from tracker.domain.actions import Claimed  # noqa: PLC0415  (only where it is needed)
    from tracker.domain.payloads import AlertPayload  # noqa: PLC0415  (only where it is needed)

    body = f'This is what alerts on the channel "{channel}" look like. Nothing is wrong.'
    said = AlertPayload(title="Test alert", body=body, rule="test")
    action = uuid4()
    return Claimed(
        id=action, verb="alert", target=channel, payload=said, idempotency_key=f"test:{action}", attempt=1, lease=1,
        previous=None, provider="", post=None, rule=None, run=None, created_at=now(),
    )  # fmt: skip


def _result(outcome: Outcome) -> dict[str, object]:
    return {
        "reason": str(outcome.reason),
        "detail": outcome.detail or None,
        "request": outcome.exchange.request,
        "response": outcome.exchange.response,
    }
