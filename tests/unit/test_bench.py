"""What `tracker bench` makes of figures: a fallen ratio is named, and what cannot be measured is not left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import baseline, door
from benchmarks.asked import QUICK
from benchmarks.baseline import Measured, verdicts
from benchmarks.comparing import Comparison, Failed, Figures, Missing, Side, Spread, alternate, rate
from benchmarks.load import SECRET, requests
from benchmarks.programs import per_event
from benchmarks.quick_ratios import GROUPS, ratio
from benchmarks.report import Report
from benchmarks.statements import Told

if TYPE_CHECKING:
    from pathlib import Path


def measured(median: float, what: str = "a bare server ÷ tracker") -> Measured:
    return Measured(what, Spread(median, median * 0.9, median * 1.1))


def quiet(_text: str) -> None: ...


@pytest.mark.parametrize(("now", "fell"), [(0.3, False), (0.22, False), (0.211, False), (0.209, True), (0.9, False)])
def test_a_ratio_falls_when_it_loses_more_than_is_allowed(now: float, fell: bool) -> None:
    (one,) = verdicts({"door": 0.3}, {"door": measured(now)})
    assert one.fell is fell


def test_a_fallen_ratio_is_told_from_what_to_what() -> None:
    (one,) = verdicts({"door": 0.267}, {"door": measured(0.144)})
    assert str(one) == '"door" fell from 0.267 to 0.144, by 46% (30% is allowed): a bare server ÷ tracker'


def test_a_ratio_that_is_kept_and_not_measured_any_more_has_fallen() -> None:
    (one,) = verdicts({"door": 0.3}, {})
    assert one.fell
    assert "was not measured" in str(one)


def test_a_ratio_that_is_not_kept_yet_has_not_fallen() -> None:
    (one,) = verdicts({}, {"door": measured(0.1)})
    assert not one.fell
    assert "--keep" in str(one)


def test_of_two_looks_the_better_one_speaks_for_a_ratio() -> None:
    found = baseline.better({"door": measured(0.2), "log": measured(5)}, {"door": measured(0.3)})
    assert [one.spread.median for one in found.values()] == [0.3, 5]


def test_what_is_kept_is_read_again_and_the_rest_stays(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    assert baseline.read(file) == {}
    baseline.keep({"door": measured(0.25)}, {"log": 7.5}, {"cpu": "a slow one"}, file)
    assert baseline.read(file) == {"log": 7.5, "door": 0.25}


def test_the_quick_form_has_the_parts_that_the_command_takes() -> None:
    assert tuple(GROUPS) == QUICK


def test_every_ratio_of_the_quick_form_is_kept() -> None:
    """So that the checks of every change compare all of them."""
    assert set(baseline.read()) == {name for _, names in GROUPS.values() for name in names}


def test_sides_are_measured_in_alternation() -> None:
    order: list[str] = []

    def a_side(name: str) -> Side:
        def measure(run: int) -> Figures:
            order.append(f"{name}{run}")
            return {"per_second": 1.0}

        return Side(name, "", measure)

    alternate("part", "title", [a_side("a"), a_side("b")], 3, quiet)
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]


@pytest.mark.parametrize(("error", "failed"), [(Missing, False), (Failed, True)])
def test_what_cannot_be_measured_is_named_with_the_reason(error: type[Missing], failed: bool) -> None:
    def measure(_run: int) -> Figures:
        raise error("node is not installed")

    found = alternate("part", "title", [Side("Express", "a server", measure)], 2, quiet)
    report = Report({}, {}, [found])
    assert report.failed is failed
    assert "  not measured: Express, because node is not installed" in list(report.lines())
    assert report.as_json()["parts"][0]["not_measured"] == {"Express": "node is not installed"}


def test_a_ratio_is_taken_in_each_round_and_a_goal_of_the_median() -> None:
    found = Comparison("part", "title", {"a": "", "b": ""})
    found.runs = {
        side: [{"per_second": n, "p99": n} for n in values] for side, values in (("a", (2, 9, 4)), ("b", (1, 3, 4)))
    }
    found.beside("a ÷ b", "a", "b", rate)
    found.beside("a ÷ c", "a", "c", rate)
    found.should("p99 of a", "a", "p99", 3)
    assert [ratio.spread for ratio in found.ratios] == [Spread(2, 1, 3)]
    assert [goal.is_met for goal in found.goals] == [False]
    assert any("at most 3: p99 of a: 4.00, MISSED" in line for line in Report({}, {}, [found]).lines())


def test_a_rate_that_the_generator_limits_is_called_so() -> None:
    alone, full = per_event(1000, 1, 0.5, 0), per_event(900, 1, 0.5, 0.4)
    found = Comparison("door", "title")
    found.runs = {door.TRIVIAL: [alone | {"generator_core": 99.0}], door.TRACKER: [full | {"generator_core": 55.0}]}
    by_core, by_rate = door.limits(found, door.TRACKER)
    assert "limited by the other core, and not by the server, which used 50 %" in by_core
    assert "all that the generator can do" in by_rate
    found.runs[door.TRACKER] = [per_event(500, 1, 0.99, 0.3) | {"generator_core": 40.0}]
    assert door.limits(found, door.TRACKER) == []


def test_the_generator_signs_what_it_sends() -> None:
    import hmac  # noqa: PLC0415  (as the provider does it)

    head, body = next(requests(8000)).split(b"\r\n\r\n")
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert int(lines[b"content-length"]) == len(body)
    assert lines[b"x-sosyalkopru-signature"] == b"sha256=" + hmac.digest(SECRET, body, "sha256").hex().encode()


def test_a_quick_ratio_is_of_what_both_take_when_little_disturbs_them() -> None:
    """One disturbed round of eight changes nothing; what all take more does."""
    others, ours = [40.0] * 7 + [400.0], [100.0] * 6 + [900.0, 300.0]
    assert ratio(others, ours).median == pytest.approx(0.4)
    assert ratio(others, [own + 100 for own in ours]).median == pytest.approx(0.2)


LOG = """\
tx 3/7 0 LOG:  duration: 0.020 ms  statement: BEGIN;
tx 3/7 0 LOG:  duration: 0.110 ms  execute __asyncpg_stmt_1__:
\tselect 1
\t  from posts
tx 3/7 812 LOG:  duration: 0.310 ms  execute __asyncpg_stmt_2__: insert into posts values (1)
tx 4/9 813 LOG:  duration: 0.400 ms  execute __asyncpg_stmt_1__: with kept as (insert into events values (1)) select 1
tx 3/7 812 LOG:  duration: 1.100 ms  statement: COMMIT;
tx 3/8 0 LOG:  duration: 0.020 ms  statement: BEGIN;
tx 3/8 0 LOG:  duration: 0.020 ms  statement: COMMIT;
tx 4/10 0 LOG:  duration: 0.050 ms  execute __asyncpg_stmt_1__: select pg_reload_conf()
something else
"""


def test_statements_are_counted_with_the_transactions_in_which_they_were() -> None:
    told = Told()
    told.take(LOG)
    assert (told.statements, told.transactions, told.written) == (7, 3, 2)
    assert told.each["select 1 from posts"] == 1
