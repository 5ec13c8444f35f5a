"""The secret file: the newest first, whole at every moment, for its owner alone, and read again when it changes."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tracker.errors import Misconfigured
from tracker.providers.secret_file import SecretFile, StoredSecrets

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "the.secrets"


def test_the_newest_stands_first_and_nobody_else_can_read_it(path: Path) -> None:
    file = SecretFile(path)
    assert file.secrets == ()
    file.add("one", "wh_1")
    file.add("two", "wh_2")
    assert path.read_text() == "two wh_2\none wh_1\n"
    assert (stat.S_IMODE(path.stat().st_mode), file.is_open_to_others()) == (0o600, False)
    assert [entry.name for entry in path.parent.iterdir()] == ["the.secrets"]
    assert SecretFile(path).secrets == (b"two", b"one")
    assert "one" not in repr(file.kept)


def test_what_somebody_wrote_by_hand_is_read_and_kept(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("\n  by-hand  \r\n\nşifre\twh_1\n", encoding="utf-8")
    file = SecretFile(path)
    assert file.kept == (StoredSecrets("by-hand"), StoredSecrets("şifre", "wh_1"))
    file.add("new", "wh_2")
    assert [one.secret for one in SecretFile(path).kept] == ["new", "by-hand", "şifre"]


def test_a_secret_goes_with_its_webhook(path: Path) -> None:
    file = SecretFile(path)
    for secret, webhook in (("one", "wh_1"), ("two", "wh_2")):
        file.add(secret, webhook)
    assert (file.drop("wh_1"), file.drop("wh_1")) == (True, False)
    assert path.read_text() == "two wh_2\n"


def test_another_process_s_change_is_seen_once(path: Path) -> None:
    """Added, taken away, or the whole file gone."""
    ours, theirs = SecretFile(path), SecretFile(path)
    assert not ours.changed()
    theirs.add("one", "wh_1")
    assert (ours.changed(), ours.changed(), ours.secrets) == (True, False, (b"one",))
    theirs.drop("wh_1")
    assert (ours.changed(), ours.secrets) == (True, ())
    theirs.add("two", "wh_2")
    path.unlink()
    assert (ours.changed(), ours.secrets) == (True, ())


def test_a_file_that_is_broken_later_changes_nothing(path: Path) -> None:
    """The secrets that were known stay active, and who starts anew is told what is wrong."""
    file = SecretFile(path)
    file.add("one", "wh_1")
    for wrong in (b"a b c\n", b"\xff\xfe"):
        path.write_bytes(wrong)
        assert (file.changed(), file.secrets) == (False, (b"one",))
        with pytest.raises(Misconfigured, match=r"the\.secrets"):
            SecretFile(path)
    path.write_text("two\n")
    assert (file.changed(), file.secrets) == (True, (b"two",))


def test_what_was_taken_away_ends_soon_without_a_wrong_signature(path: Path) -> None:
    file = SecretFile(path)
    file.add("one", "wh_1")
    file.keep_up(NOW)
    path.write_text("other\n")
    file.keep_up(NOW + timedelta(seconds=1))
    assert file.secrets == (b"one",)
    file.keep_up(NOW + timedelta(seconds=6))
    assert file.secrets == (b"other",)


def test_several_commands_at_once_lose_no_secret(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: SecretFile(path).add(f"s{n}", f"wh_{n}"), range(40)))
    assert {one.secret for one in SecretFile(path).kept} == {f"s{n}" for n in range(40)}


def test_a_link_is_followed_and_stays(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    SecretFile(path).add("one", "wh_1")
    assert (path.is_symlink(), (tmp_path / "elsewhere").read_text()) == (True, "one wh_1\n")


def test_a_place_where_nothing_can_be_kept_is_found_before_a_secret_is_made(tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    SecretFile(tmp_path / "folder" / "fine").check()
    assert list((tmp_path / "folder").iterdir()) == []
    with pytest.raises(Misconfigured, match="a-file/below: cannot be used"):
        SecretFile(tmp_path / "a-file" / "below")
