"""`tracker rules`: the rule files, looked over and tried out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli import FOUND_PROBLEMS, noun
from tracker.cli.context import Config, Json, known_words, read_settings
from tracker.cli.output import counted, say, show_json, show_list, write_text

if TYPE_CHECKING:
    from tracker.errors import Misconfigured
    from tracker.rulebook import Rulebook
    from tracker.rulebook.test_runner import Outcome

rules = noun("rules", "The rule files.")

Folder = Annotated[
    Path | None,
    typer.Option("--dir", exists=True, file_okay=False, help="The folder of the files; [rules] dir if not named."),
]


@rules.command()
def check(folder: Folder = None, config: Config = None, json: Json = False) -> None:
    """Find what is wrong with the rule files, where they send to and who sends to us; exit code 1 when something is."""
    from tracker.act.performers.channel_checks import usable  # noqa: PLC0415  (takes half a second)
    from tracker.outbound.configured import unreachable  # noqa: PLC0415  (as above)
    from tracker.providers.registry import faults_of  # noqa: PLC0415  (as above)
    from tracker.providers.rule_files import read_rules  # noqa: PLC0415  (as above)

    settings = usable(read_settings(config))
    book = read_rules(settings, folder)
    left_out = (fault for some in settings.left_out.values() for fault in some)
    faults = [*faults_of(settings), *left_out, *book.faults]
    if json:
        show_list([_fault(fault) for fault in faults])
    else:
        for fault in faults:
            say(str(fault))
        for doubt in (*book.warnings, *unreachable(settings)):
            say(f"{doubt} (a warning)")
        if not faults:
            doubts = f"{counted(len(book.warnings), 'warning')}; otherwise " if book.warnings else ""
            say(f"{counted(len(book.rules), 'rule')} in {counted(len(book.files), 'file')}: {doubts}nothing is wrong")
    if faults:
        raise typer.Exit(FOUND_PROBLEMS)


@rules.command("test")
def play(
    rule: Annotated[list[str] | None, typer.Option(help="Only this rule's tests; may be repeated.")] = None,
    junit: Annotated[
        Path | None, typer.Option(dir_okay=False, writable=True, help="Write how they went to this file, as JUnit XML.")
    ] = None,
    folder: Folder = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Play the tests that stand beside the rules; exit code 1 when one fails."""
    from tracker.rulebook import test_runner  # noqa: PLC0415  (takes half a second)

    book = fit_rules(config, folder)
    wanted = known_words("--rule", rule or list(book.places), book.places)
    played = [test for test in book.tests if not rule or test.plays_all or not set(wanted).isdisjoint(test.rules)]
    outcomes = test_runner.run_tests(played, book.rules)
    if junit:
        write_text(junit, test_runner.junit(outcomes))
    if json:
        show_list([_outcome(outcome) for outcome in outcomes])
    else:
        _tell(outcomes)
    if not all(outcome.passed for outcome in outcomes):
        raise typer.Exit(FOUND_PROBLEMS)


@rules.command()
def schema(config: Config = None) -> None:
    """The JSON Schema of rule files, for an editor's line `#:schema`; with --config, of this installation's names."""
    from tracker.providers.rule_files import names_in  # noqa: PLC0415  (as above)
    from tracker.rulebook.schema import schema as made  # noqa: PLC0415  (takes half a second)

    show_json(made(names_in(read_settings(config)) if config else {}))


def fit_rules(config: Path | None, folder: Path | None = None) -> Rulebook:
    """The rules of that folder, else of [rules] dir; ends the command where they have faults, which it tells."""
    from tracker.providers.rule_files import read_rules  # noqa: PLC0415  (takes half a second)

    return fit(read_rules(read_settings(config), folder))


def fit(book: Rulebook) -> Rulebook:
    """What was read, if it can be put in force: with a fault nothing can be said of it, and the command ends."""
    for fault in book.faults:
        say(str(fault), aside=True)
    if book.faults:
        raise typer.Exit(FOUND_PROBLEMS)
    return book


def _fault(fault: Misconfigured) -> dict[str, object]:
    return {name: getattr(fault, name) for name in ("file", "line", "column", "key", "message")}


def _outcome(outcome: Outcome) -> dict[str, object]:
    file, _, line = outcome.place.rpartition(":")
    return {
        "rule": outcome.test.rule, "name": outcome.test.name, "passed": outcome.passed, "file": file,
        "line": int(line), "wrong": _wrong(outcome) or None,
        **({} if outcome.passed else {"done": outcome.what_was_done}),
    }  # fmt: skip


def _tell(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        if not outcome.passed:
            say(f"{outcome.place}: {outcome.test.rule}: {outcome.test.name}: {_wrong(outcome)}")
    failed = sum(not outcome.passed for outcome in outcomes)
    say(f"{len(outcomes) - failed} passed" + (f", {failed} failed" if failed else ""))


def _wrong(outcome: Outcome) -> str:
    return f"{outcome.line.text.strip()}: {outcome.wrong}" if outcome.line else outcome.wrong
