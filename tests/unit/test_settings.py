"""Settings: what the file and the environment say, and how each mistake in them is told."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from itertools import chain, pairwise
from pathlib import Path

import pytest

from tracker.errors import Misconfigured
from tracker.settings import Settings, load_settings
from tracker.settings.commented import commented_config
from tracker.settings.sources import read_file

ROOT = Path(__file__).parents[2]

EMAIL = """[channels.ops]
kind = 'email'
host = 'x'
from = 'A <a@x>'
to   = ['c@x', "b@x"]
"""
PROVIDER = """\
[providers.sosyalkopru]
kind = "sosyalkopru"
api_url = "https://api.example.com/v1/"
api_key = { env = "KEY" }
webhook_secrets = [{ env = "ONE" }, { file = "two.secret" }]
"""


def load(folder: Path, text: str, **environ: str) -> Settings:
    """The settings of a file with this text."""
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ)


def fault(folder: Path, text: str, **environ: str) -> Misconfigured:
    """The fault that a file with this text has, or the first one of what it is left out for."""
    try:
        return next(chain.from_iterable(load(folder, text, **environ).left_out.values()))
    except Misconfigured as error:
        return error


def test_the_checkout_needs_no_environment() -> None:
    """config.toml at the top of the repository is valid as it is."""
    settings = load_settings(ROOT / "config.toml", {})
    assert settings.database.data_dir == ROOT / ".tracker"
    assert settings.providers["sosyalkopru"].timezone == "Europe/Istanbul"


def test_an_empty_file_has_every_default_beside_itself(tmp_path: Path) -> None:
    """Relative paths start from the folder of the file, also those of defaults."""
    settings = load(tmp_path, "")
    assert settings.rules.dir == tmp_path / "rules"
    assert settings.database.data_dir == tmp_path / ".tracker"
    assert settings.server.max_body == 2**20


def test_the_written_config_says_exactly_the_defaults(tmp_path: Path) -> None:
    """What `tracker init` writes loads to what an empty file loads to."""
    assert load(tmp_path, commented_config()).model_dump() == load(tmp_path, "").model_dump()


def test_the_written_examples_load_when_their_comments_go(tmp_path: Path) -> None:
    """Each `# key = value` of the example sections is right, and names every setting of its section."""
    lines = commented_config().splitlines()
    examples = [line[2:] for line in lines if line.startswith(("# [", "# ")) and (" = " in line or line[2] == "[")]
    text = "\n".join(line for line in examples if not line.startswith(("#", "Every", "an ", "Where")))
    environ = {"SOSYALKOPRU_API_KEY": "k", "SOSYALKOPRU_WEBHOOK_SECRET": "s", "OPS_SLACK_URL": "https://h.example/x"}
    environ |= {"SMTP_PASSWORD": "p", "ONCALL_SECRET": "s", "PHONE_APPRISE_URL": "ntfy://topic"}
    settings = load(tmp_path, text, CMS_SECRET="c", **environ)
    assert settings.providers["sosyalkopru"].api_key.get_secret_value() == "k"
    assert {channel.kind for channel in settings.channels.values()} == {"slack", "email", "webhook", "apprise", "log"}
    assert set(tomllib.loads(text)["providers"]["sosyalkopru"]) == set(
        type(settings.providers["sosyalkopru"]).model_fields
    )


def test_every_setting_says_why_it_is_there() -> None:
    """The file that `tracker init` writes has a sentence above each setting."""
    lines = commented_config().splitlines()
    for above, line in pairwise(lines):
        if " = " in line and not line.startswith("#") and line[0].islower():
            assert above.startswith("# "), line
            assert above.endswith((".", ")")), above


def test_values_come_from_the_environment_and_from_files(tmp_path: Path) -> None:
    """{ env } and { file } stand for any value; a file's last line break is not part of it."""
    (tmp_path / "two.secret").write_text("second\n")
    provider = load(tmp_path, PROVIDER, KEY="key", ONE="first").providers["sosyalkopru"]
    assert provider.api_key.get_secret_value() == "key"
    assert [secret.get_secret_value() for secret in provider.webhook_secrets] == ["first", "second"]
    assert provider.api_url == "https://api.example.com/v1"
    assert load(tmp_path, '[server]\nport = { env = "PORT" }', PORT="81").server.port == 81


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """Neither the text nor the JSON of the settings holds a secret."""
    (tmp_path / "two.secret").write_text("verysecret2")
    text = (
        PROVIDER
        + '[database]\nurl = "postgresql://u:verysecret3@h/d"\n[channels.a]\nkind="slack"\nurl="https://verysecret4.example"\n'
    )
    settings = load(tmp_path, text, KEY="verysecret0", ONE="verysecret1")
    assert "verysecret" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_variables_go_over_the_file(tmp_path: Path) -> None:
    """TRACKER_SECTION__KEY sets a value at any depth; commas make lists, and hyphens of names are underscores."""
    text = '[channels.ops-night]\nkind = "log"\n[server]\nport = 1\n'
    settings = load(
        tmp_path,
        text,
        TRACKER_SERVER__PORT="9000",
        TRACKER_OUTBOUND__ALLOW="10.0.0.0/8, cms.internal",
        TRACKER_CHANNELS__OPS_NIGHT__KIND="slack",
        TRACKER_CHANNELS__OPS_NIGHT__URL="https://hooks.example.com/x",
        TRACKER_ENGINE__LEASE="1m30s",
        TRACKER_CONFIG="ignored",
        TRACKER_HOME="not ours",
    )
    assert settings.server.port == 9000
    assert settings.outbound.allow == ("10.0.0.0/8", "cms.internal")
    assert settings.channels["ops-night"].kind == "slack"
    assert settings.engine.lease == timedelta(seconds=90)


def test_the_file_is_the_argument_then_the_variable_then_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--config wins over TRACKER_CONFIG, which wins over ./config.toml; without any there are the defaults."""
    for name, port in (("a.toml", 1), ("b.toml", 2), ("config.toml", 3)):
        (tmp_path / name).write_text(f"server.port = {port}")
    (tmp_path / "empty").mkdir()
    variable = {"TRACKER_CONFIG": str(tmp_path / "b.toml")}
    monkeypatch.chdir(tmp_path)
    assert load_settings(tmp_path / "a.toml", variable).server.port == 1
    assert load_settings(None, variable).server.port == 2
    assert load_settings(None, {}).server.port == 3
    monkeypatch.chdir(tmp_path / "empty")
    assert load_settings(None, {}).server.port == 8000


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("[server]\nhost = 'h'\nprot = 1", 3, "server.prot", 'no such setting (did you mean "port"?)'),
        ("[sever]\nport = 1", 1, "sever", 'did you mean "server"?'),
        ("[server]\n\nport = 'eight'", 3, "server.port", 'must be a valid integer'),
        ("[server]\nport = 70000", 2, "server.port", 'must be less than or equal to 65535, not "70000"'),
        ("[server]\nhost = 5", 2, "server.host", 'must be a valid string, not "5"'),
        ("[server]\nmax_body = '1MB'", 2, "server.max_body", '"1MB" is not a size: write a whole number and a unit'),
        ("[engine]\nlease = '30 sec'", 2, "engine.lease", '"30 sec" is not a duration'),
        ("[engine]\nlease = 30", 2, "engine.lease", "must be a text in quotes"),
        ("[engine]\nlease = '0s'", 2, "engine.lease", "must be longer than nothing"),
        ("[database]\nurl = 'mysql://x'", 2, "database.url", "must begin with postgresql://"),
        ("[telemetry]\nformat = 'jsonn'", 2, "telemetry.format", 'did you mean "json"?'),
        ("[channels.ops]\nkind = 'slck'", 2, "channels.ops.kind", '"slck" is not known (did you mean "slack"?)'),
        ("[channels.ops]\nurl = 'x'", 1, "channels.ops.kind", "is required"),
        ("[channels.ops]\nkind = 'slack'", 1, "channels.ops", 'a channel of kind "slack" needs a url'),
        ("[channels.ops]\nkind = 'slack'\nurl = 'x'", 3, "channels.ops.url", "must be a web address"),
        ("[channels.ops]\nkind = 'webhook'\nurl = 'https://x'\nsecret = 'x'", 4, "channels.ops.secret", '"secrets"?'),
        (EMAIL + "form = 'x'", 6, "channels.ops.form", 'did you mean "from"?'),
        (EMAIL + "tls = 'tls'", 6, "channels.ops.tls", "must be 'starttls', 'implicit' or 'none'"),
        (EMAIL + "username = 'u'", 1, "channels.ops", "username and password go together"),
        (EMAIL + "tls = 'none'\nusername = 'u'\npassword = 'p'", 1, "channels.ops", "would travel in clear"),
        (EMAIL.replace("b@x", "b@x\\nBcc: c@x"), 5, "channels.ops.to.1", "is not a mail address"),
        (EMAIL.replace("<a@x>", "a@x"), 4, "channels.ops.from", "is not a mail address"),
        ("[channels.Ops]\nkind = 'log'", 1, "channels.Ops", "use lower-case letters"),
        ("[providers.action]\nkind='x'\napi_url='https://x'", 1, "providers.action", "call the provider"),
        ("[providers.manual]\nkind='x'\napi_url='https://x'", 1, "providers.manual", "call the provider"),
        ("[providers.reconcile]\nkind='x'\napi_url='https://x'", 1, "providers.reconcile", "call the provider"),
        ("[providers.a]\nkind='x'", 1, "providers.a.api_url", "is required"),
        ("[providers.a]\nkind='x'\napi_url='ftp://x'", 3, "providers.a.api_url", "must be a web address"),
        ("[providers.a]\nkind='x'\napi_url='https://x'\ntimezone='Europe/Istambul'", 4, "providers.a.timezone",
         'did you mean "Europe/Istanbul"?'),
        ("[providers.a]\nkind='x'\napi_url='https://x'\nbudget='9/h'", 4, "providers.a.budget", 'as in "600 in 1h"'),
        ("[providers.a]\nkind='x'\napi_url='https://x'\nbudget=['9 in 1h', '9 in']", 4, "providers.a.budget",
         '"9 in" is not a rate'),
        ("[providers.a]\nkind='x'\napi_url='https://x'\nbudget=[]", 4, "providers.a.budget", "must name a rate"),
        ("[providers.a]\nkind='x'\napi_url='https://x'\nbudget=9", 4, "providers.a.budget", "a text in quotes"),
        ("[providers.a]\nkind='x'\napi_url='https://x'\nbudget='1 in 1s'", 4, "providers.a.budget",
         'write it as in "2 in 2s"'),
        ("[providers.a]\nkind='x'\napi_url='https://x'\ncredits_kept=-1", 4, "providers.a.credits_kept", "to 0"),
        ("[providers.a]\nkind='x'\napi_url='https://x'\nretry='creat'", 4, "providers.a.retry",
         'did you mean "create"?'),
        ("[providers.a]\nkind='x'\napi_url='https://x'\n[providers.a.statuses]\nLIVE='publishd'", 5,
         "providers.a.statuses.LIVE", 'did you mean "published"?'),
        ("[endpoints.a]\nurl='https://x'\nsecrets=[]", 3, "endpoints.a.secrets", "is required"),
        ("[endpoints.a]\nurl='https://x'\nsecrets=['s', '']", 3, "endpoints.a.secrets.1", "a secret must have a value"),
        ("[jobs.reconcil]\nevery='1m'", 1, "jobs.reconcil", 'did you mean "reconcile"?'),
        ("[jobs.prune]\nevery='1m'\ncron='0 4 * * *'", 1, "jobs.prune", "give either every or cron"),
        ("[jobs.prune]\ncron='daily'", 2, "jobs.prune.cron", "is not a cron line"),
        ("[jobs.prune]\ncron='99 99 * * *'", 2, "jobs.prune.cron", '"99" is no minute, which is * or 0 to 59'),
        ("[jobs.prune]\n\ncron='* * 30 2 *'", 3, "jobs.prune.cron", '"* * 30 2 *" never comes'),
        ("[jobs.nightly]\nkind='reconcile'\ncron='0 0 4 * * *'", 3, "jobs.nightly.cron", "has 6 fields, not five"),
        ("[jobs.prune]\nevery='10ms'", 2, "jobs.prune.every", "too often: the shortest interval is 1s"),
        ("[jobs.prune]\nevery='999999999w'", 2, "jobs.prune.every", "the longest duration is 36500d"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_its_key_and_what_is_right(
    tmp_path: Path, text: str, line: int, key: str, words: str
) -> None:
    """The operator reads where the mistake is and what to write instead."""
    told = fault(tmp_path, text)
    assert (told.file, told.line, told.key) == (str(tmp_path / "config.toml"), line, key)
    assert words in told.message


def test_a_secret_is_not_quoted_in_the_error_about_it(tmp_path: Path) -> None:
    """An error about a secret's value does not show the value."""
    for text in (
        "[providers.a]\nkind='x'\napi_url='https://x'\napi_key = 123454321",
        "[database]\nurl='q://123454321'",
    ):
        assert "123454321" not in str(fault(tmp_path, text))


def test_what_names_nothing_is_told_with_all_other_mistakes_and_once(tmp_path: Path) -> None:
    """In the order of the file; what cannot be known is not judged beside."""
    text = """[server]
prot = 1
[database]
url = { env = "NO_URL" }
pool = { env = "NO_POOL" }
[providers.x]
kind = "sosyalkopru"
api_url = { file = "nowhere" }
webhook_secrets = [{ env = "GIVEN" }, { env = "NONE" }]
[channels.ops]
kind = "webhook"
url = { env = "NO_HOOK" }
secret = "s"
[retention]
events = "ages"
"""
    told = fault(tmp_path, text, GIVEN="s")
    lines = [str(told), *told.__notes__]
    places = [line.removeprefix(f"{tmp_path}/config.toml:").partition(": ")[::2] for line in lines]
    assert [(int(line), rest.partition(":")[0]) for line, rest in places] == [
        (2, "server.prot"), (4, "database.url"), (5, "database.pool"), (8, "providers.x.api_url"),
        (9, "providers.x.webhook_secrets.1"), (12, "channels.ops.url"), (13, "channels.ops.secret"),
        (15, "retention.events"),
    ]  # fmt: skip


def test_further_mistakes_are_notes_on_the_first(tmp_path: Path) -> None:
    """All mistakes are told at once."""
    told = fault(tmp_path, "[server]\nprot = 1\nhots = ''\n")
    assert 'did you mean "host"?' in told.__notes__[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[server]\nhost = { env = "NOPE" }', "the environment variable NOPE is not set"),
        (
            '[channels.unused]\nkind = "slack"\nurl = { env = "OPS_URL" }',
            'OPS_URL is not set (did you mean "OPS_URLS"?)',
        ),
        ('[server]\nhost = { env = "A", file = "b" }', "give either { env = … } or { file = … }"),
        ('[server]\nhost = { env = "A", default = "b" }', "and nothing beside it"),
        ("[server]\nhost = { env = 5 }", "needs a name in quotes"),
        ('[server]\nhost = { file = "missing.txt" }', 'the file "missing.txt": there is no such file'),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(tmp_path: Path, text: str, words: str) -> None:
    """Each reference must be right, whether or not anything uses the value."""
    told = fault(tmp_path, text, OPS_URLS="x")
    assert words in told.message
    assert told.line == len(text.splitlines())


def test_a_wrong_variable_is_named_itself(tmp_path: Path) -> None:
    """A mistake in an override names the variable, not the file."""
    told = fault(tmp_path, "[server]\nport = 1", TRACKER_SERVER__PORT="x")
    assert (told.file, told.key) == ("environment", "TRACKER_SERVER__PORT (server.port)")
    told = fault(tmp_path, "", TRACKER_SERVER__PROT="1")
    assert 'did you mean "port"?' in told.message
    told = fault(tmp_path, "server = 5", TRACKER_SERVER__PORT="1")
    assert "is not a table" in told.message


def test_a_file_that_is_missing_or_not_toml_says_so(tmp_path: Path) -> None:
    """A file that cannot be used at all is named with the place of the fault."""
    told = fault(tmp_path, "[server]\nport = = 1")
    assert (told.line, told.column) == (2, 8)
    with pytest.raises(Misconfigured, match="tracker init"):
        load_settings(tmp_path / "none.toml", {})


def test_a_later_check_names_the_line_too(tmp_path: Path) -> None:
    """Who uses a setting can report it as precisely as the loader does."""
    settings = load(tmp_path, '[outbound]\nallow = ["10.0.0.0/8",\n  "10.0.0.0/99"]')
    assert settings.fault("outbound.allow.1", "is no network").line == 3
    assert 'did you mean "get"?' in settings.unknown("providers.a.calls.gett", frozenset({"get", "retry"})).message


def test_every_way_of_writing_a_key_is_found(tmp_path: Path) -> None:
    """Quoted and dotted keys, inline tables, arrays of tables and texts of several lines keep the count right."""
    text = '# c\na."b.c" = 1\nm = """\n[no]\nx = 1\n"""\n[[t]]\nk = [\n 1,\n]\n[t.u]\n"v" = { w = 2 }\n'
    (tmp_path / "config.toml").write_text(text)
    lines = read_file(tmp_path / "config.toml")[1].lines
    assert lines[("a", "b.c")] == 2
    assert lines[("m",)] == 3
    assert lines[("t", "0", "k")] == 8
    assert ("no",) not in lines
    assert {12} == {line for key, line in lines.items() if "w" in key}


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ('[channels.ops]\nkind = "slak"', "channels.ops", 'config.toml:2: channels.ops.kind: "slak" is not known (did'),
        ("[channels.ops]\nkin = 1", "channels.ops", "config.toml:1: channels.ops.kind: is required"),
        ('[channels.ops]\nkind = "webhook"\nurl = "nowhere"', "channels.ops", ":3: channels.ops.url: must be a web"),
        ('[channels.ops]\nkind = "slack"\nurl = { env = "GONE" }', "channels.ops", "variable GONE is not set"),
        ('[channels."a\\u001bb"]\nkind = "log"', "channels.a\x1bb", r':1: channels."a\u001bb": "a'),
        ("[channels]\nops = 5", "channels.ops", "config.toml:2: channels.ops: "),
        ("channels = 5", "channels", "config.toml:1: channels: "),
        ('[endpoints.cms]\nurl = "https://x.example"', "endpoints.cms", "endpoints.cms.secrets: is required"),
    ],
)
def test_a_channel_or_endpoint_that_is_faulty_is_left_out_and_named(
    tmp_path: Path, text: str, name: str, words: str
) -> None:
    """Everything else holds, the good ones beside it too."""
    good = '[endpoints.web]\nurl = "https://x.example"\nsecrets = ["x"]\n'
    settings = load(tmp_path, f"{text}\n{good}[server]\nport = 7\n")
    assert list(settings.left_out) == [name]
    assert words in str(settings.left_out[name][0])
    assert str(settings.left_out[name][0]).isprintable()
    assert (settings.channels, list(settings.endpoints), settings.server.port) == ({}, ["web"], 7)
    assert name.partition(".")[2] in settings.names("channels") | settings.names("endpoints") | {""}


def test_a_variable_that_does_not_fit_a_channel_leaves_out_the_channel(tmp_path: Path) -> None:
    settings = load(tmp_path, '[channels.ops]\nkind = "log"\n', TRACKER_CHANNELS__OPS__KIND__X="1")
    assert "TRACKER_CHANNELS__OPS__KIND__X" in str(settings.left_out["channels.ops"][0])


def test_a_fault_elsewhere_is_told_with_those_of_channels(tmp_path: Path) -> None:
    """And refuses all: it cannot be told what was meant."""
    with pytest.raises(Misconfigured) as told:
        load(tmp_path, '[channels.ops]\nkind = "slak"\n[server]\nport = "x"\n[channels.a]\nkind = "slack"\n')
    every = "\n".join([str(told.value), *told.value.__notes__])
    assert all(word in every for word in ("channels.ops.kind", "server.port", "channels.a: "))


def test_what_is_printed_of_a_setting_holds_no_control_character(tmp_path: Path) -> None:
    """A key is shown as it could be written, on one line, with its place; an unknown table too."""
    for text, wanted in (
        ('\n"\\u001b[2J" = 1', ':2: "\\u001b[2J": there is no such setting'),
        ('"a\\nb" = 1', ':1: "a\\nb": there is no such setting'),
        ('"" = 1', ':1: "": there is no such setting'),
        ("\n\n[a.b.c]\n", ":3: a: there is no such setting"),
        ('[server]\nhost = 1\n"p\\u0007" = 2', ':3: server."p\\u0007": there is no such setting'),
    ):
        told = fault(tmp_path, text)
        every = [str(told), *getattr(told, "__notes__", ())]
        assert any(wanted in one for one in every), every
        assert all(one.isprintable() for one in every)
