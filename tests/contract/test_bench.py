"""`tracker bench`: its quick form on tiny sizes, and what it says to what it does not understand."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tracker.cli import every_command

if TYPE_CHECKING:
    from pathlib import Path


def bench(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tracker", "bench", *map(str, words)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_ratios_are_kept_and_a_fallen_one_is_a_problem(tmp_path: Path) -> None:
    """The log's alone, and so little of it that seconds are enough."""
    file, out = tmp_path / "baseline.json", tmp_path / "found.json"
    tiny = ("--quick", "log", "--runs", "1", "--seconds", "0.1", "--baseline", file)
    made = bench(*tiny, "--keep", "--json")
    assert made.returncode == 0, made.stderr
    (ratio,) = json.loads(made.stdout)["ratios"]
    assert ratio["name"] == "append"
    assert ratio["kept"] == pytest.approx(ratio["now"], abs=0.001)

    file.write_text(json.dumps({"ratios": {"append": ratio["now"] * 100}}), encoding="utf-8")
    fallen = bench(*tiny, "--out", out)
    assert fallen.returncode == 1
    assert '"append" fell from' in fallen.stderr
    assert "looked at once more" in fallen.stderr
    assert "FELL" in fallen.stdout
    assert json.loads(out.read_text(encoding="utf-8"))["ratios"][0]["fell"] is True


def test_a_part_is_measured_and_shown_with_the_facts_of_the_machine() -> None:
    done = bench("processor", "--runs", "1", "--seconds", "0.02", "--json")
    found = json.loads(done.stdout)
    assert {"cpu", "cores", "memory", "kernel", "python", "postgres", "node"} <= found["machine"].keys()
    (part,) = found["parts"]
    sides = {side["name"]: side["spreads"] for side in part["sides"]}
    assert part["not_measured"] == {}
    assert sides["processor"]["per_second"]["median"] > 0
    assert {"ours", "postgres"} <= sides["ORM, a commit each"].keys()


def test_an_installation_without_the_source_says_where_the_benchmark_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.cli.bench.CHECKOUT", tmp_path)
    told = CliRunner().invoke(every_command(), ["bench"])
    assert told.exit_code == 1
    assert "comes with the source of tracker" in told.stderr
    assert "./run bench" in told.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dor",), '"dor" is not known (did you mean "door"?); known: door, log'),
        (("--quick", "wroker"), '"wroker" is not known'),
        (("--runs", "0"), '"0" is not a whole number above 0'),
        (("--seconds", "0"), '"0.0" is not a number above 0'),
        (("--keep",), "--keep goes with --quick"),
    ],
)
def test_what_it_does_not_understand_is_used_wrongly(words: tuple[str, ...], said: str) -> None:
    refused = bench(*words)
    assert refused.returncode == 2
    assert said in refused.stderr
