"""docs/reference: each page is what the code says, and nothing that the code has is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.reference.facts_page import ENDS, MEANINGS, written
from tests.unit.reference.metrics_page import metrics
from tests.unit.reference.pages import FOLDER, PAGES, page
from tracker.act import outcome_writer, worker
from tracker.domain.duration import parse_duration
from tracker.errors import Misconfigured
from tracker.facts import own_facts
from tracker.runtime import metrics as measured
from tracker.runtime.telemetry import EVENTS
from tracker.settings import load_settings
from tracker.settings.sections import RESERVED_PROVIDERS

SECTIONS = re.findall(
    r"^## `\[(.*?)\]`(?: of kind \"(\w+)\")?\n(.*?)(?=^## |\Z)", page("settings.md"), re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    """`python -m tests.unit.reference` writes them anew."""
    assert (FOLDER / name).read_text(encoding="utf-8") == page(name)


def test_there_are_no_other_pages() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {name for name in PAGES if "/" not in name}


def test_every_fact_that_is_written_is_explained_with_its_source() -> None:
    """And none that is not written."""
    assert written() == set(MEANINGS)
    assert {source for source, _ in MEANINGS} == RESERVED_PROVIDERS - {"signal"}


def test_the_ends_in_the_names_of_facts_are_words_of_the_code() -> None:
    code = "".join(Path(str(one.__file__)).read_text("utf-8") for one in (own_facts, worker, outcome_writer))
    assert all(f'"{end}"' in code for ends in ENDS.values() for end in ends)


def test_every_metric_and_every_line_of_the_log_is_told() -> None:
    told = page("metrics.md") + page("log-lines.md")
    assert len(list(metrics())) == Path(measured.__file__).read_text("utf-8").count('"tracker_')
    assert all(f"`{name}`" in told for name in EVENTS)


@pytest.mark.parametrize(("section", "kind", "text"), SECTIONS, ids=lambda word: word if len(word) < 30 else "")
def test_each_variable_of_the_settings_is_one(section: str, kind: str, text: str, tmp_path: Path) -> None:
    """It may hold a wrong value here, but it is taken for a setting that there is."""
    named = f'[{section.replace("<name>", "name")}]\nkind = "{kind or "reconcile"}"\n'
    (tmp_path / "config.toml").write_text(named if section.startswith(("channels", "jobs")) else "", encoding="utf-8")
    variables = re.findall(r"`(TRACKER_[\w<>]+)` \|$", text, re.MULTILINE)
    assert variables
    for variable in variables:
        assert "there is no such setting" not in fault(tmp_path, {variable.replace("<NAME>", "NAME"): "x"})
    assert "there is no such setting" in fault(tmp_path, {variables[0].replace("<NAME>", "NAME") + "X": "x"})


def fault(folder: Path, environ: dict[str, str]) -> str:
    """Everything that is wrong with the settings, and with what is left out of them."""
    try:
        settings = load_settings(folder / "config.toml", environ)
    except Misconfigured as error:
        return "\n".join([str(error), *getattr(error, "__notes__", ())])
    return "\n".join(str(fault) for some in settings.left_out.values() for fault in some)


def test_durations_are_written_as_the_page_says() -> None:
    (forms,) = re.findall(r"A duration is written as in (.*?), a size", page("settings.md"))
    assert all(parse_duration(form) for form in re.findall(r"`(.*?)`", forms))
