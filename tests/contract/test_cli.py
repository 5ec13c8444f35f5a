"""The command line as a whole: help, exit codes, how soon it answers, and the first steps in a new folder."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import typer.main
from typer.testing import CliRunner

import tracker as package
from tests.contract.command_line import CommandLine, clean_environment, said, take
from tests.integration.pooler import needs_pgbouncer, pooler
from tracker import cli
from tracker.cli import HOMES, command_line, every_command
from tracker.cli.context import program

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAVY = {"aiohttp", "alembic", "asyncpg", "litestar", "pydantic", "sqlalchemy", "sqlmodel", "structlog", "uvicorn"}
NEVER = {"aiohttp", "apscheduler", "litestar", "uvicorn"}
"""What serves, calls and wakes: no command that reads needs it."""
LOADED = """
import json, sys
from tracker.cli import main
try:
    main()
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""
RUN_ON = {"demo", "mcp", "simulate", "serve"}
FILES = {"rules schema", "rules record", "completion"}
"""Commands whose answer is a file of its own form."""

CONFIGLESS = {"bench", "completion", "demo", "init", "mcp", "simulate"}


@pytest.fixture
def tracker(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def commands() -> Iterator[tuple[str, typer.models.CommandInfo]]:
    """Every command's words."""
    whole = every_command()
    nouns = [("", whole), *((f"{group.name} ", group.typer_instance) for group in whole.registered_groups)]
    for noun, group in nouns:
        assert group is not None
        for command in group.registered_commands:
            assert command.callback is not None
            yield noun + (command.name or command.callback.__name__), command


EVERY = dict(commands())


@pytest.mark.parametrize("words", EVERY)
def test_every_command_explains_itself_and_takes_the_usual_options(words: str) -> None:
    told = CliRunner().invoke(every_command(), [*words.split(), "--help"])
    assert told.exit_code == 0
    explained = told.output.split("\n\n")[1].strip()
    assert len(explained) > len("Usage: "), told.output
    assert ("--config" in told.output) is (words not in CONFIGLESS)
    assert ("--json" in told.output) is (words not in RUN_ON | FILES)


def helps(command: Any) -> Iterator[str]:
    """All that a command's help has to say, line by line."""
    for one in (command, *command.params):
        yield from (one.help or "").splitlines()


@pytest.mark.parametrize("words", EVERY)
def test_a_terminal_shows_each_help_whole(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what stands in brackets, as `[[test]]` and `[providers.<name>]` do."""
    monkeypatch.setattr(cli.app, "rich_markup_mode", "rich")
    command: Any = typer.main.get_command(every_command())
    for word in words.split():
        command = command.commands[word]
    monkeypatch.setenv("COLUMNS", "400")
    with redirect_stdout(io.StringIO()) as told, pytest.raises(SystemExit):
        command_line()([*words.split(), "--help"])
    assert "╭" in told.getvalue()
    assert [line for line in helps(command) if line.strip() not in told.getvalue()] == []


def test_help_comes_at_once() -> None:
    """Nothing is loaded that only some commands need: that is what would take long."""
    shown, loaded = loaded_by("--help")
    assert "posts" in shown
    assert not HEAVY & loaded


def loaded_by(*words: str) -> tuple[str, set[str]]:
    """What a command of its own process says, and the packages that it has loaded at its end."""
    ran = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=True)
    return ran.stdout, set(json.loads(ran.stderr.splitlines()[-1]))


def test_rules_are_checked_without_the_database_and_without_the_service(tracker: CommandLine) -> None:
    config = str(tracker.configure("postgresql://nobody@127.0.0.1:9/none").folder / "config.toml")
    shown, loaded = loaded_by("rules", "check", "--config", config)
    assert "nothing is wrong" in shown
    assert not (NEVER | HEAVY - {"pydantic"}) & loaded


@pytest.mark.parametrize("words", [["posts", "list"], ["posts", "show", "p1"]], ids=" ".join)
def test_posts_are_read_without_what_serves_and_what_calls(
    words: list[str], tracker: CommandLine, database_url: str
) -> None:
    tracker.configure(database_url)
    take(database_url, said("post.failed", "p1", 0))
    shown, loaded = loaded_by(*words, "--config", str(tracker.folder / "config.toml"))
    assert "p1" in shown
    assert not (NEVER | {"prometheus_client"}) & loaded


@pytest.mark.skipif(not shutil.which("bash"), reason="it is about bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [(["tracker", "posts", "wa"], ["watch"]), (["tracker", "runs", "list", "--st"], ["--state"]),
     (["tracker", "sil"], ["silences"])],
)  # fmt: skip
def test_a_shell_completes_commands_and_options(typed: list[str], offered: list[str]) -> None:
    script = (
        'eval "$(tracker completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tracker_completion tracker;'
        ' printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environ = clean_environment() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [shutil.which("bash") or "", "-c", script, "bash", *typed]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == offered, ran.stderr


def test_only_shells_that_are_known_are_completed(tracker: CommandLine) -> None:
    for shell in ("zsh", "fish"):
        assert "_TRACKER_COMPLETE" in tracker("completion", shell).out
    ran = tracker("completion", "bsh")
    assert (ran.code, 'did you mean "bash"' in ran.err) == (2, True)


@pytest.mark.parametrize("word", HOMES)
def test_one_word_brings_all_that_stands_behind_it(word: str) -> None:
    shown, _ = loaded_by(word, "--help")
    names = {line.removeprefix(f"{word} ") for line in EVERY if line.startswith(f"{word} ")}
    assert all(re.search(rf"^ +{re.escape(name)} ", shown, re.MULTILINE) for name in names), shown


def test_what_is_used_wrongly_is_refused_with_the_nearest_right_word(tracker: CommandLine) -> None:
    for words, near in (
        (["pots", "list"], "posts"), (["posts", "lst"], "list"), (["posts", "list", "--stat", "failed"], "--state"),
        (["serve", "--role", "workr"], "worker"), (["db", "status", "--config", "nowhere.toml"], "tracker init"),
    ):  # fmt: skip
        ran = tracker(*words)
        assert (ran.code, ran.out) == (2, ""), words
        assert near in ran.err, words
        assert "Traceback" not in ran.err


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        yield somebody.getsockname()[1]


@pytest.mark.parametrize("words", ["demo", "simulate"])
def test_a_port_that_is_taken_is_named_before_any_address_is_told(tracker: CommandLine, taken: int, words: str) -> None:
    """With how another one is chosen, in the words of whoever stands in this folder."""
    ran = tracker(words, "--port", str(taken))
    told = " ".join(ran.err.replace("│", "").split())
    assert (ran.code, ran.out) == (2, "")
    way = os.path.relpath(Path(__file__).parents[2] / "run", tracker.folder)
    assert f"Invalid value for --port: {taken} is taken: `{way} {words} --port 0` takes a free one" in told
    assert not (tracker.folder / ".tracker").exists()


def test_a_service_names_a_taken_port_before_it_makes_a_database(tracker: CommandLine, taken: int) -> None:
    (tracker.folder / "config.toml").write_text(f"[server]\nport = {taken}\n")
    ran = tracker("serve")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"tracker: config.toml:2: server.port: {taken} is taken: ")
    assert len(ran.err.splitlines()) == 1
    assert not (tracker.folder / ".tracker").exists()


@pytest.mark.parametrize(
    ("checkout", "standing", "called"),
    [(True, ".", "./run"), (True, "rules", "../run"), (False, ".", "tracker")],
)
def test_it_is_called_as_it_can_be_called_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: bool, standing: str, called: str
) -> None:
    """By its script in a checkout, and by its name where a wheel is installed."""
    for folder in ("tracker", "rules"):
        (tmp_path / folder).mkdir()
    if checkout:
        (tmp_path / "run").touch()
    monkeypatch.setattr(package, "__file__", str(tmp_path / "tracker" / "__init__.py"))
    monkeypatch.chdir(tmp_path / standing)
    assert program() == called


def test_the_first_steps_in_a_new_folder(tracker: CommandLine) -> None:
    """What `init` writes is in order, tested, and never written over."""
    for words in ((), ("below/it",)):
        assert tracker("init", *words).code == 0
    before = (tracker.folder / "config.toml").read_text()
    checked, tested = tracker("rules", "check"), tracker("rules", "test")
    assert (checked.code, tested.code) == (0, 0), checked.err + tested.err
    assert "1 passed" in tested.out
    written = tracker("init", "elsewhere", "--json").json["written"]
    assert written == ["elsewhere/config.toml", "elsewhere/rules/first.toml"]
    again = tracker("init")
    assert (again.code, (tracker.folder / "config.toml").read_text()) == (2, before)
    assert "config.toml: exists already" in again.err
    (tracker.folder / "config.toml").unlink()
    again = tracker("init")
    assert again.code == 2
    assert "first.toml: exists already" in again.err
    assert not (tracker.folder / "config.toml").exists()


NEEDED = {
    "posts show": ("p1",), "posts why": ("p1",), "posts create": ("--platform", "x", "--text", "hello"),
    "rules explain": ("r", "--post", "p1"), "rules record": ("r", "--post", "p1"), "channels test": ("ops",),
    "webhooks register": ("https://example.com/webhooks/sosyalkopru",), "webhooks delete": ("wh_1",),
    "webhooks test": ("wh_1",), "send": ("--event", "post.failed", "--post", "p1"), "quarantine replay": ("1",),
    "quarantine discard": ("1",), "keys create": ("--name", "me"), "keys revoke": ("k",), "log prune": ("--yes",),
    "providers shapes": ("sosyalkopru",), "providers trial": ("sosyalkopru",),
    "posts retry": ("p1",), "posts reconcile": ("p1",), "silences add": ("rule=*", "--for", "2h", "--reason", "x"),
    "posts silence": ("--note", "x", "--for", "2h"),
    "rules show": ("r",), "rules enable": ("r",), "rules disable": ("r",), "rules resume": ("r",),
    **{f"{noun} {order}": ("00000000-0000-0000-0000-000000000000",)
       for noun, orders in (("actions", ("show", "retry", "discard")), ("runs", ("show", "cancel", "acknowledge")),
                            ("silences", ("show", "end")), ("plans", ("show", "pause", "resume", "cancel")))
       for order in orders},
}  # fmt: skip
ANYWHERE = CONFIGLESS | {"rules schema", "serve", "db upgrade", "db status"}


@pytest.mark.parametrize("words", sorted(EVERY.keys() - ANYWHERE))
def test_where_nothing_is_configured_nothing_is_answered_and_nothing_made(tracker: CommandLine, words: str) -> None:
    """Somebody in the wrong folder must not believe that there are no posts."""
    ran = tracker(*words.split(), *NEEDED.get(words, ()))
    assert (ran.code, ran.out) == (2, ""), words
    here = f"tracker: there is no config.toml here (looked in {tracker.folder}): name one by --config PATH or"
    assert ran.err.startswith(here), ran.err
    assert len(ran.err.splitlines()) == 1
    assert [*tracker.folder.iterdir()] == [tracker.rules]


READING = [
    "posts list", "posts show", "posts watch", "posts why", "rules backtest", "rules diff", "rules record",
    "rules explain", "keys list", "keys revoke", "quarantine list", "quarantine replay", "quarantine discard",
    "log rebuild", "log prune", "webhooks list", "db status", "providers shapes", "providers trial", "runs list",
    "runs show", "actions list", "actions show", "silences list", "silences show", "rules list", "rules show",
    "accounts list",
]  # fmt: skip


@pytest.mark.parametrize("words", READING)
def test_a_command_that_reads_makes_no_database(tracker: CommandLine, words: str) -> None:
    """With an embedded one that no service has made yet."""
    rule = '[rule.r]\non = "post.failed"\ndo = [{ alert = "ops", title = "failed" }]\n'
    (tracker.rules / "all.toml").write_text(rule)
    config = tracker.configure("").folder / "config.toml"
    for named in ((), ("--config", str(config))):
        ran = tracker(*words.split(), *NEEDED.get(words, ()), *named)
        assert (ran.code, ran.out) == (1, ""), ran.err
        assert ran.err.splitlines()[-1] == (
            f"tracker: there is no database yet in {tracker.folder}/.tracker/postgres: `tracker serve` makes it"
        )
    assert {file.name for file in tracker.folder.iterdir()} == {"config.toml", "rules"}


def test_the_environment_alone_may_configure(tracker: CommandLine, database_url: str) -> None:
    ran = tracker("posts", "list", "--json", TRACKER_DATABASE__URL=database_url)
    assert (ran.code, ran.json["items"]) == (0, [])
    assert tracker("doctor", TRACKER_DATABASE__URL=database_url).code == 0
    assert [*tracker.folder.iterdir()] == [tracker.rules]


def test_the_schema_is_looked_at_and_brought_forward(tracker: CommandLine, empty_database_url: str) -> None:
    tracker.configure(empty_database_url)
    before = tracker("db", "status", "--json")
    assert (before.code, before.json["current"]) == (1, None)
    assert "run `tracker db upgrade`" in tracker("db", "status").out
    refused = tracker("posts", "list")
    assert (refused.code, "run `tracker db upgrade`" in refused.err) == (2, True)
    done = tracker("db", "upgrade")
    assert (done.code, done.lines[:-1]) == (0, [f"applied {revision}" for revision in before.json["pending"]])
    assert tracker("db", "upgrade", "--json").json == {"applied": []}
    after = tracker("db", "status", "--json")
    assert (after.code, after.json["pending"], after.json["current"]) == (0, [], before.json["head"])


def test_a_database_that_is_not_there_is_one_clear_line(tracker: CommandLine, postgres_url: str) -> None:
    nowhere = urlunsplit(urlsplit(postgres_url)._replace(path="/nowhere"))
    for url, code, says in (
        ("postgresql://somebody@127.0.0.1:1/nothing", 1, "the database is away"),
        (nowhere, 2, 'database.url: the database refuses us: database "nowhere" does not exist'),
    ):
        ran = tracker.configure(url)("db", "status")
        assert (ran.code, ran.out) == (code, "")
        assert says in ran.err
        assert len(ran.err.splitlines()) == 1


@needs_pgbouncer
def test_a_pooler_that_keeps_no_session_is_one_line_for_every_command(
    tracker: CommandLine, database_url: str, tmp_path: Path
) -> None:
    with pooler(tmp_path / "pooler", database_url, "transaction") as address:
        tracker.configure(address, port=0)
        for words in (("serve",), ("serve", "--migrate"), ("posts", "list"), ("db", "status"), ("db", "upgrade")):
            ran = tracker(*words)
            assert (ran.code, ran.out) == (2, ""), words
            (said,) = [line for line in ran.err.splitlines() if not line.startswith("{")]  # what serve logs
            assert said.startswith("tracker: database.url: a pooler in transaction mode stands between: "), said
        examined = tracker("doctor", "--json")
    (told,) = [one for one in examined.json["items"] if one["check"] == "database"]
    assert (examined.code, told["verdict"]) == (1, "problem")
    assert "a pooler in transaction mode stands between" in told["found"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("connect_timeout=10", 'holds "connect_timeout", a word of libpq that means nothing here: take it out'),
        ("keepalives=1", 'holds "keepalives", a word of libpq'),
        ("sslmode=verify-full&sslrootcert=system", "name their file"),
        ("foo=bar", 'cannot be used: unrecognized configuration parameter "foo"'),
    ],
)
def test_a_word_in_the_databases_address_that_nobody_knows_is_one_line(
    tracker: CommandLine, database_url: str, more: str, says: str
) -> None:
    tracker.configure(f"{database_url}&{more}", port=0)
    for words in (("serve",), ("posts", "list"), ("doctor",)):
        ran = tracker(*words)
        lines = [line for line in (ran.out + ran.err).splitlines() if "database.url" in line]
        assert ran.code == (1 if words == ("doctor",) else 2)
        assert len(lines) == 1, ran
        assert says in lines[0]
        assert "Traceback" not in ran.err
