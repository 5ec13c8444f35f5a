"""What an alert says: one title, and a body with the alerts that travel along, cut to what a message holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tracker.domain.payloads import AlertPayload
from tracker.errors import cut, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracker.domain.actions import Claimed
    from tracker.domain.payloads import Companion, SendPayload

LONGEST_TITLE = 200
LONGEST_BODY = 3000
OTHERS_SHOWN = 20
GAP = "\N{ZERO WIDTH SPACE}"
_LIVE = re.compile(r"(@(?=\S)|<(?=\S)|\](?=\s*[(\[:])|!(?=\[)|&(?=#|[A-Za-z]+;))")
"""Where something begins that is more than text: @everyone, <@1>, <b>, [a](b), [a]: b, ![a](b), &lt;."""
FACTS = ("severity", "rule", "provider", "post", "target")


def title_of(said: AlertPayload | Companion) -> str:
    """The title on one line, without a letter that cannot be shown."""
    text = printable(said.title or "", " ")
    return cut(" ".join(text.split()), LONGEST_TITLE) or "alert"


def body_of(said: AlertPayload) -> str:
    """The body, a line for each of the first alerts that travel along, whom and what to turn to, and the link."""
    body = printable(said.body, "", "\n\t")
    about = " · ".join(f"{name}: {text}" for name, text in (("owner", said.owner), ("runbook", said.runbook)) if text)
    link = f"acknowledge: {said.acknowledge}" if said.acknowledge else ""
    return "\n".join(line for line in (cut(body, LONGEST_BODY), *_company(said), about, link) if line)


def message_of(claimed: Claimed, sent: SendPayload) -> AlertPayload:
    """What a `send` says to the people on a channel: its text, headed by the first line, or else what it tells.

    A system that takes it as data gets the event's name and its data besides.
    """
    text = (sent.text or "").strip()
    title, _, body = text.partition("\n") if text else (sent.event, "", "\n".join(_lines(sent.data)))
    whole = body if len(title) <= LONGEST_TITLE else text
    return AlertPayload(
        title=title.lstrip("# "), body=whole.strip(), event=sent.event, data=sent.data, rule=claimed.rule or "",
        provider=claimed.provider, post=claimed.post,
    )  # fmt: skip


def _lines(data: object, above: str = "") -> Iterator[str]:
    """A line for each value; lists of whole things are for systems."""
    for name, value in data.items() if isinstance(data, Mapping) else ():
        if isinstance(value, Mapping):
            yield from _lines(value, f"{above}{name}.")
        elif isinstance(value, list):
            if value and all(isinstance(one, str) for one in value):
                yield f"{above}{name}: {', '.join(value)}"
        elif value not in (None, ""):
            yield f"{above}{name}: {value}"


def facts_of(said: AlertPayload) -> str:
    """A line for each thing that is known beside the text."""
    return "\n".join(f"{name}: {value}" for name in FACTS if (value := getattr(said, name)))


def inert(text: str) -> str:
    """The text with nothing in it that a service could take for a mention, a tag, or a link with words of its own.

    Where one would begin stands a space of no width, which nobody sees: for services whose marks we cannot know.
    """
    return _LIVE.sub(f"\\1{GAP}", text)


def follows(claimed: Claimed) -> bool:
    """Whether this follows an alert whose message is known: its end, a correction or a repetition."""
    return claimed.reference is not None and (ends(claimed.alert) or bool(claimed.alert.again))


def ends(said: AlertPayload) -> bool:
    """Whether what an earlier message told is over, or never was so."""
    return bool(said.resolved or said.correction)


def _company(said: AlertPayload) -> list[str]:
    if not (others := said.others):
        return []
    shown = [f"- {title_of(other)}{_which(other)}" for other in others[:OTHERS_SHOWN]]
    more = [f"- and {len(others) - OTHERS_SHOWN} more"] if len(others) > OTHERS_SHOWN else []
    return [f"Together with {len(others)} {'other' if len(others) == 1 else 'others'}:", *shown, *more]


def _which(other: Companion) -> str:
    return f" ({other.post})" if other.post and other.post not in title_of(other) else ""
