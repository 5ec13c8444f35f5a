"""The tables of docs/providers.md, made from the code: `python -m tests.unit.provider_page` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from tests.unit.conformance import MEANINGS, reason
from tests.unit.conforming import PAGE
from tests.unit.provider_truth import HEAD, lines
from tests.unit.shapes import SHAPES
from tracker.providers.mapping.fields import IN_ANSWERS, IN_WEBHOOKS, FieldPath
from tracker.providers.registry import KINDS
from tracker.providers.signature import Scheme
from tracker.providers.spec import ProviderSpec

FORMS = {"list": "a list", "map": "a map by platform", "one": "one with each event"}
ANSWER_FORMS = FORMS | {"one": "one for each post"}
SIGNS = {"plain": "HMAC", "fields": "HMAC", "shared": "the secret in a header", "path": "the secret in the address"}


def rows(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    head = list(head)
    table = [head, ["---"] * len(head), *map(list, lines)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in table)


def kinds() -> str:
    """One line for each kind."""
    head = ("kind", "speaks for", "webhooks", "targets", "delivery id", "calls")
    declared = ("`generic`", "any other", *["as you declare"] * 4)
    return rows(head, [*(_line(kind) for kind in KINDS.values() if kind.name != "generic"), declared])


def _line(kind: ProviderSpec) -> Iterator[str]:
    yield f"`{kind.name}`"
    yield kind.title
    yield _signing(kind.scheme) if kind.scheme else "none: it is asked"
    yield FORMS[kind.form] if kind.scheme else ANSWER_FORMS[kind.answer_form]
    yield _delivery(kind) or "none: the body is its own" if kind.scheme else ""
    yield ", ".join(kind.calls) or "none"


def _signing(scheme: Scheme) -> str:
    how = SIGNS[scheme.form]
    if how == "HMAC":
        how = f"HMAC-SHA256 of `{scheme.signed}` in {scheme.encoding.replace('either', 'hex or base64')}"
    named = [f"`{scheme.prefix}…` in" if scheme.prefix else "in", " or ".join(f"`{name}`" for name in scheme.headers)]
    within = f", within {round(scheme.tolerance.total_seconds())} s" if scheme.tolerance else ""
    return how + (f", {' '.join(named)}" if scheme.headers else "") + within + (", optional" * scheme.optional)


def _delivery(kind: ProviderSpec) -> str:
    body = kind.places.get("delivery", FieldPath())
    found = [f"`{place.path}` in the {where}" for place, where in ((body, "body"), (kind.delivery, "headers"))
             if place.path]  # fmt: skip
    return ", else ".join(found)


def facts() -> str:
    """For each kind, what its provider shows and what is assumed."""
    return "\n\n".join(_facts(kind) for kind in KINDS.values() if kind.name != "generic")


def _facts(kind: ProviderSpec) -> str:
    lines = [line for line in _sorted_facts(kind) if line[1] or line[2]]
    return f"### {kind.title}: `{kind.name}`\n\n" + rows(("", "documented", "assumed"), lines)


def _sorted_facts(kind: ProviderSpec) -> Iterator[tuple[str, str, str]]:
    if kind.scheme:
        shown = "" if kind.doubts.startswith("all of it") else _signing(kind.scheme)
        yield "signature", shown, kind.doubts if shown else f"{_signing(kind.scheme)} ({kind.doubts})"
    yield "delivery id", *_both({"in the headers": kind.delivery})
    yield "in webhooks", *_both(kind.places)
    for name, variant in kind.variants.items():
        events = ", ".join(f"`{prefix}…`" for prefix in variant.events)
        yield f"{name}: in {events}", *_both({**variant.places, "lists": variant.lists})
    for name, known, likely in (
        ("statuses", kind.documented_statuses, kind.assumed_statuses),
        ("events", kind.documented_events, kind.assumed_events),
    ):
        yield name, _words(known), _words({word: state for word, state in likely.items() if word not in known})
    yield "of accounts", _words(kind.documented_account_states), _words(kind.assumed_account_states)
    yield "another try helps", "", _words({word: "yes" if helps else "no" for word, helps in kind.retryable.items()})
    yield "in answers", *_both(kind.answers)
    calls = {name: FieldPath(call.text, documented=call.documented) for name, call in kind.calls.items()}
    yield "calls", *_both(calls)
    yield "the key", *_both({"": kind.auth} if kind.calls else {})
    yield "with every call", *_both({f"`{name}`": place for name, place in kind.headers.items()})


def _both(places: Mapping[str, FieldPath]) -> tuple[str, str]:
    told = {name: place for name, place in places.items() if place.path}
    return tuple(
        ", ".join(f"{name} `{place.path}`".strip() for name, place in told.items() if place.documented is shown)
        for shown in (True, False)
    )  # type: ignore[return-value]  # there are two


def _words(words: Mapping[str, object]) -> str:
    return ", ".join(f"`{word}` {meaning or 'nothing'}" for word, meaning in words.items())


def places() -> str:
    """Every name of a place, and what stands there."""
    names = dict.fromkeys([*IN_WEBHOOKS, *IN_ANSWERS])
    lines = [
        (f"`{name}`", (IN_WEBHOOKS | IN_ANSWERS)[name], _where(name))
        for name in names
    ]  # fmt: skip
    return rows(("name", "what stands there", "in"), lines)


def _where(name: str) -> str:
    both = name in IN_WEBHOOKS and name in IN_ANSWERS
    return "`fields`, `answers`" if both else "`fields`" if name in IN_WEBHOOKS else "`answers`"


def conformance() -> str:
    """Kind by case: ✓ for what is tested, a number for the reason why a kind has no such case."""
    cells = {kind: {name: reason(kind, name) for name in MEANINGS} for kind in SHAPES}
    reasons = list(dict.fromkeys(why for told in cells.values() for why in told.values() if why))
    lines = [
        [meaning, *(f"n/a {reasons.index(told[name]) + 1}" if told[name] else "✓" for told in cells.values())]
        for name, meaning in MEANINGS.items()
    ]
    numbered = "\n".join(f"{number}. {why}" for number, why in enumerate(reasons, 1))
    return rows(["", *(f"`{kind}`" for kind in SHAPES)], lines) + "\n\nNot applicable, because\n\n" + numbered


def truth() -> str:
    """For each kind, what its targets, times and errors are known by."""
    return rows(HEAD, lines(kind for kind in KINDS.values() if kind.name != "generic"))


MADE = {"kinds": kinds, "truth": truth, "facts": facts, "places": places, "conformance": conformance}


def made(page: str) -> str:
    """The page with its tables as the code has them."""
    for name, make in MADE.items():
        block = re.compile(rf"(<!-- {name}: made from the code -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = make()
        page, found = block.subn(lambda match, text=text: f"{match[1]}\n{text}\n\n{match[2]}", page)  # type: ignore[misc]
        assert found == 1, name
    return page


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
