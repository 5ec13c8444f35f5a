"""`tracker rules`: every fault by its place, and every test that fails by its line."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from tests.contract.command_line import CommandLine

RULE = """\
[rule.tell]
on = "post.failed"
do = [{ alert = "ops", title = "{{ post.id }} failed" }]
"""

TESTS = """
[[test]]
rule     = "tell"
name     = "people are told"
timeline = '''
0s  >  post.failed
0s  <  alert ops
'''

[[test]]
rule     = "tell"
name     = "nobody is told"
timeline = '''
0s  >  post.failed
1h  !  alert
'''
"""

FAULTY = """\
[rule.tell]
on = "post.faild"
do = [
  { alert = "opps", title = "{{ post.id }} failed" },
]
"""


@pytest.fixture
def tracker(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path).configure("")


def test_each_fault_is_told_by_file_line_and_column(tracker: CommandLine) -> None:
    file = tracker.rules / "all.toml"
    file.write_text(FAULTY)
    ran = tracker("rules", "check")
    assert ran.code == 1
    assert [line.partition(" ")[0] for line in ran.lines] == [f"{file}:2:6:", f"{file}:4:13:"]
    assert '(did you mean "ops"?)' in ran.lines[1]
    shown = tracker("rules", "check", "--json")
    assert (shown.code, shown.json["next"]) == (1, None)
    assert [(item["file"], item["line"], item["column"]) for item in shown.json["items"]] == [
        (str(file), 2, 6), (str(file), 4, 13),
    ]  # fmt: skip
    assert 'did you mean "ops"' in shown.json["items"][1]["message"]
    tested = tracker("rules", "test")
    assert (tested.code, tested.out, tested.err) == (1, "", ran.out)


def test_rules_in_order_are_counted(tracker: CommandLine) -> None:
    (tracker.rules / "all.toml").write_text(RULE)
    ran, shown = tracker("rules", "check"), tracker("rules", "check", "--json")
    assert (ran.code, ran.out) == (0, "1 rule in 1 file: nothing is wrong\n")
    assert (shown.code, shown.json) == (0, {"items": [], "next": None})


def test_another_folder_can_be_looked_over(tracker: CommandLine) -> None:
    other = tracker.folder / "other"
    other.mkdir()
    (other / "one.toml").write_text(FAULTY)
    assert tracker("rules", "check").code == 0
    assert tracker("rules", "check", "--dir", "other").code == 1
    nowhere = tracker("rules", "check", "--dir", "nowhere")
    assert (nowhere.code, "nowhere" in nowhere.err) == (2, True)


def test_a_test_that_fails_is_told_by_its_line(tracker: CommandLine) -> None:
    file = tracker.rules / "all.toml"
    file.write_text(RULE + TESTS)
    ran = tracker("rules", "test")
    assert ran.code == 1
    said = 'it must not, but it did at 0s: alert ops at 0s title="p1 failed"'
    assert ran.lines == [f"{file}:18: tell: nobody is told: 1h  !  alert: {said}", "1 passed, 1 failed"]
    shown = tracker("rules", "test", "--json").json["items"]
    assert [(item["name"], item["passed"], item["line"]) for item in shown] == [
        ("people are told", True, 5), ("nobody is told", False, 18),
    ]  # fmt: skip
    assert [item.get("done", [{}])[0].get("title") for item in shown] == [None, "p1 failed"]


def test_the_tests_of_one_rule_can_be_played_alone(tracker: CommandLine) -> None:
    (tracker.rules / "all.toml").write_text(
        RULE + TESTS + RULE.replace("tell", "other") + TESTS.replace("tell", "other")
    )
    ran = tracker("rules", "test", "--rule", "other")
    assert ran.lines[-1] == "1 passed, 1 failed"
    wrong = tracker("rules", "test", "--rule", "oter")
    assert (wrong.code, 'did you mean "other"' in wrong.err) == (2, True)


def test_the_schema_is_the_one_that_editors_are_pointed_to(tracker: CommandLine) -> None:
    shown = json.loads(tracker("rules", "schema").out)
    assert shown == json.loads(Path("rules/rules.schema.json").read_text("utf-8"))


def test_the_schema_of_an_installation_knows_its_names(tracker: CommandLine) -> None:
    (tracker.rules / "all.toml").write_text(RULE)
    shown = json.loads(tracker("rules", "schema", "--config", str(tracker.folder / "config.toml")).out)
    channel, channels = shown["definitions"]["alert"]["properties"]["alert"]["anyOf"]
    assert channel["anyOf"][0]["enum"] == channels["items"]["anyOf"][0]["enum"] == ["ops"]
    offered = shown["definitions"]["pause"]["properties"]["pause"]["anyOf"][0]["enum"]
    assert offered == sorted(tomllib.loads(RULE)["rule"])
    assert tracker("rules", "schema", "--config", "nowhere.toml").code == 2


NOWHERE = """
[endpoints.meta]
url = "http://169.254.169.254/hook"
secrets = ["s"]

[channels.phone]
kind = "apprise"
url = "ntfys://ntfy.example/topic-that-is-secret"
"""


def test_what_can_never_be_sent_to_is_told_by_file_and_line_and_fails_nothing(tracker: CommandLine) -> None:
    (tracker.rules / "all.toml").write_text(RULE)
    config = tracker.folder / "config.toml"
    before = config.read_text()
    config.write_text(before + NOWHERE)
    url, kind = (f"config.toml:{before.count(chr(10)) + further}: " for further in (3, 7))
    ran = tracker("rules", "check")
    assert ran.code == 0
    assert [line.partition(": ")[0] + ": " for line in ran.lines[:2]] == [url, kind]
    assert ran.lines[0].endswith(
        'endpoints.meta.url: "http://169.254.169.254" is not a public address: nothing is sent there;'
        ' write a public one, or add "169.254.169.254" to [outbound] allow (a warning)'
    )
    assert ran.lines[1].endswith('[outbound] allow_unchecked = ["apprise"] (a warning)')
    assert "channels.phone.kind" in ran.lines[1]
    assert "secret" not in ran.out
    assert ran.lines[2:] == ["1 rule in 1 file: nothing is wrong"]


def test_what_is_not_read_and_what_is_empty_is_a_warning(tracker: CommandLine) -> None:
    (tracker.rules / "clients").mkdir()
    (tracker.rules / "clients" / "acme.yaml").write_text(RULE)
    ran = tracker("rules", "check")
    assert ran.code == 0
    assert ran.lines == [
        f"{tracker.rules}: holds no rule file: there is no *.toml in it (a warning)",
        f"{tracker.rules}/clients/acme.yaml: is not read: rule files end in .toml (a warning)",
        "0 rules in 0 files: 2 warnings; otherwise nothing is wrong",
    ]


def test_a_channel_that_is_set_up_wrongly_is_a_fault_and_the_rules_that_name_it_are_none(tracker: CommandLine) -> None:
    (tracker.rules / "all.toml").write_text(RULE)
    config = tracker.folder / "config.toml"
    config.write_text(config.read_text().replace('[channels.ops]\nkind = "log"', '[channels.ops]\nkind = "lok"'))
    assert "lok" in config.read_text()
    ran = tracker("rules", "check")
    assert (ran.code, len(ran.lines)) == (1, 1)
    assert 'channels.ops.kind: "lok" is not known (did you mean "log"?)' in ran.lines[0]
    told = tracker("channels", "test", "ops")
    assert (told.code, "channels.ops.kind" in told.err) == (2, True)


def test_an_odd_file_is_told_on_one_line_without_a_control_character(tracker: CommandLine) -> None:
    (tracker.rules / "a.toml").write_text("do = " + "[" * 5000 + "]" * 5000)
    (tracker.rules / "b.toml").write_text('[rule."\\u001b[2J\\n"]\n')
    os.mkfifo(tracker.rules / "c.toml")
    ran = tracker("rules", "check")
    assert (ran.code, ran.err) == (1, "")
    assert all(line.isprintable() and line.startswith(f"{tracker.rules}/") for line in ran.lines)
    assert {line.removeprefix(f"{tracker.rules}/")[:6] for line in ran.lines} == {"a.toml", "b.toml", "c.toml"}
    assert sum("a.toml" in line for line in ran.lines) == sum("c.toml" in line for line in ran.lines) == 1


WRONG = """
[providers.one]
kind            = "generic"
api_url         = "https://x.example"
webhook_secrets = ["whsec_!!!!"]
fields          = { event = "type", post = "id" }
webhook         = { scheme = "standard-webhooks" }

[providers.two]
kind    = "generic"
api_url = "https://x.example"
fields  = { event = "type", post = "id" }
webhook = { scheme = "slak" }
"""

WRONG_LINES = ('webhook_secrets = ["whsec_!!!!"]', 'webhook = { scheme = "slak" }')


@pytest.mark.parametrize("words", [("rules", "check"), ("doctor",), ("serve",)], ids=" ".join)
def test_who_sends_to_us_in_a_way_that_cannot_be_is_told_by_each_command(
    tracker: CommandLine, words: tuple[str, ...]
) -> None:
    """By file, line, key and the nearest right word, and every one of them; never by the secret."""
    config = tracker.folder / "config.toml"
    text = config.read_text() + WRONG
    config.write_text(text)
    lines = text.splitlines()
    first, second = (lines.index(line) + 1 for line in WRONG_LINES)
    ran = tracker(*words)
    told = ran.out + ran.err
    assert ran.code
    assert f"config.toml:{first}: providers.one.webhook_secrets" in told
    assert "is not in base64" in told
    assert f"config.toml:{second}: providers.two.webhook.scheme:" in told
    assert 'did you mean "slack"?' in told
    assert "!!!!" not in told


def test_the_rules_that_people_ask_for_are_checked_and_played_together(tracker: CommandLine) -> None:
    with (tracker.folder / "config.toml").open("a") as config:
        config.writelines(f'[channels.{name}]\nkind = "log"\n' for name in ("oncall", "team", "boss", "acme", "globex"))
        config.write('[endpoints.wordpress]\ncall = "DELETE https://blog.example.org/posts/{{ data.id }}"\n')
        config.write('[providers.sosyalkopru.calls]\ncancel = "POST /posts/{post}/cancel"\n')
        config.write('reschedule = "PATCH /posts/{post}?at={at}"\n')
        config.write('[providers.sosyalkopru.recreate]\ncontent = "content"\n')
        config.write(f'[endpoints.cms]\nurl = "https://cms.example.org/hook"\nsecrets = ["whsec_{"eHh4" * 8}"]\n')
    folder = str(Path(__file__).parents[2] / "docs" / "rules-people-ask-for")
    reached_at = {
        "TRACKER_SERVER__PUBLIC_URL": "https://tracker.example.org",
        "TRACKER_SERVER__LINK_SECRET": "a long random text of the test, as long as it takes",
    }
    checked = tracker("rules", "check", "--dir", folder, **reached_at)
    played = tracker("rules", "test", "--dir", folder, **reached_at)
    assert (checked.code, checked.lines[-1].rpartition("; ")[2]) == (0, "otherwise nothing is wrong"), checked.out
    assert (played.code, played.lines[-1].partition(" ")[2]) == (0, "passed")
