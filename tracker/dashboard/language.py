"""Every word that the dashboard says, in each language, and which language a visitor gets."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from tracker.dashboard.query import rule_address
from tracker.domain.duration import format_duration
from tracker.domain.runs.engine_state import OWN_BUDGET
from tracker.domain.runs.run import Phase, RunState
from tracker.domain.sentences import MOMENTS, read_sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracker.queries.checks import Check

LANGUAGES = {"en": "English", "tr": "Türkçe"}
FIRST = "en"

_SEPARATORS = {"en": ",", "tr": "."}
_POINTS = {"en": ".", "tr": ","}
_UNITS = (("unit.day", 86400), ("unit.hour", 3600), ("unit.minute", 60), ("unit.second", 1))


class Texts:
    """The texts of one language, by dotted name."""

    def __init__(self, code: str, texts: Mapping[str, str]) -> None:
        self.code, self.texts = code, texts

    def __call__(self, name: str, /, **values: object) -> Markup:
        """The text, escaped, with the values in its holes; markup among the values stays markup."""
        return escape(self.texts[name]).format(**values)

    def of(self, group: str, word: str) -> str:
        """What a word of ours is called, or the word itself where it is new to the dashboard."""
        return self.texts.get(f"{group}.{word}", word)

    def sentence(self, text: str) -> Markup:
        """What engine, explanations and refusals say, in this language; what is none of it stays as it is."""
        if read := read_sentence(text):
            code, values = read
            return self(f"sentence.{code}", **{name: self._value(name, value) for name, value in values.items()})
        head, colon, rest = text.partition(": ")
        if colon and (head in _STATES or read_sentence(head)):
            return Markup(" · ").join([self.sentence(head), *map(self.sentence, rest.split("; "))])
        if text in _STATES:
            return escape(self.of("run", text))
        head, semicolon, rest = text.partition("; ")
        if semicolon and read_sentence(head):
            return Markup(" · ").join([self.sentence(head), self.sentence(rest)])
        return _bdi(text)

    def check(self, check: Check) -> Markup:
        """What a check says."""
        return self(check.word, **{name: self._shown(value) for name, value in check.values.items()})

    def _shown(self, value: object) -> object:
        match value:
            case int():
                return self.number(value)
            case timedelta():
                return format_duration(timedelta(seconds=round(value.total_seconds())))
            case datetime():
                return _time(value)
        return _bdi(str(value))

    def holder(self, by: str) -> Markup:
        """What has paused a rule: another rule, or its own budget."""
        return escape(self.texts["sentence.own_budget"]) if by == OWN_BUDGET else self._value("rule", by)

    def _value(self, name: str, value: str) -> Markup:
        """A value of a sentence, by its name."""
        if name in MOMENTS:
            at = datetime.strptime(value, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
            return _time(at)
        if value.isdigit():
            return escape(value)
        if name == "rule":
            return Markup('<a class="rule-id" href="{}">{}</a>').format(rule_address(value), _bdi(value))
        if name == "by":
            return self.holder(value)
        if name == "silence":
            link = Markup('<a href="/silences#of-{}">{}</a>')
            return link.format(value, self.texts["sentence.one_silence"])
        if name in _GROUPS:
            return escape(self.of(_GROUPS[name], value))
        if name in ("why", "wanted"):
            return self.sentence(value)
        return _bdi(value)

    def number(self, number: int) -> str:
        """A whole number with this language's mark between thousands, as in 1,234 or 1.234."""
        return f"{number:,}".replace(",", _SEPARATORS[self.code])

    def decimal(self, number: float) -> str:
        """A number with one digit behind the point, unless that is a zero, as in 4.2 or 4,2."""
        return f"{number:.1f}".removesuffix(".0").replace(".", _POINTS[self.code])

    def percent(self, number: float) -> str:
        """A share, as in 4.2%."""
        return self("unit.percent", number=self.decimal(number))

    def seconds(self, seconds: float) -> str:
        """A length of time in the largest unit of which there is one."""
        name, size = next(((name, size) for name, size in _UNITS if abs(seconds) >= size), _UNITS[-1])
        return self(name, number=self.decimal(seconds / size))


_STATES = frozenset({*RunState, *Phase})
_GROUPS = {"state": "state", "after": "state", "value": "state", "phase": "phase", "reason": "reason"}


def _time(at: datetime) -> Markup:
    when = at.astimezone(UTC)
    text = f"{when:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" data-time="full">{}</time>').format(when.isoformat(), text)


def _bdi(text: str) -> Markup:
    return Markup('<bdi class="code" translate="no">{}</bdi>').format(text)


def load(code: str) -> dict[str, str]:
    """The texts of words/<code>.toml by dotted name."""
    text = files("tracker.dashboard").joinpath(f"words/{code}.toml").read_text("utf-8")
    return dict(_flat(tomllib.loads(text)))


def preferred(accepted: str) -> str:
    """The language of ours that an Accept-Language header likes best."""
    best, weight = FIRST, 0.0
    for part in accepted.split(","):
        tag, _, parameters = part.strip().partition(";")
        code, liked = tag.partition("-")[0].lower(), _weight(parameters)
        if code in LANGUAGES and liked > weight:
            best, weight = code, liked
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(float(value), 1.0)
    except ValueError:
        return 0.0


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, str):
            yield f"{before}{name}", value
        else:
            yield from _flat(value, f"{before}{name}.")


TEXTS = {code: Texts(code, load(code)) for code in LANGUAGES}
