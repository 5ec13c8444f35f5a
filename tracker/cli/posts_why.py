"""`tracker posts why`, `tracker rules explain` and `record`: what rules made of a post, and that as a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli import FOUND_PROBLEMS
from tracker.cli.context import Config, Json, known_words, now, on_database, read_settings
from tracker.cli.output import say, show_json, show_list, show_pairs, written
from tracker.cli.posts import Provider, posts
from tracker.cli.rules import rules
from tracker.errors import NotFound, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tracker.domain.posts.post import Post
    from tracker.queries.why import Answer, Reason
    from tracker.rulebook import Rulebook
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database

FEW = 3

PostId = Annotated[str, typer.Option("--post", help="The post's id at its provider.")]
RuleId = Annotated[str, typer.Argument(metavar="RULE", help="The rule's id.")]


@posts.command("why")
def why_post(
    post: Annotated[str, typer.Argument(metavar="ID", help="The post's id at its provider.")],
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    provider: Provider = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """What each rule did about a post, or the first clause that was false, with the values that it met."""
    from tracker.queries.why import answer_out  # noqa: PLC0415  (takes a second)

    answers = _asked(_book(config), config, post, rule, provider)
    if json:
        show_list([answer_out(answer) for answer in answers])
        return
    for answer in answers:
        _tell(answer, answer.reasons if rule else answer.reasons[:FEW])


@rules.command()
def explain(rule: RuleId, post: PostId, provider: Provider = None, config: Config = None, json: Json = False) -> None:
    """All that one rule made of a post: why it fired, or why it did not."""
    from tracker.queries.why import answer_out  # noqa: PLC0415  (takes a second)

    book = _book(config)
    (answer,) = _asked(book, config, post, rule, provider)
    if json:
        show_json(answer_out(answer))
        return
    _tell(answer, answer.reasons)
    asked = next(one for one in book.rules if one.id == answer.rule)
    show_pairs((name, getattr(asked, name)) for name in ("description", "owner", "runbook"))


@rules.command()
def record(rule: RuleId, post: PostId, provider: Provider = None, config: Config = None) -> None:
    """Print a [[test]] that tells what happened to a post and demands what the rule does about it."""
    from tracker.facts.codec import fact_readers  # noqa: PLC0415  (takes half a second)
    from tracker.providers import build_providers  # noqa: PLC0415  (takes half a second)
    from tracker.queries import why  # noqa: PLC0415  (as above)
    from tracker.rulebook.recording import Done, record_test  # noqa: PLC0415  (as above)

    book = _book(config)
    known_words("RULE", [rule], book.places)
    (found,) = [one for one in book.rules if one.id == rule]

    async def work(settings: Settings, database: Database) -> str:
        readers = fact_readers(build_providers(settings))
        async with database.connection() as conn:
            about = await _find(conn, post, provider)
            events = await why.events_about(conn, about.provider, about.id)
            recorded = await why.firings_about(conn, about.provider, about.id, rule)
            taken = await why.actions_of(conn, {one.firing.run for one in recorded if one.firing.run})
        facts = [fact for event in events if event.source in readers for fact in readers[event.source].facts(event)]
        done = [Done(one.created_at, one.verb, one.target, one.state) for one in taken if one.reason != "cancelled"]
        return record_test(found, [fact for fact in facts if fact.post == about.id], done, now())

    try:
        say(on_database(config, work))
    except ValueError as error:
        raise NotFound(f"{post}: {error}") from error


def _asked(book: Rulebook, config: Path | None, post: str, rule: str | None, provider: str | None) -> list[Answer]:
    from tracker.queries.why import why  # noqa: PLC0415  (takes half a second)

    async def work(_: Settings, database: Database) -> list[Answer]:
        async with database.connection() as conn:
            return await why(conn, await _find(conn, post, provider), book.rules, now(), rule)

    answers = on_database(config, work)
    if rule and not answers:
        raise NotFound(f'there is no rule "{rule}"{did_you_mean(rule, book.places)}')
    return answers


def _book(config: Path | None) -> Rulebook:
    """The rules of the files; with a fault nothing can be said of them."""
    from tracker.rulebook.source import read_rules  # noqa: PLC0415  (takes half a second)

    book = read_rules(read_settings(config))
    for fault in book.faults:
        say(str(fault), aside=True)
    if book.faults:
        raise typer.Exit(FOUND_PROBLEMS)
    return book


async def _find(conn: Connection, post: str, provider: str | None) -> Post:
    from tracker.queries.posts import find_post  # noqa: PLC0415  (takes half a second)

    return (await find_post(conn, post, provider)).post


def _tell(answer: Answer, reasons: Sequence[Reason]) -> None:
    say(answer.rule)
    for reason in reasons:
        at = written(reason.explanation.at) if reason.explanation.at else ""
        say(f"  {at:<20}  {reason.text}".rstrip())
