"""docs/reference/api.md: every address of the API, with the scope that it takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.contract.furnished import DESCRIPTION
from tests.unit.provider_page import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE = "Addresses of the API"


def made() -> str:
    """The whole page."""
    intro = (
        "[The REST API](../api.md) tells what they have in common; `/schema` shows the parameters and answers of each."
        " `read` is the least that a key can have; `operate` includes it, and `admin` both."
    )
    head = ("method", "address", "scope", "what it does")
    lines = sorted(_lines(), key=lambda line: line[1].strip("`"))
    return f"{intro}\n\n" + rows(head, lines)


def _lines() -> Iterator[tuple[str, str, str, str]]:
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            yield f"`{method.upper()}`", f"`{path}`", _scope(operation), operation["summary"]


def _scope(operation: dict[str, Any]) -> str:
    found = re.search(r"scope (`\w+`)", operation["description"])
    return found[1] if found else "no key"
