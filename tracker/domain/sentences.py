"""What engine, explanations and refusals say: a code and values, written in English, and read back as code and values.

What is written is stored, and goes to programs as it is; a page in another language reads it, and words the code.
"""

from __future__ import annotations

import re

SENTENCES = {
    "paused": "paused by {by} until {until}",
    "share": "{count} of {whole}, and it wants {wanted}",
    "in_a_row": "{count} of {least} in a row",
    "count": "{count} of {least} within {span}",
    "once": "once in {span}, and it fired at {fired_at}",
    "clock_ahead": "a firing of {fired_at} counts as none: the clock was ahead",
    "budget": "its budget of {budget} is used up",
    "superseded": "superseded",
    "nothing_happened": "nothing has happened since the last time",
    "nothing_stands": "nothing stands so",
    "not_enough": "its condition does not hold: run.count is {count}",
    "part": "it is one of those of which what is counted is a share",
    "row_ended": "a post was published, so the row begins anew",
    "tries_used": "all {tries} tries are used up",
    "not_made": "try {tries} could not be made: {reason}",
    "not_eligible": "the condition no longer allows another try",
    "in_vain": "waited in vain for {words}",
    "send_failed": "the send came to nothing: {reason}",
    "rule_gone": "the rule was removed or switched off",
    "edited": "the rule was edited",
    "anew": "it began anew",
    "by_hand": "by hand",
    "too_short": "it had not lasted so long",
    "joins": 'joins the retry that "{rule}" asked for',
    "acknowledged": "acknowledged",
    "step": "step {path}, {phase}",
    "left_out": "at step {path}: {why}",
    "follows": "{why}, so {branch} follows",
    "false_with": '"{condition}" is false, with {values}',
    "false": '"{condition}" is false',
    "no_value": '"{condition}" cannot be evaluated: {error}',
    "canary": "canary",
    "muted": "muted by {rule}",
    "silence": "silence {silence}",
    "it_is_false": "it is false",
    "it_is_now": "it is {state} now",
    "due_at": "it is {state}, due at {at}",
    "since": "it is {state}, since {at}",
    "it_is": "it is {value}",
    "it_has_no_value": "it cannot be evaluated: {error}",
    "no_such_time": "no such time is known",
    "left_for": "{state} was left for {after} after {span}",
    "nothing_to_expect": "the post was {state}, and nothing is left to expect",
    "came_after": "it came {span} after: the state is {state}",
    "came": "it came: the state is {state}",
    "happened": "what happened is {words}",
    "came_elsewhere": "another of the same {per} came in time, or nobody has decided on it yet",
    "absent": "no {words} within {span}",
    "fires_if_still": "{rule} fires if it is still {words}",
    "fires_if_absent": "{rule} fires if {words} has not happened",
    "cannot_judge": "{rule} cannot judge its condition: {error}",
    "goes_on_waiting": "{rule} goes on waiting until {until}",
    "does_nothing": "{rule} does nothing, as it stands: {key} wants {wanted}, but {why}",
    "looks_again": "{rule} looks again",
    "ends": "{rule} ends: {why}",
    "begins_unless": "{rule} begins unless more comes ({count} so far)",
    "begins": "{rule} begins in its turn",
    "retries": "{rule} retries: try {count} of {most}",
    "goes_on": "{rule} goes on",
    "unanswered": "{rule} stops waiting for the answer of {endpoint}, and goes on",
    "unanswered_turns": "{rule} stops waiting for the answer of {endpoint}, and goes to {branch}",
    "stops_waiting": "{rule} stops waiting for {words}, and goes on",
    "turns": "{rule} stops waiting for {words}, and goes to {branch}",
    "says_again": "{rule} says again that it is not over",
    "near_one": '"{text}" is not known (did you mean "{near}"?); known: {known}',
    "not_known": '"{text}" is not known; known: {known}',
    "no_match": "is empty: say which alerts; {example} is all of them",
    "no_reason": "is empty: say why, for those who wonder",
    "word_length": "must be a text of 1 to {most} characters",
    "no_end": "give its end: either {one} (a time) or {other} (as in {example})",
    "over": "is over already",
    "too_far": "is more than 30 days ahead: a silence that long hides what nobody remembers",
    "no_span": '"{text}" is not a duration: write {forms}',
    "no_time": '"{text}" is not a time with a zone {forms}',
    "no_zone": '"{text}" is no time zone{forms}',
    "zero_byte": "contains a zero byte",
    "last_year": "must be a time of the last 365 days",
    "not_open": "run {run} is {state}: only active and queued ones are cancelled",
}  # fmt: skip
"""By code. Where two fit the same text, the one that stands first is read."""


def sentence(code: str, **values: object) -> str:
    """The sentence of that code."""
    return SENTENCES[code].format(**values)


def read_sentence(text: str) -> tuple[str, dict[str, str]] | None:
    """The code and the values of what was written; None: it is none of these."""
    for code, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(text):
            return code, match.groupdict()
    return None


MOMENTS = frozenset({"until", "fired_at", "at"})
_SHAPES = dict.fromkeys(MOMENTS, r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
_SHAPES |= dict.fromkeys(("count", "whole", "least", "tries", "most"), r"\d+")
_SHAPES |= dict.fromkeys(("state", "after", "phase", "silence"), r"[\w-]+") | dict.fromkeys(
    ("path", "rule"), r"[\w.-]+"
)
"""What a value looks like, by its name; any other is a text."""


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(
        re.sub(r"\\\{(\w+)\\\}", lambda hole: f"(?P<{hole[1]}>{_SHAPES.get(hole[1], '.+?')})", re.escape(template)),
        re.DOTALL,
    )


_PATTERNS = {code: _pattern(template) for code, template in SENTENCES.items()}
