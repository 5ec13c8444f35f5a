"""docs/providers.md: its tables are what the code says, its examples load, and read what it shows."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.unit.conforming import PAGE, adapter_of, logged
from tests.unit.provider_page import made
from tests.unit.shapes import ARRIVAL
from tracker.domain.posts.post import fold
from tracker.errors import Misconfigured
from tracker.providers import build_clients, build_providers
from tracker.providers.call import Filled
from tracker.settings import Settings, load_settings

TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
(ACME,) = (example for example in EXAMPLES if example.startswith("[providers.acme]"))
POSTIZ = "[providers.p]\nkind = 'postiz'\napi_url = 'https://x'\nwebhook_secrets = ['a/b?']"
ENVIRON = {"ACME_API_KEY": "k", "ACME_WEBHOOK_SECRET": "s"}


def load(folder: Path, text: str) -> Settings:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return load_settings(folder / "config.toml", ENVIRON)


def test_the_tables_are_what_the_code_says() -> None:
    """`python -m tests.unit.provider_page` writes them anew."""
    assert made(TEXT) == TEXT


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_loads_and_is_a_provider(tmp_path: Path, example: str) -> None:
    (name,) = build_providers(load(tmp_path, example))
    assert name in tomllib.loads(example)["providers"]


def test_the_declared_provider_reads_the_body_that_the_page_shows() -> None:
    """Post 17 is partial, as the page says."""
    (shown,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    adapter = adapter_of("generic")
    (row,) = logged(adapter, "generic", json.dumps(json.loads(shown)).encode())
    step = fold("generic", "17", adapter.facts(row))
    assert (row.post, step.post.state) == ("17", "partial")
    assert {key: target.state for key, target in step.post.targets.items()} == {
        "instagram#1": "published", "x#1": "failed",
    }  # fmt: skip


def test_the_declared_calls_and_the_declared_key_are_used(tmp_path: Path) -> None:
    """What is declared is what the client has."""
    nobody = None
    client = build_clients(load(tmp_path, ACME), nobody, nobody)["acme"]  # type: ignore[arg-type]  # nothing is sent
    assert client.can("get")
    assert client.calls["retry"].fill(post="a/b") == Filled("POST", "/publications/a%2Fb/again")
    assert client.auth == "X-Api-Key: {key}"
    page = client.answers.page({"publications": [{"id": 1, "state": "live"}], "cursor": "c2"})
    assert page
    assert (page.posts[0].post, page.posts[0].report.state, page.next) == ("1", "published", "c2")


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ('form             = "plain"', 'form = "plane"', "webhook.form", 'not "plane" (did you mean "plain"?)'),
        ('prefix           = "v1="', 'prefx = "v1="', "webhook.prefx", 'did you mean "prefix"?'),
        ('"{timestamp}.{body}"', '"{timestamp}.{bod}"', "webhook.signed", "must hold {body}"),
        ('timestamp_header = "X-Acme-Time"', "", "webhook.timestamp_header", "is required"),
        ('headers          = ["X-Acme-Signature"]', "", "webhook.headers", "is required"),
        ('"X-Acme-Delivery"', '"X Acme"', "webhook.delivery_header", '"X Acme" is not the name of a header'),
        ('signed           = "{timestamp}.{body}"', "", "webhook.tolerance", "needs a time that is signed"),
        ('event             = "type"', "", "fields.event", "is required"),
        ('post              = "publication.id"', "", "fields.post", "is required"),
        ("occurred_at       =", "ocurred_at =", "fields.ocurred_at", 'did you mean "occurred_at"?'),
        ('"publication.due"', '"publication..due"', "fields.scheduled_at", "is not a path"),
        ('live    = "published"', 'live = "publisht"', "statuses.live", 'did you mean "published"?'),
        ('targets         = "map"', 'targets = "mapp"', "targets", 'did you mean "map"?'),
        ('targets         = "map"', 'targets = "map"\nlists = "hole"', "lists", 'did you mean "whole"?'),
        ('targets         = "map"', 'targets = "map"\nanswer_lists = "parts"', "answer_lists", 'did you mean "part"?'),
        ("target_url        =", "target_itm =", "fields.target_itm", 'did you mean "target_item"?'),
        ("event             =", "evnt =", "fields.evnt", 'did you mean "event"?'),
        ('form             = "plain"', "nothing_ask = true", "webhook.nothing_ask", 'did you mean "nothing_asks"?'),
        ('targets         = "map"', 'targets = "map"\nend = ["x"]', "end", 'did you mean "ends"?'),
        ('"X-Api-Key: {key}"', '"X-Api-Key"', "auth", "must be a header with the key in it"),
        ("items             =", "itms =", "answers.itms", 'did you mean "items"?'),
        ("GET /publications/{post}", "GET /publications", "calls.get", "it must name the post"),
    ],
)
def test_a_mistake_in_a_declaration_is_named(tmp_path: Path, old: str, new: str, key: str, words: str) -> None:
    """With the file, the line, the key, what is wrong, and the nearest right word."""
    assert old in ACME
    with pytest.raises(Misconfigured, match=r"config\.toml:\d+: ") as told:
        build_providers(load(tmp_path, ACME.replace(old, new)))
    assert (told.value.key, words in told.value.message) == (f"providers.acme.{key}", True), told.value


def test_a_secret_that_cannot_stand_in_an_address_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="letters, digits") as told:
        build_providers(
            load(tmp_path, "[providers.p]\nkind = 'postiz'\napi_url = 'https://x'\nwebhook_secrets = ['a/b?']")
        )
    assert told.value.key == "providers.p.webhook_secrets.0"
    assert "a/b?" not in str(told.value)


def test_a_variants_places_are_moved_by_its_name(tmp_path: Path) -> None:
    """And one that there is not is named."""
    (example,) = (example for example in EXAMPLES if "fields.result" in example)
    adapter = build_providers(load(tmp_path, example))["post_for_me"]
    body = {"event_type": "social.post.result.created",
            "data": {"post_id": "p1", "social_account_id": "a1", "success": True, "platform": "x"}}  # fmt: skip
    (row,) = logged(adapter, "post_for_me", json.dumps(body).encode())
    (fact,) = adapter.facts(row)
    assert [target.key for target in fact.targets] == ["x:a1"]
    assert fact.occurred_at == ARRIVAL
    wrong = example.replace("fields.result", "fields.results")
    with pytest.raises(Misconfigured, match=r'did you mean "result\.target_platform"'):
        build_providers(load(tmp_path, wrong))


def test_what_is_moved_for_all_leaves_alone_what_differs_in_a_variant(tmp_path: Path) -> None:
    """A status is not read from events that are built without one."""
    section = "[providers.p]\nkind = 'post_for_me'\napi_url = 'https://x'\nfields = { status = 'data.state' }"
    adapter = build_providers(load(tmp_path, section))["p"]
    states = []
    for event in ("social.post.updated", "social.post.deleted"):
        body = {"event_type": event, "data": {"id": "p1", "state": "scheduled"}}
        states += [fact.state for row in logged(adapter, "p", json.dumps(body).encode()) for fact in adapter.facts(row)]
    assert states == ["scheduled", "removed"]
