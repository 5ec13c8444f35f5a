"""The rule language as one table: every key, what may stand under it, and a sentence for people.

The reading, the JSON Schema for editors and the tests of the documentation all go by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Literal

from msgspec import Struct, field

from tracker.domain.accounts import AccountState
from tracker.domain.posts.event import State
from tracker.domain.rules.event_pattern import state_patterns
from tracker.domain.rules.grouping import GroupBy
from tracker.domain.rules.rule import Mode

PLATFORMS = (
    "bluesky", "discord", "dribbble", "facebook", "google_business", "instagram", "kick", "linkedin", "mastodon",
    "medium", "pinterest", "reddit", "slack", "snapchat", "substack", "telegram", "threads", "tiktok", "tumblr",
    "twitch", "twitter", "vimeo", "vk", "whatsapp", "wordpress", "x", "youtube",
)  # fmt: skip
_NEARLY = 0.75


def meant_platform(word: str) -> str | None:
    """The platform that an unknown word nearly is."""
    if word in PLATFORMS:
        return None
    if word.lower() in PLATFORMS:
        return word.lower()
    return next(iter(get_close_matches(word.lower(), PLATFORMS, 1, _NEARLY)), None)


Form = Literal[
    "text", "words", "words or span", "flag", "number", "span", "flag or span", "choice", "table", "tables", "named",
    "steps", "free", "value", "values",
]  # fmt: skip
"""`words` are one text or a list, `named` are tables by free names, `free` are texts by free names; a `value` is a
text, a number or a flag, and `values` are some by free names."""


class Key(Struct, frozen=True):
    """What may stand under a key. `offers` are words that editors suggest, `among` the only ones that there are.

    `of` says of what it is a name (channels, addressees, providers, attributes, rules); `strict` that no other is one.
    """

    says: str
    form: Form = "text"
    among: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    least: int = 0
    most: int = 0
    needed: bool = False
    of: str = ""
    strict: bool = False
    keys: Mapping[str, Key] = field(default_factory=dict)


SEVERITIES = ("info", "warning", "critical")
TIMES = {f"post.{name}": name for name in ("scheduled_at", "published_at", "failed_at")}
RETRIED, ASKED, SINCE, EMPTY = ("publish",), ("post",), ("last-run",), ("skip", "send")
WAITED_SINCE = ("entered",)
MOST_STEPS, MOST_TRIES = 20, 20

BROKEN = (AccountState.EXPIRED.value, AccountState.DISCONNECTED.value)
"""The states of an account in which nothing can be published on it."""

_WORDS = tuple(state_patterns())
_STATES = tuple(state.value for state in State)
_WHEN = "A condition in CEL, judged when the rule would fire; with `over` of each thing, or of run.count of them all."

MATCH: Mapping[str, Key] = {
    "platform": Key("Platforms or globs, one of which the post or target is on.", "words", offers=PLATFORMS),
    "account": Key("Accounts or globs, one of which the post or target belongs to.", "words"),
    "provider": Key("Providers, as they are called in the configuration, or globs.", "words", of="providers"),
    "state": Key("States or globs, in one of which the post or target is.", "words", offers=_STATES),
    "attributes.*": Key("Values or globs, one of which the attribute of that name has.", "words"),
}
"""A name that ends in `*` stands for every name that begins so."""
WATCHED: Mapping[str, Key] = {
    "state": Key("The state of the post or target, or several, that must have held.", "words", among=_STATES),
    "account": Key('The state of the account, with per = "account".', "words", among=BROKEN),
}
GATHERED: Mapping[str, Key] = {
    "events": Key("What is gathered: events, transitions or globs.", "words", offers=_WORDS),
    "since": Key("From when on.", "choice", among=SINCE),
    "state": Key("Posts are listed that are in one of these states when the time comes.", "words", among=_STATES),
    "older": Key("Of these only those that have been in that state for so long.", "span"),
    "due": Key("Posts are listed that are to go out within so long, and have not begun to.", "span"),
}
OVER_GOES_WITH = {"since": "events", "older": "state"}

RULE: Mapping[str, Key] = {
    "on": Key("Something that happens: an event, a transition, a glob, or a list of them.", "words", offers=_WORDS),
    "while": Key("A state of a post, or of an account, that holds too long.", "table", keys=WATCHED),
    "for": Key("How long the state must have held.", "span"),
    "since": Key("Count also how long it held before the rule was there.", "choice", WAITED_SINCE),
    "expect": Key("What should happen, and is reported when it does not.", "words", offers=_WORDS),
    "within": Key("How long what is expected may take.", "span"),
    "of": Key("The time of the post from which the wait counts; `on` counts from an event.", "choice", tuple(TIMES)),
    "before": Key("So long before the time `of` the post, it may not stand in the state of `while` any more.", "span"),
    "every": Key(
        "A time of the clock: an interval; days of the week or month, a time and a zone; or a cron line and a zone.",
        offers=("weekdays 09:00 Europe/Istanbul", "1st 09:00 UTC", "last day 09:00 UTC", "first monday 09:00 UTC"),
    ),
    "over": Key("What has happened since the last time, or what stands so now, as run.items.", "table", keys=GATHERED),
    "empty": Key("What to do where nothing was gathered.", "choice", EMPTY),
    "match": Key("What the post or target must be. Looked up by index, before any condition.", "table", keys=MATCH),
    "when": Key(_WHEN),
    "per": Key(
        "What the rule counts as one: post, target, account, platform, provider, or attributes.<name>.",
        offers=(*GroupBy, "attributes.campaign"),
    ),
    "count": Key(
        'How often it must have happened: "> 5 in 10m", "3 in a row", "> 20% of post.publishing in 1h, at least 20".'
    ),
    "once": Key("After it has fired, it does not fire again so long for the same thing.", "span"),
    "cancel_on": Key("What ends its runs.", "words", offers=_WORDS),
    "mode": Key("What a firing does while a run for the same thing is under way.", "choice", tuple(Mode)),
    "do": Key("The steps, one after another.", "steps", needed=True),
    "branch": Key("Steps by name, for the `else` of a step.", "named"),
    "exhausted": Key("The steps when a retry is given up.", "steps"),
    "resolved": Key("The steps when what the rule is about is over.", "steps"),
    "with": Key("Tables to look up, each by account, platform, provider or attributes.<name>.", "free"),
    "quiet": Key(
        "Hours, with a zone, in which alerts are held that are not critical.",
        "words",
        offers=("22:00-08:00 Europe/Istanbul", "weekends 00:00-24:00 UTC"),
    ),
    "mutes": Key(
        "Rules whose alerts are hidden while a run of this one is under way for the same thing.", "words", of="rules"
    ),
    "canary": Key("So long after an edit it is only recorded what the rule would have done.", "span"),
    "budget": Key('How often it may fire before it is held as a whole, as in "50 per hour".'),
    "throttle": Key('How many of its runs begin in a span; the others wait their turn, as in "20 per 1m".'),
    "debounce": Key('Wait until no more has come for so long, and take it all as one, as in "10m max 1h".'),
    "severity": Key("The severity of its alerts that name none.", "choice", SEVERITIES),
    "enabled": Key("Whether it is in force.", "flag"),
    "description": Key("What it is for, shown wherever the rule is."),
    "owner": Key("Whose it is, shown with it and below its alerts."),
    "runbook": Key("Where people read what to do, shown with it and below its alerts."),
}
DEFAULTS: Mapping[str, Key] = {
    name: RULE[name]
    for name in (
        "match", "per", "once", "mode", "quiet", "canary", "budget", "severity", "with", "enabled", "owner", "runbook",
    )
}  # fmt: skip
"""What the rules of a file can have from its [defaults]."""

NEVER_BY_THE_CLOCK = ("once",)
ABOUT_WHAT_IS_GATHERED = ("match", "per")
TRIGGERS: Mapping[str, tuple[str, ...]] = {
    "before": ("before", "of", "while"),
    "while": ("while", "for"),
    "expect": ("expect", "within"),
    "every": ("every",),
    "on": ("on",),
}
"""The shapes of a trigger, and the keys that each needs."""

GOES_WITH = {"for": "while", "since": "while", "within": "expect", "over": "every", "empty": "over", "debounce": "on"}
"""Keys that mean nothing without another; "of" goes with "expect" or "before"."""

_BODY = {
    "body": Key("The text below, with {{ CEL }} holes."),
    "template": Key("A Jinja file under templates/, in place of `body`.", offers=("digest.md.j2",)),
}
_WHETHER = Key("A condition in CEL, judged when the step's turn comes: where it is false, the step is left out.")
_ELSE = Key("The branch to take where `when` is false.")
_VERBS: Mapping[str, Mapping[str, Key]] = {
    "alert": {
        "alert": Key("Tell people: the name of a channel, or several.", "words", of="channels", strict=True),
        "title": Key("One line, with {{ CEL }} holes.", needed=True),
        **_BODY,
        "severity": Key("How grave it is.", "choice", SEVERITIES),
        "resolves": Key("Tell the same people when it is over.", "flag"),
        "group": Key("Wait so long (true: 1m) for others like it, and go out as one.", "flag or span"),
        "repeat": Key("Say it again each time that this has passed and it is not over.", offers=("4h max 3",)),
        "ack": Key("Wait so long for somebody to acknowledge it, by the link in its messages or by hand.", "span"),
        "else": Key("The branch to take where nobody has acknowledged it in time, or `when` is false."),
    },
    "send": {
        "send": Key("Tell another system: the name of an endpoint or a channel.", of="addressees", strict=True),
        "event": Key("The name under which it hears of it."),
        "data": Key("What it is told, name by name, in place of how the post stands.", "free"),
        **_BODY,
        "as": Key("Wait for its answer, a JSON object, which the steps below read as <this>.answer.<name>."),
        "at_most": Key("Wait so long for it to be told.", "span"),
        "else": Key("The branch to take where it was told in vain, or not in time, or `when` is false."),
    },
    "retry": {
        "retry": Key("Have the provider try again.", "choice", RETRIED),
        "tries": Key("At most so often.", "number", least=1, most=MOST_TRIES),
        "backoff": Key("The pauses before each try.", offers=("1m x2 max 30m jitter 20%",)),
    },
    "wait": {
        "wait": Key(
            "Go on when one of these has happened since the run began, or after a span.", "words or span", offers=_WORDS
        ),
        "at_most": Key("Go on without it after so long.", "span"),
        "else": Key("The branch to take where it did not come in time, or `when` is false."),
    },
    "reconcile": {"reconcile": Key("Ask the provider how the post stands, and wait for the answer.", "choice", ASKED)},
    "cancel": {"cancel": Key("Have the provider take the post off before it is published.", "choice", ASKED)},
    "reschedule": {
        "reschedule": Key("Have the provider publish it so much later than its time, or earlier.", offers=("+30m",))
    },
    "delete": {"delete": Key("Have the provider delete the post, published or not.", "choice", ASKED)},
    "create": {
        "create": Key("Have the provider create another post from this one.", "choice", ASKED),
        "platforms": Key("Where the other one goes.", "words", offers=PLATFORMS, needed=True),
        "accounts": Key("By which accounts, as the provider calls them.", "words"),
        "text": Key("Its text, with {{ CEL }} holes; without it, what the post says and shows."),
    },
    "pause": {
        "pause": Key("Hold another rule, for what this one is about.", of="rules"),
        "for": Key("How long.", "span", needed=True),
    },
    "resume": {"resume": Key("End the pauses of another rule, for what this one is about.", of="rules")},
    "set": {"set": Key("Put labels on the post; an empty text takes one away.", "free")},
    "run": {
        "run": Key("Do the steps of a [workflow] of that name here."),
        "with": Key("Arguments, which its texts and channels read as with.<name>.", "free"),
    },
}
STEPS: Mapping[str, Mapping[str, Key]] = {
    verb: {**keys, "when": _WHETHER, "else": keys.get("else", _ELSE)} for verb, keys in _VERBS.items()
}
PERFORMED = tuple(verb for verb in STEPS if verb not in ("wait", "run"))
"""The verbs that a test can demand."""

WORKFLOW: Mapping[str, Key] = {
    "do": Key("The steps, one after another.", "steps", needed=True),
    "branch": Key("Steps by name, for the `else` of a step.", "named"),
}
GIVEN: Mapping[str, Key] = {
    name: Key(
        "A value that each fact has unless its line says otherwise.", "value",
        of="providers" if name == "provider" else "",
    )
    for name in (
        "provider", "post", "platform", "account", "account.name", "account.state", "attempt", "url", "text",
        "scheduled_at", "error.code", "error.message", "error.retryable",
    )
} | {
    "labels": Key("Labels that each post has when it is first heard of.", "values"),
    "attributes": Key("Attributes that each post has when it is first heard of.", "values", of="attributes"),
}  # fmt: skip
TEST: Mapping[str, Key] = {
    "rule": Key("The rule that is tested.", of="rules"),
    "rules": Key('Rules that are played together; "*" for all that are in force.', "words", offers=("*",), of="rules"),
    "name": Key("What the test shows, as a sentence."),
    "starts": Key("When the timeline begins: a day, a time and a zone.", offers=("2026-01-05 09:00 UTC",)),
    "given": Key("What each fact of the timeline has unless its line says otherwise.", "table", keys=GIVEN),
    "timeline": Key("Line by line: a time, then > happens, < must happen, ! must not, then what.", needed=True),
}
FILE: Mapping[str, Key] = {
    "rule": Key("Rules by their ids.", "named"),
    "workflow": Key("Sequences of steps that rules run by name.", "named"),
    "table": Key("Tables that rules look things up in: by a glob, what each row holds.", "named"),
    "defaults": Key("What the rules of this file have where they say nothing themselves.", "table", keys=DEFAULTS),
    "test": Key("Timelines that rules must pass.", "tables"),
}
