"""docs/reference: each page is what the code says, and nothing that the code has is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.reference.facts_page import ENDS, MEANINGS, written
from tests.unit.reference.metrics_page import metrics
from tests.unit.reference.pages import FOLDER, PAGES, page
from tracker import operations, telemetry, worker
from tracker.settings.sections import RESERVED_PROVIDERS
from tracker.telemetry import EVENTS


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    """`python -m tests.unit.reference` writes them anew."""
    assert (FOLDER / name).read_text(encoding="utf-8") == page(name)


def test_there_are_no_other_pages() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_every_fact_that_is_written_is_explained_with_its_source() -> None:
    """And none that is not written."""
    assert written() == set(MEANINGS)
    assert {source for source, _ in MEANINGS} == RESERVED_PROVIDERS - {"signal"}


def test_the_ends_in_the_names_of_facts_are_words_of_the_code() -> None:
    code = Path(operations.__file__).read_text("utf-8") + Path(worker.__file__).read_text("utf-8")
    assert all(f'"{end}"' in code for ends in ENDS.values() for end in ends)


def test_every_metric_and_every_line_of_the_log_is_told() -> None:
    told = page("metrics.md") + page("log-lines.md")
    assert len(list(metrics())) == Path(telemetry.__file__).read_text("utf-8").count('"tracker_')
    assert all(f"`{name}`" in told for name in EVENTS)
