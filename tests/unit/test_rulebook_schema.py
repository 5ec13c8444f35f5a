"""Editors are told the same language that is read: what loads fits the schema, and what does not fit does not load."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from tests.unit.rule_examples import EXAMPLES
from tracker.rulebook import load_text
from tracker.rulebook.grammar import RULE, STEPS
from tracker.rulebook.schema import schema

RULES = Path(__file__).parents[2] / "rules"
FILES = sorted(RULES.glob("*.toml"))
HEAD = '[rule.a]\non = "post.failed"\n'
ALERT = HEAD + 'do = [{ alert = "ops", title = "x" }]\n'


def misfits(text: str) -> list[str]:
    return [error.message for error in Draft4Validator(schema()).iter_errors(tomllib.loads(text))]


def test_the_schema_is_one() -> None:
    Draft4Validator.check_schema(schema())
    assert json.loads(json.dumps(schema())) == schema()


def test_the_schema_beside_the_rules_is_this_one() -> None:
    """Editors find it there; `tracker rules schema` writes it anew."""
    assert json.loads((RULES / "rules.schema.json").read_text()) == schema()
    assert all(file.read_text().startswith("#:schema ./rules.schema.json\n") for file in FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_rules_that_we_ship_fit(file: Path) -> None:
    assert misfits(file.read_text()) == []


@pytest.mark.parametrize("text", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_the_examples_fit(text: str) -> None:
    assert misfits(text) == []


WRONG = {
    "a key nearly right": ALERT + 'cancle_on = "post.removed"',
    "a verb nearly right": HEAD + 'do = [{ allert = "ops", title = "x" }]',
    "two verbs": HEAD + 'do = [{ alert = "ops", title = "x", send = "cms" }]',
    "an alert without a title": HEAD + 'do = [{ alert = "ops" }]',
    "a pause without an end": HEAD + 'do = [{ pause = "b" }]',
    "no step": HEAD + "do = []",
    "nothing to do": HEAD,
    "no trigger": '[rule.a]\ndo = [{ alert = "ops", title = "x" }]',
    "a state that is none": ALERT + 'while = { state = "publising" }\nfor = "1m"',
    "a span in words": ALERT + 'once = "an hour"',
    "a number in quotes": HEAD + 'do = [{ retry = "publish", tries = "3" }]',
    "too many tries": HEAD + 'do = [{ retry = "publish", tries = 300 }]',
    "a flag in quotes": ALERT + 'enabled = "no"',
    "a mode that is none": ALERT + 'mode = "double"',
    "what is not gathered": '[rule.a]\nevery = "1h"\nover = {}\ndo = [{ send = "team" }]',
    "a name that is none": '[rule."A B"]\non = "post.failed"\ndo = [{ alert = "ops", title = "x" }]',
    "a branch that is no list": ALERT + '[rule.a.branch]\nlate = "x"',
    "a workflow with a trigger": '[workflow.a]\non = "post.failed"\ndo = [{ alert = "ops", title = "x" }]',
    "a test without a timeline": ALERT + '[[test]]\nrule = "a"',
    "a table of another name": ALERT + "[rules.b]",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_neither_fits_nor_loads(text: str) -> None:
    assert misfits(text) != []
    assert load_text(text).faults != ()


def test_each_key_tells_people_what_it_is_for() -> None:
    found = schema()["definitions"]
    assert isinstance(found, dict)
    assert {name: key["description"] for name, key in found["rule"]["properties"].items()} == {
        name: key.says for name, key in RULE.items()
    }
    for verb, keys in STEPS.items():
        assert found[verb]["properties"].keys() == keys.keys()


def language_server(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """What the checker of a TOML language server says of a file that names our schema."""
    (folder / "rules.schema.json").write_text(json.dumps(schema()))
    (folder / "a.toml").write_text(f"#:schema ./rules.schema.json\n{text}")
    tombi = Path(sys.executable).with_name("tombi")
    command = [str(tombi), "lint", "--offline", "a.toml"]
    environment = {"NO_COLOR": "1", "XDG_CACHE_HOME": str(folder), "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_language_server_takes_a_right_file(tmp_path: Path) -> None:
    told = language_server(tmp_path, EXAMPLES["a workflow"])
    assert told.returncode == 0, told.stdout + told.stderr


def test_a_language_server_points_at_what_is_wrong(tmp_path: Path) -> None:
    told = language_server(tmp_path, ALERT + 'cancle_on = "post.removed"\nmode = "double"\n')
    assert told.returncode == 1
    said = told.stdout + told.stderr
    assert '"cancle_on" is not allowed' in said
    assert "a.toml:5:1" in said
    assert "a.toml:6:8" in said
