"""What somebody else may put where a rule file or config.toml belongs: each is one line, and none is waited for."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tracker.errors import Misconfigured
from tracker.rulebook import folder, load_kept, load_rules
from tracker.rulebook.folder import MOST_TOLD, look_of
from tracker.settings import load_settings
from tracker.toml import opening, parse

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = '[rule.a]\non = "post.failed"\ndo = [{ alert = "ops", title = "x" }]\n'
DEEP = "[" * 5000


def a_socket(file: Path) -> None:
    """Bound within its folder, because such an address is short."""
    with socket.socket(socket.AF_UNIX) as bound:
        before = Path.cwd()
        os.chdir(file.parent)
        try:
            bound.bind(file.name)
        finally:
            os.chdir(before)


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, ": is a pipe, not a file: write its text to a file"),
    "a socket": (a_socket, ": is a socket, not a file: move it"),
    "a device": (lambda file: file.symlink_to("/dev/zero"), ": is a device, not a file"),
    "a folder": (lambda file: file.mkdir(), ": is a folder, not a file: move it"),
    "a link to itself": (lambda file: file.symlink_to(file.name), ": is a link that leads to itself: remove it"),
    "a link to nothing": (lambda file: file.symlink_to("gone"), ': is a link to a file "gone" that is not there'),
    "too large": (lambda file: file.write_bytes(b"#" * (opening.LARGEST + 1)), ": is larger than 8 MiB: split it"),
    "Windows-1254": (
        lambda file: file.write_bytes("# a\n# saat ışık".encode("cp1254")),
        ':2:8: the byte 0xFD ("ı" in Windows-1254) is not UTF-8: save the file as UTF-8',
    ),
    "a byte of no encoding": (lambda file: file.write_bytes(b"\x8d"), ":1:1: the byte 0x8D is not UTF-8"),
    "UTF-16 with a mark": (lambda file: file.write_text("a = 1", "utf-16"), ":1:1: is UTF-16: save it as UTF-8"),
    "UTF-16 without": (lambda file: file.write_text("a = 1", "utf-16-be"), ":1:1: is UTF-16: save it as UTF-8"),
    "UTF-32": (lambda file: file.write_text("a = 1", "utf-32"), ":1:1: is UTF-32: save it as UTF-8"),
    "a lone CR": (lambda file: file.write_bytes(b"# a\r# b"), ":1:4: is not TOML: a carriage return stands alone"),
    "deep lists": (lambda file: file.write_text(f"\ndo = {DEEP}"), ":2:70: is nested too deeply: 64 brackets"),
    "deep tables": (lambda file: file.write_text("a = " + "{a = " * 5000), ":1:325: is nested too deeply"),
    "a deep key": (lambda file: file.write_text("a." * 500_000 + "a = 1"), ":1:128: is nested too deeply: 64 parts"),
    "a deep header": (lambda file: file.write_text("[" + "a . " * 500_000 + "a]"), ":1:256: is nested too deeply"),
    "a long number": (lambda file: file.write_text("\na = " + "1" * 5000), ":2:5: is not TOML: an integer has at most"),
    "a long number in base 16": (lambda file: file.write_text("a = 0x" + "f" * 17), ":1:5: is not TOML: an integer"),
    "a text without an end": (lambda file: file.write_text('a = """' + '\\"' * 99_999), "is not TOML: Unterminated"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_rule_file_is_one_fault_and_the_others_are_read(tmp_path: Path, name: str) -> None:
    """With the file, the line and the column where it has any, and what to do."""
    make, what = ODD[name]
    make(tmp_path / "r.toml")
    (tmp_path / "s.toml").write_text(GOOD)
    book = load_rules(tmp_path)
    (fault,) = book.faults
    assert str(fault).startswith(f"{tmp_path}/r.toml:")
    assert what in str(fault)
    assert str(fault).isprintable()
    assert [rule.id for rule in book.rules] == ["a"]


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_configuration_is_one_fault(tmp_path: Path, name: str) -> None:
    make, what = ODD[name]
    make(tmp_path / "config.toml")
    with pytest.raises(Misconfigured) as told:
        load_settings(tmp_path / "config.toml", {})
    assert what in str(told.value)
    assert str(told.value).startswith(f"{tmp_path}/config.toml:")
    assert not hasattr(told.value, "__notes__")


def test_a_mark_before_the_text_is_no_part_of_it(tmp_path: Path) -> None:
    """Some editors write it; columns are counted after it."""
    (tmp_path / "r.toml").write_text(GOOD.replace("\n", "\r\n"), "utf-8-sig")
    assert not load_rules(tmp_path).faults
    (tmp_path / "r.toml").write_text(f"x = 1\n{GOOD}", "utf-8-sig")
    assert load_rules(tmp_path).faults[0].column == 1
    (tmp_path / "config.toml").write_text("[server]\nport = 1\n", "utf-8-sig")
    assert load_settings(tmp_path / "config.toml", {}).server.port == 1


def test_a_file_that_is_written_to_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as it changes, up to a bound: what is taken stood there at one moment."""
    file = tmp_path / "r.toml"
    file.write_text("x" * 10)
    versions = iter([(1, 1), (2, 2), (3, 3), (3, 3)])
    with monkeypatch.context() as changing:
        changing.setattr(opening, "_version", lambda _: next(versions))
        assert opening.read_text(file) == "x" * 10
        assert not list(versions)
    moments = iter(range(100))
    monkeypatch.setattr(opening, "_version", lambda _: (next(moments), 0))
    with pytest.raises(Misconfigured, match="changes while it is read: write it anew and rename it"):
        opening.read_text(file)


def test_a_file_that_a_setting_refers_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "secret")
    (tmp_path / "config.toml").write_text('[server]\nhost = { file = "secret" }\n')
    with pytest.raises(Misconfigured, match=r'config.toml:2: server.host: the file "secret": is a pipe'):
        load_settings(tmp_path / "config.toml", {})


def test_a_template_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    os.mkfifo(tmp_path / "templates" / "t")
    (tmp_path / "r.toml").write_text(GOOD.replace('title = "x"', 'title = "x", template = "t"'))
    (fault,) = load_rules(tmp_path).faults
    assert 'there is no file "t" under templates/' in str(fault)


@pytest.mark.parametrize("text", ["{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "{% if true %}" * 2000])
def test_a_template_that_is_nested_deeply_is_one_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "t").write_text(text)
    (tmp_path / "r.toml").write_text(GOOD.replace('title = "x"', 'title = "x", template = "t"'))
    (fault,) = load_rules(tmp_path).faults
    assert str(fault).startswith(f"{tmp_path}/templates/t:1")


@pytest.mark.parametrize(
    "condition",
    ["(" * 900 + "true" + ")" * 900, "!" * 1900 + "true", "true" + " && true" * 220, "[" * 900 + "]" * 900 + " == []"],
)
def test_a_condition_that_is_nested_deeply_is_judged_or_refused(tmp_path: Path, condition: str) -> None:
    (tmp_path / "r.toml").write_text(f"{GOOD}when = '{condition}'\n")
    for fault in load_rules(tmp_path).faults:
        assert (fault.line, fault.key, "recursion" in fault.message) == (4, "rule.a.when", True)


def test_values_of_a_test_that_are_nested_deeply_are_one_fault(tmp_path: Path) -> None:
    facts = f"0s > post.failed labels={'{' * 5000}"
    (tmp_path / "r.toml").write_text(f'{GOOD}[[test]]\nrule = "a"\ntimeline = "{facts}"\n')
    (fault,) = load_rules(tmp_path).faults
    assert (fault.line, len(str(fault)) < 1500) == (6, True)


def test_workflows_that_run_one_another_without_an_end_in_sight_are_faults(tmp_path: Path) -> None:
    chain = "".join(f'[workflow.w{n}]\ndo = [{{ run = "w{n + 1}" }}]\n' for n in range(400))
    (tmp_path / "r.toml").write_text(f'{chain}[workflow.w400]\ndo = [{{ retry = "publish" }}]\n')
    faults = load_rules(tmp_path).faults
    assert faults
    assert all("steps in all; 100 are allowed" in str(fault) for fault in faults)


def test_loops_of_links_end_and_are_told(tmp_path: Path) -> None:
    """In the folder and in that of the templates; what watches for edits does not follow them either."""
    (tmp_path / "r.toml").write_text(GOOD)
    (tmp_path / "templates").mkdir()
    for place in (tmp_path, tmp_path / "templates"):
        (place / "again").symlink_to(place)
        (place / "above").symlink_to("..")
    book = load_rules(tmp_path)
    assert not book.faults
    assert [str(doubt) for doubt in book.warnings] == [
        f"{tmp_path}/{name}: is not read: it is a link to a folder" for name in ("above", "again")
    ]
    assert len(look_of(tmp_path)) < 20


def test_files_that_are_passed_over_are_told(tmp_path: Path) -> None:
    """Those of another case, of other programs, and copies; nothing else of what stands beside rules."""
    (tmp_path / "clients").mkdir()
    (tmp_path / ".git").mkdir()
    names = ["clients/acme.yaml", "R.TOML", "r.yaml", "r.toml.bak", "r.toml~"]
    for name in [*names, "notes.md", ".git/x.toml", "rules.schema.json"]:
        (tmp_path / name).write_text(GOOD)
    (tmp_path / "r.toml").write_text(GOOD)
    (tmp_path / ".#r.toml").symlink_to("somebody@somewhere")
    book = load_rules(tmp_path)
    assert not book.faults
    told = {str(Path(doubt.file).relative_to(tmp_path)): doubt.message for doubt in book.warnings}
    assert told == dict.fromkeys(names, "is not read: rule files end in .toml")


def test_files_in_folders_below_are_read(tmp_path: Path) -> None:
    """With their folder in every fault and in what is kept; templates are none, wherever they stand in their folder."""
    deep = tmp_path / "clients" / "eu" / "acme.toml"
    deep.parent.mkdir(parents=True)
    deep.write_text(GOOD)
    (tmp_path / "r.toml").write_text(GOOD.replace("rule.a", "rule.b"))
    (tmp_path / "templates" / "mail").mkdir(parents=True)
    (tmp_path / "templates" / "mail" / "x.toml").write_text("{{ no rule }}")
    before, book = look_of(tmp_path), load_rules(tmp_path)
    assert ([rule.id for rule in book.rules], book.faults, book.warnings) == (["a", "b"], (), ())
    assert book.sources.keys() == {"clients/eu/acme.toml", "r.toml"}
    assert [rule.id for rule in load_kept(book.sources, tmp_path).rules] == ["a", "b"]
    deep.write_text(GOOD.replace("title", "titel"))
    assert look_of(tmp_path) != before
    assert [fault.file for fault in load_rules(tmp_path).faults] == [str(deep)] * 2


def test_the_same_rule_in_two_folders_is_a_fault(tmp_path: Path) -> None:
    for client in ("acme", "globex"):
        (tmp_path / client).mkdir()
        (tmp_path / client / "r.toml").write_text(GOOD)
    (fault,) = load_rules(tmp_path).faults
    assert str(fault).startswith(f"{tmp_path}/globex/r.toml:1:2: rule.a: there is a rule of that name already: ")


def test_folders_that_are_too_deep_are_told(tmp_path: Path) -> None:
    deep = tmp_path / "/".join("abcdefghij")
    deep.mkdir(parents=True)
    (deep / "r.toml").write_text(GOOD)
    told = [str(doubt) for doubt in load_rules(tmp_path).warnings]
    assert f"{tmp_path}/a/b/c/d/e/f/g/h/i: is not read: it is over 8 folders deep" in told


def test_too_many_files_are_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where some are left out nobody can tell which rules are in force."""
    monkeypatch.setattr(folder, "MOST_ENTRIES", 20)
    (tmp_path / "clients").mkdir()
    for number in range(20):
        (tmp_path / "clients" / f"{number}.toml").write_text(GOOD.replace("rule.a", f"rule.a{number}"))
    (fault,) = load_rules(tmp_path).faults
    assert "holds more than 20 files and folders: " in str(fault)


def test_of_very_many_files_that_are_passed_over_some_are_told(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}.yaml").touch()
    warnings = load_rules(tmp_path).warnings
    assert len(warnings) == MOST_TOLD + 2
    assert str(warnings[-1]) == f"{tmp_path}: {50 - MOST_TOLD} more files are not read"


def test_a_folder_and_a_file_without_rules_are_told(tmp_path: Path) -> None:
    assert [str(doubt) for doubt in load_rules(tmp_path).warnings] == [
        f"{tmp_path}: holds no rule file: there is no *.toml in it"
    ]
    (tmp_path / "r.toml").write_text("# nothing yet\n")
    assert [str(doubt) for doubt in load_rules(tmp_path).warnings] == [
        f"{tmp_path}/r.toml:1:1: is empty: there is no rule, workflow or test in it"
    ]


@pytest.mark.parametrize(
    ("file", "what"), [("nowhere", "there is no such folder: make it"), ("r.toml", "is not a folder: make it")]
)
def test_a_folder_that_is_none_is_a_fault(tmp_path: Path, file: str, what: str) -> None:
    (tmp_path / "r.toml").write_text(GOOD)
    (fault,) = load_rules(tmp_path / file).faults
    assert what in str(fault)


def test_an_edit_is_noticed_whatever_it_leaves_alone(tmp_path: Path) -> None:
    """Text, the file itself, its rights, what a link leads to, a file that was not there."""
    file, other = tmp_path / "r.toml", tmp_path / "other"
    file.write_text(GOOD)
    (tmp_path / "l.toml").symlink_to("target")
    seen = [look_of(tmp_path)]

    def edit(change: Callable[[], object]) -> None:
        change()
        seen.append(look_of(tmp_path))
        assert seen[-1] not in seen[:-1]

    def replaced() -> None:
        known = file.stat()
        other.write_text(GOOD.upper())
        os.utime(other, ns=(known.st_atime_ns, known.st_mtime_ns))
        other.replace(file)

    edit(lambda: file.write_text(GOOD + "\n"))
    edit(replaced)
    edit(lambda: file.chmod(0o600))
    edit(lambda: (tmp_path / "target").write_text("x"))
    edit((tmp_path / "n.toml").touch)


def test_texts_that_look_deep_and_are_not_are_read() -> None:
    """Brackets and dots within texts and remarks, and many tables one after another, count for nothing."""
    many = "".join(f"[t.{n}]\nx = [[1.5, 2.5], '[[[[']\n" for n in range(500))
    text = f"# {'[' * 99} {'a.' * 99}\na = \"{'[' * 99}{'a.' * 99}\"\nb = '''\n{'[' * 99}\n'''\n{many}"
    assert len(parse(text, "r.toml").table) == 3


def test_reading_does_not_hold_other_threads(tmp_path: Path) -> None:
    """A pipe that nobody writes to is refused before anybody waits for it."""
    os.mkfifo(tmp_path / "r.toml")
    reading = threading.Thread(target=load_rules, args=(tmp_path,), daemon=True)
    reading.start()
    reading.join(20)
    assert not reading.is_alive()
