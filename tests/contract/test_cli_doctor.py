"""`tracker doctor`: each thing that can be wrong is found, with what to do about it, also without a database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
import time_machine

from tests.contract.command_line import SECRET, CommandLine, execute, said, take
from tracker.domain.posts.post import FOLD_VERSION
from tracker.settings import Jobs

if TYPE_CHECKING:
    from pathlib import Path

RULE = '[rule.tell]\non = "post.failed"\ndo = [{{ alert = "{channel}", title = "failed" }}]\n'

CUT = """
update shares set buckets = buckets[4:] where name = 'processor';
insert into shares (name, share, buckets, heartbeat_at)
select name, 1, array[0, 1, 2], heartbeat_at from shares where name = 'processor';
insert into places (name, share, step, epoch, snapshot, caught_up_at)
select name, 1, step, epoch, snapshot, caught_up_at from places where name = 'processor'
"""
BEGUN = "insert into fires (schedule, fire_at, taken_at) values ('{name}', now(), now());"
PARK = """
insert into parked (subscription, item, bucket, error, parked_at) values ('processor', 1, 0, 'it is poison', now())
"""
HOLD = """
insert into quarantine (provider, reason, authentic, delivery, body_hash, received_at, headers, body)
values ('sosyalkopru', 'not_json', true, 'd1', '', now(), '{}', ''),
       ('sosyalkopru', 'signature_wrong', false, 'd2', '', now(), '{}', '')
"""
ASYNCHRONOUS = """
do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$
"""
DISABLE = """
insert into webhook_endpoints values ('e', 'https://example.com', '{}', '{}', '', 'me', now(), 5);
insert into rule_switches values ('e', false, 'tracker', now())
"""
DIE = """
insert into actions (id, idempotency_key, verb, target, payload, due_at, rule, revision, run, provider, post, bucket,
                     state, created_at)
values (gen_random_uuid(), 'k', 'alert', 'ops', '{}', now(), 'r', 'v', gen_random_uuid(), 'p', 'p1', 0, 'dead', now())
"""


@pytest.fixture
def tracker(tmp_path: Path, database_url: str) -> CommandLine:
    """An installation that has read a webhook just now, and has a rule and a key."""
    take(database_url, said("post.published", "p1", 0), now=datetime.now(UTC))
    execute(database_url, CUT)
    execute(database_url, f"update projections set fold_version = {FOLD_VERSION}")  # as a service does that starts
    tracker = CommandLine(tmp_path).configure(database_url)
    provide(tracker, 'calls = { webhooks = "" }')
    (tracker.rules / "all.toml").write_text(RULE.format(channel="ops"))
    assert tracker("keys", "create", "--name", "me").code == 0
    execute(database_url, "".join(BEGUN.format(name=name) for name in Jobs().by_name))
    return tracker


def provide(tracker: CommandLine, more: str) -> None:
    """Write a further line into the section of the provider."""
    config, section = tracker.folder / "config.toml", "[providers.sosyalkopru]"
    config.write_text(config.read_text().replace(section, f"{section}\n{more}"))


def found(tracker: CommandLine, *, code: int | None) -> dict[str, tuple[str, str]]:
    """Verdict and text of each check; whatever is not ok says what to do."""
    ran = tracker("doctor", "--json")
    assert (code in (ran.code, None), ran.json["next"]) == (True, None), ran.out
    items = ran.json["items"]
    assert all(bool(item["advice"]) is (item["verdict"] != "ok") for item in items)
    assert SECRET not in ran.out
    return {item["check"]: (item["verdict"], item["found"]) for item in items}


def test_an_installation_in_order_is_found_in_order(tracker: CommandLine) -> None:
    verdicts = {check: verdict for check, (verdict, _) in found(tracker, code=0).items()}
    assert verdicts == dict.fromkeys(
        ["config", "rules", "providers", "database", "clock", "processor", "jobs", "parked", "quarantine",
         "signatures", "actions", "heard", "drift", "room", "keys"],
        "ok",
    )  # fmt: skip
    people = tracker("doctor")
    assert (people.code, people.lines[-1]) == (0, "nothing is wrong")
    assert all(line.startswith("ok ") for line in people.lines[:-1])


@pytest.mark.parametrize(
    ("statement", "check", "verdict", "says"),
    [
        (PARK, "parked", "problem", "1 set aside, the newest by the processor: it is poison"),
        (HOLD, "quarantine", "warning", "1 held"),
        (HOLD, "signatures", "warning", "1 wrong in the last day: sosyalkopru"),
        (DIE, "actions", "warning", "1 dead"),
        ("update api_keys set revoked_at = now()", "keys", "warning", "nobody can use the API or the dashboard"),
        (ASYNCHRONOUS, "replication", "warning", "synchronous_commit is off"),
        ("delete from shares", "processor", "warning", "was never begun"),
        ("delete from fires", "jobs", "warning", "no scheduled job is done"),
        ("update fires set fire_at = '2026-01-01Z' where schedule = 'prune'", "jobs", "warning", "prune is overdue"),
        (DISABLE, "endpoints", "warning", "1 disabled"),
        ("update log_days set day = day - 9", "log", "warning", "no day is ready for the next events"),
        (
            "update shares set heartbeat_at = now() - interval '1 hour' where share = 1",
            "processor", "problem", "3 of its 16 buckets show no sign of life",
        ),
        (
            "update places set caught_up_at = now() - interval '5 minutes'",
            "processor", "warning", "is 5m",
        ),
        (
            "update places set caught_up_at = now() - interval '5 hours'",
            "processor", "problem", "is 5h",
        ),
        (
            "update migration_checksums set sha256 = '' where revision = '0001'",
            "database", "problem", "migration 0001 is not the one that was applied",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_database_is_found(
    tracker: CommandLine, database_url: str, statement: str, check: str, verdict: str, says: str
) -> None:
    execute(database_url, statement)
    told = found(tracker, code=1 if verdict == "problem" else 0)[check]
    assert (told[0], says in told[1]) == (verdict, True), told


def test_an_address_that_nothing_can_be_sent_to_is_found(tracker: CommandLine) -> None:
    """It stops nothing, so it is a warning."""
    config = tracker.folder / "config.toml"
    config.write_text(config.read_text() + '[endpoints.cms]\nurl = "http://2130706433/secret-path"\nsecrets = ["s"]\n')
    verdict, told = found(tracker, code=0)["outbound"]
    assert verdict == "warning"
    assert 'endpoints.cms.url: "http://2130706433" is read as 127.0.0.1, which is not a public address' in told
    assert "secret-path" not in told


FAILING = """
insert into processes (node, number, roles, failing)
values ('n1', {number}, '{{scheduler}}', '{{"scheduler": {{"failures": 7, "since": "2026-11-10T12:00:00Z",
        "error": "ValueError: no such day", "ran": "PT0.1S"}}}}')
"""


def test_an_agent_that_keeps_failing_is_named_while_its_process_lives(tracker: CommandLine, database_url: str) -> None:
    """It lives while its lock is held."""
    execute(database_url, FAILING.format(number=7))
    assert "agents" not in found(tracker, code=0)

    async def while_it_lives() -> tuple[str, str]:
        session = await asyncpg.connect(database_url)
        try:
            await session.execute("select pg_advisory_lock(7)")
            return (await asyncio.to_thread(found, tracker, code=1))["agents"]
        finally:
            await session.close()

    how = "failed 7 times since 2026-11-10T12:00:00Z, the last time with ValueError: no such day"
    assert asyncio.run(while_it_lives()) == ("problem", f"the scheduler of n1 {how}")


MISS = """
insert into findings (position, provider, post, reconciliation, heard_at, found_at)
select n, 'sosyalkopru', 'p' || n, gen_random_uuid(), null, now() from generate_series(1, 10) n
"""
SILENCE = "insert into silent_providers values ('sosyalkopru', now() + interval '{hours} hours', now())"


@pytest.mark.parametrize(
    ("heard_before", "statements", "verdict", "says"),
    [
        (None, [], "warning", "sosyalkopru: no webhook in the last 14 days"),
        (None, [MISS], "problem", "no webhook in the last 14 days; of 10 posts only asking told something in the last"),
        (timedelta(hours=30), [MISS], "problem", "the last webhook came 1d6h ago; of 10 posts only asking told"),
        (timedelta(hours=3), [MISS], "warning", "the last webhook came 3h ago; of 10 posts only asking told"),
        (timedelta(hours=3), [], "ok", "the last webhook came 3h ago"),
        (timedelta(hours=3), [SILENCE.format(hours=-3)], "problem", "3h ago, which is longer than it is ever silent"),
        (timedelta(hours=3), [SILENCE.format(hours=-4)], "ok", "the last webhook came 3h ago"),
    ],
)
def test_a_provider_that_is_silent_is_found(
    tmp_path: Path, database_url: str, heard_before: timedelta | None, statements: list[str], verdict: str, says: str
) -> None:
    """By the last webhook in the log, by what people were told, and by what only asking found."""
    tracker = CommandLine(tmp_path).configure(database_url)
    provide(tracker, 'calls = { webhooks = "" }')
    if heard_before:
        take(database_url, said("post.published", "p1", 0), now=datetime.now(UTC) - heard_before)
    for statement in statements:
        execute(database_url, statement)
    told = found(tracker, code=1 if verdict == "problem" else None)["heard"]
    assert (told[0], says in told[1]) == (verdict, True), told


DRIFT = """
insert into drifts (provider, event, drift, path, found, since, last_at, times, events, posts, said)
values ('{provider}', 'post.published', '{drift}', 'data.status', 'LIVE', now(), now(), 1, 5, '{{p1,p2,p3,p4}}',
        '{{"name": "status", "remedy": "{remedy}", "example": {{"data": {{"status": "LIVE"}}}}}}')
"""


@pytest.mark.parametrize(
    ("drift", "remedy", "says", "verdict", "advice"),
    [
        ("status", "[providers.p.x]", 'a new status "LIVE" at data.status', "warning", "\n[providers.p.x]"),
        ("type", "", "data.status of post.published (status) is now LIVE", "warning", "see whether it is read as"),
        ("field", "", "a new field data.status (LIVE)", "ok", ""),
    ],
)
def test_what_a_provider_sends_otherwise_is_told_with_its_posts_and_the_lines_that_map_it(
    tracker: CommandLine, database_url: str, drift: str, remedy: str, says: str, verdict: str, advice: str
) -> None:
    """Of those that are configured."""
    execute(database_url, DRIFT.format(provider="gone", drift=drift, remedy=remedy))
    assert found(tracker, code=0)["drift"] == ("ok", "what providers send looks as it usually does")
    execute(database_url, DRIFT.format(provider="sosyalkopru", drift=drift, remedy=remedy))
    (told,) = [one for one in tracker("doctor", "--json").json["items"] if one["check"] == "drift"]
    assert told["verdict"] == verdict
    assert told["found"].startswith(f"sosyalkopru: {says}")
    assert '; 5 events known to show it, of p4, p3, p2 and 1 more; as in {"data":{"status":"LIVE"}}' in told["found"]
    assert advice in told["advice"]
    assert all(line.startswith(("ok ", "warning ", " ")) for line in tracker("doctor").lines[:-1])


STANDING = """
insert into provider_standings
  (provider, at, windows, failures, openings, trial, credits, credits_at, skew, answered_at)
values ('sosyalkopru', now(), '[]', 0, 0, 0, 90, now(), 0.4, now() - interval '3 minutes')
"""
SPENT = """
update provider_standings
   set windows = jsonb_build_array(jsonb_build_object('span', 'PT3600S', 'began', now(), 'counts', '[600]'::jsonb))
"""


@pytest.fixture
def calling(tracker: CommandLine, database_url: str) -> CommandLine:
    """An installation that has called its provider."""
    provide(tracker, "credits_kept = 50")
    execute(database_url, STANDING)
    return tracker


def test_how_we_stand_with_a_provider_is_told(calling: CommandLine, database_url: str) -> None:
    """Of those that are configured, and were called."""
    told = found(calling, code=0)
    verdict, standing = told["calls"]
    assert (verdict, standing.startswith("sosyalkopru: 600 left of 600 in 1h, the last answer 3m")) == ("ok", True)
    assert told["credits"] == ("ok", "sosyalkopru: 90 left")
    assert told["their clock"] == ("ok", "sosyalkopru's is 0.4 s ahead of ours")
    execute(database_url, "update provider_standings set provider = 'other', open_until = now()")
    assert not {"calls", "credits", "their clock"} & found(calling, code=0).keys()


@pytest.mark.parametrize(
    ("change", "check", "verdict", "says"),
    [
        ("skew = -7.26", "their clock", "warning", "sosyalkopru's is 7.3 s behind ours"),
        ("credits = 50", "credits", "warning", "50 left, and 50 are kept for reactions"),
        ("put_off_until = now() + interval '1 hour'", "calls", "warning", "sosyalkopru wants no call for another"),
        (
            "open_until = now() + interval '1 hour', failure = 'dns'", "calls", "problem",
            "the last calls failed (dns); nobody calls it for another",
        ),
        ("open_until = now() - interval '1 hour'", "calls", "problem", "the next call tells whether it is back"),
        (SPENT, "calls", "warning", "the budget of 600 in 1h is spent"),
    ],
)  # fmt: skip
def test_what_stands_between_us_and_a_provider_is_found(
    calling: CommandLine, database_url: str, change: str, check: str, verdict: str, says: str
) -> None:
    execute(database_url, change if "update" in change else f"update provider_standings set {change}")
    told = found(calling, code=1 if verdict == "problem" else 0)[check]
    assert (told[0], says in told[1]) == (verdict, True), told


def test_a_clock_that_is_off_is_found(tracker: CommandLine) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        verdict, says = found(tracker, code=1)["clock"]
    assert verdict == "problem"
    assert says.startswith(("3599", "360"))


def test_rules_that_fired_at_a_time_that_is_still_to_come_are_found(tracker: CommandLine, database_url: str) -> None:
    """A clock was ahead then."""
    execute(database_url, "insert into rule_counts values ('early', 'fired', 1, 1, now() + interval '1 day')")
    verdict, says = found(tracker, code=0)["firings"]
    assert (verdict, says.startswith("dated in the future, up to "), says.endswith(": early")) == (
        "warning",
        True,
        True,
    )


def test_rules_that_cannot_be_put_in_force_are_found_by_their_place(tracker: CommandLine) -> None:
    (tracker.rules / "all.toml").write_text(RULE.format(channel="opps"))
    verdict, says = found(tracker, code=1)["rules"]
    assert verdict == "problem"
    assert says.startswith(f"{tracker.rules}/all.toml:3:")
    assert 'did you mean "ops"' in says


@pytest.mark.parametrize(
    ("section", "verdict", "says"),
    [
        ('webhook_secrets = []\napi_key = "k"', "problem", "has no secret"),
        ('webhook_secrets = ["s"]', "warning", "has no key"),
        ('webhook_secrets = ["s"]\nfields = { psot = "x" }', "problem", 'did you mean "post"'),
    ],
)
def test_a_provider_that_cannot_do_its_work_is_found(tmp_path: Path, section: str, verdict: str, says: str) -> None:
    tracker = CommandLine(tmp_path)
    head = '[providers.sosyalkopru]\nkind = "sosyalkopru"\napi_url = "https://api.example.com"\n'
    (tmp_path / "config.toml").write_text(head + section)
    told = found(tracker, code=1 if verdict == "problem" else 0)["providers"]
    assert (told[0], says in told[1]) == (verdict, True), told


def test_a_secret_file_counts_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    tracker, file = CommandLine(tmp_path), tmp_path / "the.secrets"
    head = '[providers.sosyalkopru]\nkind = "sosyalkopru"\napi_url = "https://api.example.com"\napi_key = "k"\n'
    (tmp_path / "config.toml").write_text(head + 'secret_file = "the.secrets"')
    advice = tracker("doctor", "--json").json["items"]
    assert "`tracker webhooks register`" in next(one["advice"] for one in advice if one["check"] == "providers")
    for mode, open_to_others in ((0o640, True), (0o604, True), (0o600, False)):
        file.write_text("one wh_1\ntwo\n")
        file.chmod(mode)
        told = found(tracker, code=0)
        assert told["providers"] == ("ok", "sosyalkopru: 2 secrets, and a key for its API")
        assert ("secrets" in told) is open_to_others
    file.write_text("one wh_1 and more")
    verdict, says = found(tracker, code=1)["providers"]
    assert (verdict, says.startswith(f"{file}:1: a line is a secret")) == ("problem", True)


def test_it_says_so_when_the_database_does_not_answer(tmp_path: Path) -> None:
    tracker = CommandLine(tmp_path).configure("postgresql://me:hidden@127.0.0.1:1/nothing")
    told = found(tracker, code=1)
    assert told["database"][0] == "problem"
    assert "the database is away" in told["database"][1]
    assert told["providers"][0] == "ok"
    ran = tracker.alone("doctor")
    assert (ran.code, "hidden" in ran.out, ran.lines[-1]) == (1, False, "1 problem, 1 warning")


def test_an_installation_that_was_never_started_needs_no_database_yet(tmp_path: Path) -> None:
    (tmp_path / "config.toml").touch()
    told = found(CommandLine(tmp_path), code=0)
    assert {check: verdict for check, (verdict, _) in told.items()} == {
        "config": "ok", "rules": "warning", "providers": "warning", "disk": "ok", "database": "warning",
    }  # fmt: skip
    assert not (tmp_path / ".tracker").exists()


def test_each_fault_of_the_config_is_told(tmp_path: Path) -> None:
    tracker = CommandLine(tmp_path)
    (tmp_path / "config.toml").write_text("[server]\nprot = 1\n[database]\npool = 0\n")
    ran = tracker("doctor", "--json")
    assert (ran.code, [item["check"] for item in ran.json["items"]]) == (1, ["config", "config"])
    assert 'did you mean "port"' in ran.json["items"][0]["found"]
    assert len(tracker("rules", "check").err.splitlines()) == 2


def test_rules_that_are_refused_are_told_with_since_when_and_what_is_in_force(
    tracker: CommandLine, database_url: str
) -> None:
    execute(
        database_url,
        "insert into rule_book (name, revision, files, kept_at, refused_at, refused)"
        " values ('last good', 'r', 'x', '2026-11-01 10:00Z', '2026-11-02 11:00Z', 'all.toml:1:2: wrong')",
    )
    verdict, what = found(tracker, code=1)["rules"]
    assert verdict == "problem"
    assert what == (
        "refused since 2026-11-02 11:00:00Z; the last good rules, of 2026-11-01 10:00:00Z, are in force:"
        " all.toml:1:2: wrong"
    )
    execute(database_url, "update rule_book set kept_at = null")
    assert "; no rule is in force: all.toml" in found(tracker, code=1)["rules"][1]


def test_a_channel_that_is_set_up_wrongly_is_a_problem_and_the_rest_is_looked_at(tracker: CommandLine) -> None:
    config = tracker.folder / "config.toml"
    config.write_text(config.read_text() + '[channels.late]\nkind = "slack"\nurl = { env = "NOT_SET" }\n')
    told = found(tracker, code=1)
    assert told["config"][0] == "problem"
    assert "channels.late.url: the environment variable NOT_SET is not set" in told["config"][1]
    assert told["database"][0] == "ok"
