"""One thing that was looked at and how it is, as doctor and dashboard tell it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Severity(StrEnum):
    """A problem must be mended; a warning may be as it should be."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, and what to do about it; `advice` is empty where all is well.

    `word` is the dashboard's text for it, with `values` in its holes, and `detail` what a program said.
    """

    name: str
    verdict: Severity
    found: str
    advice: str = ""
    word: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    detail: str = ""


def ok(name: str, found: str) -> Check:
    """All is well."""
    return Check(name, Severity.OK, found)


def warning(name: str, found: str, advice: str, word: str = "", detail: str = "", /, **values: object) -> Check:
    """It may be as it should be."""
    return Check(name, Severity.WARNING, found, advice, word, values, detail)


def problem(name: str, found: str, advice: str, word: str = "", detail: str = "", /, **values: object) -> Check:
    """It must be mended."""
    return Check(name, Severity.PROBLEM, found, advice, word, values, detail)
