"""Every page: its commands and addresses exist, its snippets load, its links lead somewhere, and the index names it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import typer.main

from tests.contract.doc_pages import DOCS, PAGES, ROOT, WALKED, blocks, commands, requests
from tests.contract.furnished import DESCRIPTION
from tracker.cli import every_command
from tracker.providers import build_providers
from tracker.rulebook import load_text
from tracker.settings import Provider, load_settings

WHOLE: Any = typer.main.get_command(every_command())
OF_RULES = {"rule", "test", "workflow", "table", "defaults"}
BEGINNING = 'kind = "sosyalkopru"\napi_url = "https://api.example.com"\n'
HOW_TO = sorted((DOCS / "how-to").glob("*.md"))


def named(found: tuple[Path, Any]) -> str:
    page, what = found
    return f"{page.relative_to(ROOT)}: {' '.join(what) if isinstance(what, list) else what.splitlines()[0]}"


def value_of(variable: str) -> str:
    """Something that fits where the variable is named."""
    known = {"DATABASE_URL": "postgresql://db/x", "PHONE_APPRISE_URL": "ntfy://x", "TRACKER_LINK_SECRET": "0f" * 32}
    return known.get(variable, "https://x.example")


@pytest.mark.parametrize("found", [one for one in commands() if one[0] not in WALKED], ids=named)
def test_a_command_uses_only_what_there_is(found: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The command takes it apart without a complaint."""
    monkeypatch.chdir(ROOT)
    command, (_, words) = WHOLE, found
    while hasattr(command, "commands"):
        word, *words = words
        assert word in command.commands, word
        command = command.commands[word]
    command.make_context("tracker", list(words))


@pytest.mark.parametrize("found", list(blocks("toml")), ids=named)
def test_a_snippet_loads_as_a_configuration_or_as_rules(found: tuple[Path, str], tmp_path: Path) -> None:
    """One without a table is part of a provider's, and so is one that does not begin with a kind."""
    text = re.sub(r"^(\[providers\.\w+\]\n)(?!kind)", rf"\1{BEGINNING}", found[1])
    tables = tomllib.loads(text)
    if not re.search(r"^\[", text, re.MULTILINE):
        assert tables.keys() <= Provider.model_fields.keys()
    elif tables.keys() <= OF_RULES:
        assert [str(fault) for fault in load_text(text, folder=DOCS / "rules-people-ask-for").faults] == []
    else:
        (tmp_path / "config.toml").write_text(text, encoding="utf-8")
        environ = {name: value_of(name) for name in re.findall(r'env = "(\w+)"', text)}
        build_providers(load_settings(tmp_path / "config.toml", environ))


@pytest.mark.parametrize("found", list(requests()), ids=named)
def test_a_request_asks_for_what_there_is(found: tuple[Path, list[str]]) -> None:
    """An address of the API with that method, and a body of its shape."""
    words = found[1]
    (url,) = (word for word in words if re.match(r"https?://|localhost", word))
    path = urlsplit(url if "//" in url else f"//{url}").path
    body = words[words.index("-d") + 1] if "-d" in words else None
    method = words[words.index("-X") + 1].lower() if "-X" in words else "get"
    fitting = [known for known in DESCRIPTION["paths"] if re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", known), path)]
    template = min(fitting, key=lambda known: known.count("{"))  # /posts/retry before /posts/{id}
    operation = DESCRIPTION["paths"][template][method]
    if body:
        (content,) = operation["requestBody"]["content"].values()
        schema = content["schema"] | {"components": DESCRIPTION["components"]}
        jsonschema.Draft202012Validator(schema).validate(json.loads(body))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_somewhere(page: Path) -> None:
    """Also the part of a page behind #."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        file, _, part = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), target
        if part:
            heads = re.findall(r"^#+ (.*)$", there.read_text("utf-8"), re.MULTILINE)
            assert part in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}, target


def test_the_index_lists_each_page_once() -> None:
    listed = re.findall(r"\]\(([^)#]+\.md)\)", (DOCS / "README.md").read_text("utf-8"))
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"README.md"}
    assert sorted(name for name in listed if not name.startswith("..")) == sorted(pages)


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_a_how_to_page_is_short(page: Path) -> None:
    lines = [line for line in page.read_text("utf-8").splitlines() if not line.startswith("|")]
    assert len(lines) <= 75


def test_the_reasons_of_the_quarantine_are_those_of_the_code() -> None:
    table = re.findall(r"^\| (`.*?) \|", (DOCS / "how-to" / "heal-the-quarantine.md").read_text("utf-8"), re.MULTILINE)
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "tracker").rglob("*.py"))
    reasons = {reason for cell in table for reason in re.findall(r"`(\w+)`", cell)}
    assert len(reasons) > 7
    assert {reason for reason in reasons if f'"{reason}"' not in code} == set()


def test_the_turkish_page_shows_the_rule_and_the_commands_of_the_readme() -> None:
    """The same blocks, in which only the comments are in another language."""
    readme, turkish = ((folder / "README.md").read_text("utf-8") for folder in (ROOT, DOCS / "tr"))
    assert "(docs/tr/README.md)" in "".join(readme.splitlines()[:6])

    def first(language: str, text: str) -> list[str]:
        (block, *_) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
        return [line.partition("#")[0].rstrip() for line in block.splitlines()]

    for language in ("toml", "sh"):
        assert first(language, turkish) == first(language, readme)


def test_there_are_commands_and_requests_to_look_at() -> None:
    assert len(list(commands())) > 60
    assert len(list(requests())) > 8
