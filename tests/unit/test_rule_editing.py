"""A rule file is saved as a whole, over nobody else's edit, and its earlier texts are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tracker.errors import Misconfigured
from tracker.rulebook.editing import EARLIER, MOST_EARLIER, EditedMeanwhile, RuleFile
from tracker.rulebook.folder import Folder

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def a_file(folder: Path, text: bytes = b"# one\n") -> RuleFile:
    """inner/a.toml with that text."""
    (folder / "inner").mkdir()
    (folder / "inner" / "a.toml").write_bytes(text)
    return RuleFile(folder, "inner/a.toml")


def earlier(file: RuleFile) -> list[bytes]:
    """The texts that are kept, the oldest first."""
    return [path.read_bytes() for path in sorted((file.path.parent / EARLIER).iterdir())]


def test_a_text_takes_the_place_of_the_one_that_was_read_which_is_kept(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.path.chmod(0o640)
    text, mark = file.read()
    file.save(text + "# iki ü\n", mark, NOW)
    assert file.path.read_text("utf-8") == "# one\n# iki ü\n"
    assert file.path.stat().st_mode & 0o777 == 0o640
    assert earlier(file) == [b"# one\n"]
    assert Folder(tmp_path).names() == ["inner/a.toml"]
    assert sorted(path.name for path in file.path.parent.iterdir()) == [EARLIER, "a.toml"]


def test_what_somebody_else_has_written_stays(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    _, mark = file.read()
    file.path.write_text("# theirs\n")
    with pytest.raises(EditedMeanwhile):
        file.save("# ours\n", mark, NOW)
    assert file.path.read_text() == "# theirs\n"
    assert not (file.path.parent / EARLIER).exists()


def test_the_ends_of_its_lines_stay_as_they_were(tmp_path: Path) -> None:
    file = a_file(tmp_path, b"# one\r\n# two\r\n")
    text, mark = file.read()
    assert text == "# one\n# two\n"
    file.save(text + "# three\n", mark, NOW)
    assert file.path.read_bytes() == b"# one\r\n# two\r\n# three\r\n"


def test_so_many_earlier_texts_are_kept_of_each_file(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    (tmp_path / "inner" / "a.toml.toml").write_text("# other\n")
    other = RuleFile(tmp_path, "inner/a.toml.toml")
    other.save("# another\n", other.read()[1], NOW)
    for number in range(MOST_EARLIER + 3):
        file.save(f"# {number}\n", file.read()[1], NOW + timedelta(seconds=number))
    kept = earlier(file)
    assert len(kept) == MOST_EARLIER + 1
    assert kept[-2] == f"# {MOST_EARLIER + 1}\n".encode()
    assert b"# other\n" in kept


@pytest.mark.parametrize("name", ["../a.toml", "/etc/passwd", "b/../../a.toml", "templates/x.toml", "none.toml", ""])
def test_nothing_but_a_rule_file_of_the_folder_can_be_edited(tmp_path: Path, name: str) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "a.toml").write_text("")
    with pytest.raises(Misconfigured, match="no rule file"):
        RuleFile(tmp_path / "rules", name)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "a.toml").write_text("")
    (tmp_path / "rules" / "a.toml").symlink_to(tmp_path / "a.toml")
    with pytest.raises(Misconfigured, match="no rule file"):
        RuleFile(tmp_path / "rules", "a.toml")
