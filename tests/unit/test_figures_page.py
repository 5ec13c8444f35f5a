"""The page for Prometheus: current, and yet not written anew for everybody who asks."""

from prometheus_client import Counter

from tracker.api.health import FRESH, Figures

asked = Counter("tracker_test_figures_page", "How often this test has counted.")
NAME = b"tracker_test_figures_page_total "


def counted(page: bytes) -> float:
    return float(page.split(b"\n" + NAME)[1].split(b"\n")[0])


def test_a_flood_of_questions_reads_one_page() -> None:
    figures = Figures()
    before = counted(figures.page(100.0))
    asked.inc()
    assert counted(figures.page(100.0 + FRESH)) == before


def test_what_has_been_counted_is_told_after_a_second() -> None:
    figures = Figures()
    before = counted(figures.page(100.0))
    asked.inc()
    assert counted(figures.page(100.1 + FRESH)) == before + 1
