"""`tracker rules backtest` and `diff`: what rules would have done on the real log, beside what was done."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli.context import Config, Json, now, on_database, open_settings
from tracker.cli.output import progress, say, show_json, show_table, written
from tracker.cli.rules import fit, rules
from tracker.errors import BadParameter, Misconfigured
from tracker.parameters import parse_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tracker.domain.rules.rule import Rule
    from tracker.process.backtest import Backtest, Found, Held, Span
    from tracker.rulebook import Rulebook
    from tracker.settings import Settings
    from tracker.store.database import Database


def read_against(settings: Settings, place: str) -> Rulebook:
    """The rules of the folder `place`, or, if there is none, of the configured folder at the git ref `place`.

    Raises Misconfigured where it is neither.
    """
    from tracker.providers.rule_files import read_rules  # noqa: PLC0415  (takes half a second)

    if Path(place).is_dir():
        return read_rules(settings, Path(place))
    with tempfile.TemporaryDirectory(prefix="tracker-rules-") as folder:
        _check_out(settings.rules.dir, place, Path(folder))
        return read_rules(settings, Path(folder))


def _check_out(rules: Path, ref: str, folder: Path) -> None:
    """Write what git has of the folder `rules` at `ref`."""
    if ref.startswith("-"):
        raise Misconfigured(f'"{ref}" is neither a folder nor a git ref', key="--against")
    names = _git(rules, "ls-tree", "-r", "-z", "--name-only", ref, "--", ".").split(b"\0")
    for name in filter(None, (name.decode() for name in names)):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_git(rules, "show", f"{ref}:./{name}"))


def _git(folder: Path, *words: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise Misconfigured("git is not installed: name a folder", key="--against")
    ended = subprocess.run([git, "-C", str(folder), *words], capture_output=True, check=False)
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().partition("\n")[0].removeprefix("fatal: ")
        raise Misconfigured(f"neither a folder nor a git ref of {folder}: {said}", key="--against")
    return ended.stdout


MOST_POSTS = 10
COLUMNS = ("rule", "would fire", "did fire", "gained", "lost", "held back", "in force since")

Since = Annotated[str, typer.Option(help="How long ago it begins, as in 30d, or a time: 2026-11-30T09:00:00Z.")]
Until = Annotated[str | None, typer.Option(help="A time; now if not named.")]


@rules.command()
def backtest(
    since: Since = "30d",
    until: Until = None,
    tried: Annotated[
        Path | None,
        typer.Option(
            "--rules",
            exists=True,
            help="A folder in place of [rules] dir, or a file whose rules are tried beside those of that folder.",
        ),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Play the log to the rules: how often each would have fired, for which posts, beside what is on record."""
    from tracker.domain.rules.rule_index import RuleIndex  # noqa: PLC0415  (takes half a second)

    span = _span(since, until)
    asked, only = tried_rules(open_settings(config), tried)
    found = _played(config, lambda play: play.run(RuleIndex(asked), span, only))
    _show(found, found.rules, json)


@rules.command()
def diff(
    since: Since = "30d",
    until: Until = None,
    against: Annotated[
        str | None,
        typer.Option(help="A folder of rule files, or a git ref of [rules] dir; what is on record if not named."),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """What the rule files as they are gain and lose: against what the rules in force did, or against other files."""
    from tracker.domain.rules.rule_index import RuleIndex  # noqa: PLC0415  (takes half a second)

    settings, span = open_settings(config), _span(since, until)
    after = RuleIndex(tried_rules(settings, None)[0])
    if against is None:
        found = _played(config, lambda play: play.run(after, span))
    else:
        before = fit(read_against(settings, against)).index
        found = _played(config, lambda play: play.compare(before, after, span))
    _show(found, [held for held in found.rules if held.gained or held.lost], json)


def _played(config: Path | None, play: Callable[[Backtest], Awaitable[Found]]) -> Found:
    from tracker.facts.codec import fact_readers  # noqa: PLC0415  (takes half a second)
    from tracker.process.backtest import Backtest  # noqa: PLC0415  (as above)
    from tracker.providers import build_providers  # noqa: PLC0415  (as above)

    async def work(settings: Settings, database: Database) -> Found:
        with progress("playing the log") as tell:
            return await play(Backtest(database, fact_readers(build_providers(settings)), tell))

    return on_database(config, work)


def tried_rules(settings: Settings, place: Path | None) -> tuple[Sequence[Rule], set[str] | None]:
    """The rules to try (those of the configured folder, where no place is named), and which to tell of (None: all).

    Where they are faulty, that is told, and the command is over.
    """
    from tracker.providers.rule_files import read_rules, read_text  # noqa: PLC0415  (takes half a second)
    from tracker.toml import read_text as text_of  # noqa: PLC0415  (as above)

    if place is None or place.is_dir():
        return fit(read_rules(settings, place)).rules, None
    others = fit(read_rules(settings))
    own = fit(read_text(settings, text_of(place), str(place), others.places.keys()))
    return [*(rule for rule in others.rules if rule.id not in own.places), *own.rules], set(own.places)


def _span(since: str, until: str | None) -> Span:
    from tracker.process.backtest import Span  # noqa: PLC0415  (as above)

    at = now()
    begin = parse_time("since", since, at)
    end = min(parse_time("until", until, at) if until else at, at)
    if begin >= end:
        raise BadParameter("since", "must be before --until")
    return Span(begin, end)


def _show(found: Found, rules: Sequence[Held], json: bool) -> None:
    if json:
        from tracker.process.backtest_service import backtest_out  # noqa: PLC0415  (it is loaded by now)

        show_json(backtest_out(found, rules, most=None))
        return
    say(f"{written(found.span.since)} to {written(found.span.until)}: {found.changes} changes played", aside=True)
    show_table(COLUMNS, map(_counts, rules))
    for rule in rules:
        for what, firings in (("gained", rule.gained), ("lost", rule.lost)):
            newest = sorted(firings, key=lambda firing: firing.at, reverse=True)
            for firing in newest[:MOST_POSTS]:
                say(f"{rule.rule} {what}: {firing.post or firing.key} at {written(firing.at)}")
            if len(newest) > MOST_POSTS:
                say(f"{rule.rule} {what}: and {len(newest) - MOST_POSTS} more, which --json lists")


def _counts(rule: Held) -> tuple[object, ...]:
    since = rule.since if rule.revision else "not in these files"
    return rule.rule, len(rule.would), len(rule.did), len(rule.gained), len(rule.lost), rule.held_back, since
