"""`tracker posts why`, `tracker rules explain` and `record`: what rules made of a post, and that as a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli.context import Config, Json, Provider, known_words, now, on_database, past_of
from tracker.cli.output import say, show_json, show_list, show_pairs, written
from tracker.cli.posts import posts
from tracker.cli.remote import Url, at, over
from tracker.cli.rules import fit_rules, rules
from tracker.errors import NotFound, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tracker.domain.rules.rule import Rule
    from tracker.queries.rule_views import OneRuleOut
    from tracker.queries.why import AnswerOut, ReasonOut
    from tracker.rulebook import Rulebook
    from tracker.settings import Settings
    from tracker.store.database import Database

FEW = 3
MOST_EVENTS = 500

PostId = Annotated[str, typer.Option("--post", help="The post's id at its provider.")]
RuleId = Annotated[str, typer.Argument(metavar="RULE", help="The rule's id.")]


@posts.command("why")
def why_post(
    post: Annotated[str, typer.Argument(metavar="ID", help="The post's id at its provider.")],
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    provider: Provider = None,
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """What each rule did about a post, or the first clause that was false, with the values that it met."""
    answers = _told_there(url, post, rule, provider) if url else _asked(fit_rules(config), config, post, rule, provider)
    if json:
        show_list(answers)
        return
    for answer in answers:
        _tell(answer, answer.reasons if rule else answer.reasons[:FEW])


@rules.command()
def explain(
    rule: RuleId, post: PostId, provider: Provider = None, url: Url = None, config: Config = None, json: Json = False
) -> None:
    """All that one rule made of a post: why it fired, or why it did not."""
    asked: OneRuleOut | Rule
    if url:
        from tracker.queries.rule_views import OneRuleOut  # noqa: PLC0415  (takes a second)

        (answer,) = _told_there(url, post, rule, provider)
        asked = over(url, lambda api: api.get(at("rules", rule), OneRuleOut))
    else:
        book = fit_rules(config)
        (answer,) = _asked(book, config, post, rule, provider)
        asked = next(one for one in book.rules if one.id == answer.rule)
    if json:
        show_json(answer)
        return
    _tell(answer, answer.reasons)
    show_pairs((name, getattr(asked, name)) for name in ("description", "owner", "runbook"))


def _told_there(url: str, post: str, rule: str | None, provider: str | None) -> list[AnswerOut]:
    from tracker.queries.paging import Page  # noqa: PLC0415  (takes a second)
    from tracker.queries.why import AnswerOut  # noqa: PLC0415  (as above)

    return over(url, lambda api: api.get(at("posts", post, "why"), Page[AnswerOut], rule=rule, provider=provider)).items


@rules.command()
def record(rule: RuleId, post: PostId, provider: Provider = None, config: Config = None) -> None:
    """Print a [[test]] that tells what happened to a post and demands what the rule does about it."""
    from tracker.facts.codec import fact_readers  # noqa: PLC0415  (takes half a second)
    from tracker.providers import build_providers  # noqa: PLC0415  (as above)
    from tracker.queries import why  # noqa: PLC0415  (as above)
    from tracker.queries.posts import find_post  # noqa: PLC0415  (as above)
    from tracker.rulebook.recording import Done, record_test  # noqa: PLC0415  (as above)
    from tracker.store.log import look_back  # noqa: PLC0415  (as above)

    book = fit_rules(config)
    known_words("RULE", [rule], book.places)
    (recorded_rule,) = [known for known in book.rules if known.id == rule]

    async def work(settings: Settings, database: Database) -> str:
        readers = fact_readers(build_providers(settings))
        async with database.connection() as conn:
            about = (await find_post(conn, post, provider)).post
            events = (await look_back.of_posts(conn, [(about.provider, about.id)]))[-MOST_EVENTS:]
            recorded = await why.firings_about(conn, about.provider, about.id, rule)
            taken = await why.actions_of(conn, {known.firing.run for known in recorded if known.firing.run})
        facts = [fact for event in events if event.source in readers for fact in readers[event.source].facts(event)]
        done = [Done(act.created_at, act.verb, act.target, act.state) for act in taken if act.reason != "cancelled"]
        return record_test(recorded_rule, [fact for fact in facts if fact.post == about.id], done, now())

    try:
        say(on_database(config, work))
    except ValueError as error:
        raise NotFound(f"{post}: {error}") from error


def _asked(book: Rulebook, config: Path | None, post: str, rule: str | None, provider: str | None) -> list[AnswerOut]:
    from tracker.queries.posts import find_post  # noqa: PLC0415  (takes half a second)
    from tracker.queries.why import answer_out, why  # noqa: PLC0415  (as above)

    async def work(settings: Settings, database: Database) -> list[AnswerOut]:
        async with database.connection() as conn:
            about = (await find_post(conn, post, provider)).post
            known = await past_of(settings).changes(conn, about)
            return [answer_out(one) for one in await why(conn, known, about, book.rules, now(), rule)]

    answers = on_database(config, work)
    if rule and not answers:
        raise NotFound(f'there is no rule "{rule}"{did_you_mean(rule, book.places)}')
    return answers


def _tell(answer: AnswerOut, reasons: Sequence[ReasonOut]) -> None:
    say(answer.rule)
    for reason in reasons:
        when = written(reason.at) if reason.at else ""
        say(f"  {when:<20}  {reason.text}".rstrip())
