"""Which values a rule knows: its trigger and `per` decide it, and what it reads beyond them would always be empty."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Protocol

from msgspec import Struct, field

from tracker.domain.rules.event_pattern import EventName, EventPattern
from tracker.domain.rules.grouping import DEFAULTS, Per, is_of_whole_posts
from tracker.domain.rules.rule import Every, Expect, On, Trigger
from tracker.toml.positions import BadText, together

_SEVERAL = 'a post has several targets, and the rule counts the post as one: write per = "target"'
_INSTEAD = {
    "platform": "post.platforms", "state": "post.state", "attempt": "post.attempt", "url": "post.urls",
    "account": "post.targets",
}  # fmt: skip
_NO_POST = "what sets this rule going is about an account, and no post: read account.id, post.provider or event.name"
_NO_ACCOUNT = 'the rule counts the post as one, which has several accounts: write per = "account" or per = "target"'
_BY_THE_CLOCK = "a time of the clock is about no post: what was gathered is in run.items, as in {}"
_ITEMS = "run.items.map(i, i.{})"
NO_ADDRESS = (
    'nobody knows under which address people reach this installation: write public_url = "https://tracker.example.org"'
    " under [server] in the configuration"
)
_LIKE = {
    "post.id": "post_id", "post.provider": "post_provider", "error.code": "error_code",
    "error.message": "error_message",
    "post.urls": "url",
    "target.url": "url", "post.platforms": "platforms", "target.platform": "platforms", "target.account": "accounts",
    "account.id": "accounts", "event.name": "event", "event.occurred_at": "at",
}  # fmt: skip
"""What an item is asked for, in place of a noun that the clock does not know."""

_NO_EVENT = "no event but the clock sets this rule going; its name is run.rule"
_NO_ACTION = 'only a rule with on = "action.dead" hears of an action that came to nothing'
_NOT_LONG = "only a rule with while or expect waits, and knows how long"
_NO_TRIES = 'the rule retries nothing: run.tries goes with a step such as { retry = "publish" }'
_GATHERS = 'nothing is gathered: write every = "…" and over = { events = ["post.failed"], since = "last-run" }'
_NO_SINCE = "only a rule with every or debounce gathers since a moment"


class Reader(Protocol):
    """A condition, or a text with holes."""

    @property
    def reads(self) -> frozenset[str]:
        """The values on which it rests."""

    def misread(self) -> Iterator[BadText]:
        """What it reads in vain, whatever the rule."""


class Nouns(Struct, frozen=True):
    """Why each value is missing that a rule does not know; `lacking` are those that its workflows read all the same."""

    missing: Mapping[str, str] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)

    def missed(self, reads: Iterable[str]) -> dict[str, str]:
        """Which of the values are missing, each with the reason."""
        return {name: f"{name} is always empty here: {self.missing[name]}" for name in reads if name in self.missing}

    def check(self, text: str, reader: Reader, *, elsewhere: bool = False) -> None:
        """Raises BadText for what a text reads in vain; what only the rule lacks is noted where it stands elsewhere."""
        wrong, missed = list(reader.misread()), self.missed(reader.reads)
        if elsewhere:
            self.lacking.update(missed)
        else:
            wrong += [BadText(why, _place_of(name, text)) for name, why in missed.items()]
        if wrong:
            raise together(wrong)


def _place_of(name: str, text: str) -> int:
    """Where in the text the value is named, or 0."""
    found = re.search(r"\b" + r"\s*\.\s*".join(map(re.escape, name.split("."))) + r"\b", text)
    return found.start() if found else 0


def nouns_of(trigger: Trigger | None, per: Per, *, retries: bool, linked: bool = True, gathers: bool = False) -> Nouns:
    """What the steps of a rule know; not `linked`: nobody has said where people reach this installation.

    `gathers`: it takes as one what comes one after another.
    """
    if trigger is None:
        return Nouns()
    gathers = gathers or (isinstance(trigger, Every) and trigger.gathers)
    missing = _missing(_shape(trigger), per, gathers, linked)
    return Nouns(missing if retries else {**missing, "run.tries": _NO_TRIES})


def nouns_in_condition(trigger: Trigger | None, per: Per, *, linked: bool = True) -> Nouns:
    """What its `when` knows, which in a rule of the clock is judged of each thing that is gathered."""
    if trigger is None:
        return Nouns()
    gathers = isinstance(trigger, Every) and not trigger.standing
    shape = _about(trigger.over) if isinstance(trigger, Every) and gathers else _shape(trigger, of_each=True)
    return Nouns(_missing(shape, per, False, linked))


def _shape(trigger: Trigger, *, of_each: bool = False) -> str:
    """What sets the rule going; `of_each` of what it lists is asked as of what a timer is about."""
    if isinstance(trigger, Every) and not of_each:
        return "clock"
    if isinstance(trigger, On):
        return _about(trigger.words)
    if isinstance(trigger, Expect) and not trigger.of:
        return "waited"
    if getattr(trigger, "accounts", ()):
        return "account timer"
    return "ahead" if isinstance(trigger, Expect) and trigger.states else "timer"


def _about(words: Iterable[EventPattern]) -> str:
    """Whether one word is of an action, or all are of posts, or all of accounts; of other events nobody knows."""
    nouns = {word.pattern.partition(".")[0] if isinstance(word, EventName) else "post" for word in words}
    if "action" in nouns:
        return "action"
    return nouns.pop() if nouns in ({"post"}, {"account"}) else "any"


@cache
def _missing(shape: str, per: Per, gathers: bool, linked: bool) -> Mapping[str, str]:
    missing = {} if linked else {"post.link": NO_ADDRESS}
    for name in DEFAULTS:
        why = _of_run(name, shape, gathers) if name.startswith("run.") else _of_what_happens(name, shape, per)
        if why:
            missing[name] = why
    return missing


def _of_run(name: str, shape: str, gathers: bool) -> str:
    if name == "run.items" or (name == "run.count" and shape == "clock"):
        return "" if gathers else _GATHERS
    if name == "run.since":
        return "" if shape == "clock" or gathers else _NO_SINCE
    return _NOT_LONG if name == "run.held" and "timer" not in shape and shape != "waited" else ""


def _of_what_happens(name: str, shape: str, per: Per) -> str:
    noun, _, field_ = name.partition(".")
    if noun == "action":
        return "" if shape == "action" else _NO_ACTION
    if shape == "clock":
        if name in ("event.source", "event.occurred_at"):
            return ""
        like = _LIKE.get(name)
        return _BY_THE_CLOCK.format(_ITEMS.format(like or "post_id"))
    if name in ("event.name", "event.data") or noun == "change":
        if "timer" in shape or shape == "ahead":
            return _NO_EVENT
        return _NO_POST if shape == "account" and noun == "change" else ""
    if shape in ("account", "account timer") and (
        noun in ("target", "error") or (noun == "post" and field_ != "provider")
    ):
        return _NO_POST
    if is_of_whole_posts(per) and noun == "target":
        instead = _INSTEAD.get(field_)
        return f"{_SEVERAL}, or read {instead}" if instead else _SEVERAL
    if is_of_whole_posts(per) and noun == "account" and shape in ("post", "timer", "waited", "ahead"):
        return _NO_ACCOUNT
    return ""
