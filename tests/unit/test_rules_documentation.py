"""The page about the language cannot lie: its rules load, its tests pass, and no key is missing from it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from tracker.domain.rules.grouping import DEFAULTS
from tracker.rulebook import load_text
from tracker.rulebook.expressions import LONGEST
from tracker.rulebook.folder import Folder
from tracker.rulebook.grammar import MATCH, RULE, STEPS
from tracker.rulebook.schema import schema
from tracker.rulebook.template_files import TemplateFiles
from tracker.rulebook.test_runner import run_tests
from tracker.rulebook.verbs import BACKOFF, TRIES

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
SNIPPETS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", SNIPPETS, ids=lambda text: text.splitlines()[0])
def test_each_example_of_the_page_loads_fits_and_passes(text: str) -> None:
    book = load_text(text)
    asked_for = 'since = "entered"' in text  # and of that the check always warns
    assert [str(fault) for fault in (*book.faults, *book.warnings)][asked_for:] == []
    assert not list(Draft4Validator(schema()).iter_errors(tomllib.loads(text)))
    assert all(outcome.passed for outcome in run_tests(book.tests, book.rules))


def test_the_template_of_the_page_is_one(tmp_path: Path) -> None:
    (template,) = re.findall(r"```jinja\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a").write_text(template)
    pages = TemplateFiles(Folder(tmp_path))
    page = pages.page("a")
    assert not pages.found
    assert page is not None
    assert "[a:" not in page(DEFAULTS)


def test_the_page_has_an_example_of_each_key() -> None:
    tables = [tomllib.loads(text) for text in SNIPPETS]
    rules = [rule for table in tables for rule in table.get("rule", {}).values()]
    workflows = [one for table in tables for one in table.get("workflow", {}).values()]
    assert {key for rule in rules for key in rule} == RULE.keys()
    demanded = {key for rule in rules for key in rule.get("match", {})}
    assert {f"{key.partition('.')[0]}.*" if "." in key else key for key in demanded} <= MATCH.keys()
    sequences = [steps for rule in (*rules, *workflows) for steps in (rule["do"], *rule.get("branch", {}).values())]
    said = {key for steps in sequences for step in steps for key in step}
    assert said | {"template"} == {key for keys in STEPS.values() for key in keys}


def test_the_page_names_each_value_that_rules_can_read() -> None:
    rows = dict(re.findall(r"^\| `(\w+)`[^|]*\| (.*) \|$", PAGE, re.MULTILINE))
    named = {f"{noun}.{field}" for noun, fields in rows.items() for field in re.findall(r"`(\w+)`", fields)}
    assert DEFAULTS.keys() <= named


def test_the_page_tells_the_defaults_as_they_are() -> None:
    assert f'`tries` is {TRIES} and `backoff` is\n`"{BACKOFF}"`' in PAGE
    assert f"at most {LONGEST} characters" in PAGE
