"""The embedded Postgres: starts anywhere and as anybody, is shared, and outlives no one and no kill -9."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import pytest

from tests.waiting import wait_until
from tracker.embedded import cluster
from tracker.embedded.cluster import OVERRIDE, binaries
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator

IDENTITIES = {"ordinary": cluster.ordinary, "nobody": cluster.nobody}
OWNER = """
import sys
from pathlib import Path
from tracker.embedded import cluster
from tracker.embedded.embedded import EmbeddedPostgres

with EmbeddedPostgres(Path(sys.argv[1]), identity=getattr(cluster, sys.argv[2])()) as server:
    print(server.dsn, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=IDENTITIES if os.geteuid() == 0 else ["ordinary"])
def who(request: pytest.FixtureRequest) -> str:
    """As whom the server runs: what is best here, and, for root, what is left where user namespaces are denied."""
    return str(request.param)


def query(dsn: str, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


@contextmanager
def owner(folder: Path, who: str = "ordinary") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that has started the server of this folder, and its DSN."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), who], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    with process:
        yield process, process.stdout.readline().strip()


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path, who: str) -> None:
    """Stop and start change nothing but the pid."""
    for statement in ("create table kept as select 42 as answer", "select 1"):
        with EmbeddedPostgres(tmp_path / "pg", identity=IDENTITIES[who]()) as server:
            query(server.dsn, statement)
            assert query(server.dsn, "select answer from kept") == 42


def test_the_same_data_serves_under_another_identity(tmp_path: Path) -> None:
    """A folder made where user namespaces work can be used where they are denied, and back again."""
    for make in (*IDENTITIES.values(), cluster.ordinary) if os.geteuid() == 0 else (cluster.ordinary,):
        with EmbeddedPostgres(tmp_path / "pg", identity=make()) as server:
            assert query(server.dsn, "select 1") == 1


def test_data_that_others_may_read_is_closed_to_them(tmp_path: Path, who: str) -> None:
    """A backup that was copied back may be open, and Postgres refuses it then."""
    for _ in range(2):
        with EmbeddedPostgres(tmp_path / "pg", identity=IDENTITIES[who]()) as server:
            assert query(server.dsn, "select 1") == 1
        assert stat.S_IMODE((tmp_path / "pg" / "data").stat().st_mode) == 0o700
        (tmp_path / "pg" / "data").chmod(0o755)


def test_nothing_is_left_running_after_stop(tmp_path: Path) -> None:
    """Stop returns when the server has gone."""
    server = EmbeddedPostgres(tmp_path / "pg")
    server.start()
    process = postmaster(tmp_path / "pg")
    server.stop()
    assert not process.is_running()


def test_a_second_process_joins_the_server_and_leaves_it_running(tmp_path: Path) -> None:
    """One server for a folder: the second to come neither starts nor stops it."""
    with owner(tmp_path / "pg") as (process, dsn):
        with EmbeddedPostgres(tmp_path / "pg") as joined:
            assert joined.dsn == dsn
            assert query(joined.dsn, "select 1") == 1
        assert query(dsn, "select 1") == 1
        process.communicate("")


def test_two_processes_that_start_at_once_share_one_server(tmp_path: Path) -> None:
    """Also when there is no data yet."""
    with owner(tmp_path / "pg") as (first, dsn), owner(tmp_path / "pg") as (second, other):
        assert dsn == other != ""
        second.communicate("")
        first.communicate("")


def test_two_folders_run_side_by_side(tmp_path: Path) -> None:
    """Servers of different folders know nothing of each other."""
    with EmbeddedPostgres(tmp_path / "one") as one, EmbeddedPostgres(tmp_path / "two") as two:
        query(one.dsn, "create table only_here ()")
        assert query(two.dsn, "select to_regclass('only_here')::text") is None


def test_the_server_ends_with_a_killed_owner_and_comes_back_with_its_data(tmp_path: Path, who: str) -> None:
    """kill -9 of the application leaves no server behind and loses nothing."""
    with owner(tmp_path / "pg", who) as (process, dsn):
        query(dsn, "create table kept as select 42 as answer")
        server = postmaster(tmp_path / "pg")
        process.kill()
        process.communicate()
    wait_until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
    with EmbeddedPostgres(tmp_path / "pg", identity=IDENTITIES[who]()) as again:
        assert query(again.dsn, "select answer from kept") == 42


def test_a_killed_server_is_revived_by_its_owner(tmp_path: Path, who: str) -> None:
    """kill -9 of Postgres: its stale pid file, and its zombie, are no obstacle."""
    with EmbeddedPostgres(tmp_path / "pg", identity=IDENTITIES[who]()) as server:
        query(server.dsn, "create table kept as select 42 as answer")
        assert not server.has_ended()
        postmaster(tmp_path / "pg").kill()
        wait_until(server.has_ended)
        server.launch(server.clear())
        assert query(server.start(), "select answer from kept") == 42


def test_whoever_has_joined_takes_over_when_the_owner_ends(tmp_path: Path) -> None:
    """A short command that had to start the server takes it along: the service that joined it goes on all the same."""
    with owner(tmp_path / "pg") as (process, dsn), EmbeddedPostgres(tmp_path / "pg") as joined:
        query(dsn, "create table kept as select 42 as answer")
        assert not joined.has_ended()
        process.communicate("")
        wait_until(joined.has_ended)
        joined.launch(joined.clear())
        assert query(joined.start(), "select answer from kept") == 42
    assert not joined.has_ended()


def test_both_killed_at_once_is_no_obstacle(tmp_path: Path) -> None:
    """Neither the pid file nor the locks of the dead keep a newcomer out."""
    with owner(tmp_path / "pg") as (process, dsn):
        query(dsn, "create table kept as select 42 as answer")
        server = postmaster(tmp_path / "pg")
        server.send_signal(signal.SIGSTOP)
        process.kill()
        server.kill()
        process.communicate()
    with EmbeddedPostgres(tmp_path / "pg") as again:
        assert query(again.dsn, "select answer from kept") == 42


def test_a_server_that_hangs_in_its_own_end_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was told to end, and of which no process does anything any more, is ended."""
    monkeypatch.setattr(cluster, "LAST_BREATH", inf)
    with owner(tmp_path / "pg") as (process, dsn):
        query(dsn, "create table kept as select 42 as answer")
        server = postmaster(tmp_path / "pg")
        [checkpointer] = [child for child in server.children() if "checkpointer" in child.cmdline()[0]]
        checkpointer.send_signal(signal.SIGSTOP)
        process.kill()
        process.communicate()
    with EmbeddedPostgres(tmp_path / "pg") as again:
        assert query(again.dsn, "select answer from kept") == 42
    wait_until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)


def test_a_foreign_process_with_the_servers_old_pid_is_left_alone(tmp_path: Path) -> None:
    """A pid file that names a living stranger is stale all the same, and the stranger lives on."""
    with EmbeddedPostgres(tmp_path / "pg") as server:
        stale = (tmp_path / "pg" / "data" / "postmaster.pid").read_text().splitlines()
    (tmp_path / "pg" / "data" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *stale[1:]]) + "\n")
    with server:
        assert query(server.dsn, "select 1") == 1


def test_a_closed_parent_folder_stays_closed(tmp_path: Path, who: str) -> None:
    """No folder above is opened for the sake of another user."""
    (tmp_path / "home").mkdir(mode=0o700)
    with EmbeddedPostgres(tmp_path / "home" / "pg", identity=IDENTITIES[who]()) as server:
        assert query(server.dsn, "select 1") == 1
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["long" * 40, "with, comma", "ünïcode and space%"])
def test_any_folder_name_will_do(tmp_path: Path, who: str, name: str) -> None:
    """A socket's path has room for 107 bytes and a DSN for no comma; the folder needs to know neither."""
    with EmbeddedPostgres(tmp_path / name, identity=IDENTITIES[who]()) as server:
        assert query(server.dsn, "select 1") == 1
        sockets = Path(parse_qs(urlsplit(server.dsn).query)["host"][0])
    assert not (sockets / ".s.PGSQL.5432").exists()
    assert sockets == tmp_path / name or not sockets.exists()


def test_variables_of_other_postgres_tools_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PGPORT and its kind speak of some other server."""
    for key, value in {"PGPORT": "1", "PGDATA": "/nowhere", "PGHOST": "nowhere", "PGUSER": "x", "PGTZ": "x"}.items():
        monkeypatch.setenv(key, value)
    with EmbeddedPostgres(tmp_path / "pg") as server:
        assert query(server.dsn, "select current_user::text") == "postgres"


def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    """The socket alone is not enough."""
    with EmbeddedPostgres(tmp_path / "pg") as server, pytest.raises(asyncpg.InvalidPasswordError):
        query(server.dsn.replace("postgres:", "postgres:x", 1), "select 1")


def test_data_of_another_major_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """The message says how to dump and restore, and the data is not touched."""
    server = EmbeddedPostgres(tmp_path / "old")
    with server:
        pass
    (tmp_path / "old" / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(Misconfigured, match=r"Postgres 12.*Postgres \d+.*pg_dump.*pg_restore"):
        server.start()


def test_a_folder_without_programs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The override is taken at its word, never passed over in silence."""
    monkeypatch.setenv(OVERRIDE, str(tmp_path))
    with pytest.raises(Misconfigured, match=OVERRIDE):
        binaries()


def test_a_setting_that_postgres_refuses_is_shown_in_its_own_words(tmp_path: Path) -> None:
    """The end of the server's log is in the error."""
    with pytest.raises(Misconfigured, match="no_such_setting"):
        EmbeddedPostgres(tmp_path / "pg", {"no_such_setting": "1"}).start()
