"""Every word that the dashboard says, in each language, and which language a visitor gets."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LANGUAGES = {"en": "English", "tr": "Türkçe"}
FIRST = "en"

_SEPARATORS = {"en": ",", "tr": "."}
_POINTS = {"en": ".", "tr": ","}
_UNITS = (("unit.day", 86400), ("unit.hour", 3600), ("unit.minute", 60), ("unit.second", 1))


class Texts:
    """The texts of one language, by dotted name."""

    def __init__(self, code: str, texts: Mapping[str, str]) -> None:
        self.code, self.texts = code, texts

    def __call__(self, name: str, /, **values: object) -> str:
        """The text, escaped, with the values in its holes; markup among the values stays markup."""
        return escape(self.texts[name]).format(**values)

    def of(self, group: str, word: str) -> str:
        """What a word of ours is called, or the word itself where it is new to the dashboard."""
        return self.texts.get(f"{group}.{word}", word)

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
