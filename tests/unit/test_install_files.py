"""docs/install: the image, the compose file and the unit say what the settings and the wheel say."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tracker.settings import load_settings

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "docs" / "install"
DOCKERFILE = (INSTALL / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((INSTALL / "compose.yaml").read_text())
UNIT = (INSTALL / "tracker.service").read_text()
DATA = "/var/lib/tracker"
"""What all three write to."""


def image_environment() -> dict[str, str]:
    """What the image sets."""
    (line,) = re.findall(r"^ENV (.*)$", DOCKERFILE.replace("\\\n", " "), re.MULTILINE)
    return dict(re.findall(r"(\S+?)=(\S+)", line))


def settings_with(environment: dict[str, str]) -> Any:
    return load_settings(None, {name: text for name, text in environment.items() if name.startswith("TRACKER_")})


def test_the_image_listens_and_keeps_its_data_where_it_says() -> None:
    settings = settings_with(image_environment())
    assert (settings.server.host, str(settings.database.data_dir)) == ("0.0.0.0", DATA)
    assert f"EXPOSE {settings.server.port}\n" in DOCKERFILE
    assert f"VOLUME {DATA}\n" in DOCKERFILE


def test_the_image_runs_as_nobody_in_particular_and_tells_how_it_is() -> None:
    last = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert re.search(r"useradd --system --uid 10001 .*\btracker\b", last)
    assert re.search(r"^USER tracker$", last, re.MULTILINE)
    assert last.index("USER tracker") < last.index("ENTRYPOINT")
    assert "/readyz" in last[last.index("HEALTHCHECK") :]


def test_the_image_copies_what_the_wheel_is_made_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], project["project"]["readme"], "pyproject.toml",
              *project["project"]["license-files"]}  # fmt: skip
    copies = re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
    copied = {word for line in copies for word in line.split()[:-1]}
    assert copied == needed
    assert all((ROOT / name).exists() for name in copied)
    extras = re.search(r"\[([a-z,]+)\]\"", DOCKERFILE)
    assert extras
    assert set(extras[1].split(",")) <= project["project"]["optional-dependencies"].keys()


def test_the_compose_file_agrees_with_the_image_and_with_itself() -> None:
    tracker, postgres = COMPOSE["services"]["tracker"], COMPOSE["services"]["postgres"]
    context = (INSTALL / tracker["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / tracker["build"]["dockerfile"]).is_file()
    assert tracker["ports"] == [f"127.0.0.1:8000:{image_environment()['TRACKER_SERVER__PORT']}"]
    mounts = dict(volume.split(":")[:2] for volume in tracker["volumes"])
    assert mounts == {"./etc": "/etc/tracker", "tracker": DATA}
    assert "WORKDIR /etc/tracker\n" in DOCKERFILE
    assert {"tracker", "postgres"} == COMPOSE["volumes"].keys()
    url = re.sub(r"\$\{.*?\}", "secret", tracker["environment"]["TRACKER_DATABASE__URL"])
    read = settings_with(image_environment() | {"TRACKER_DATABASE__URL": url}).database.url.get_secret_value()
    user, database = postgres["environment"]["POSTGRES_USER"], postgres["environment"]["POSTGRES_DB"]
    assert read == f"postgresql://{user}:secret@postgres:5432/{database}"
    assert tracker["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert "healthcheck" in postgres


def test_compose_itself_finds_nothing_wrong(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    command = [docker, "compose", "--file", str(INSTALL / "compose.yaml"), "config", "--quiet"]
    secret = os.environ | {"POSTGRES_PASSWORD": "secret"}
    checked = subprocess.run(command, capture_output=True, text=True, check=False, env=secret, cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_the_unit_runs_the_service_within_its_bounds() -> None:
    unit = configparser.RawConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT)
    service = unit["Service"]
    name, text = service["Environment"].split("=", 1)
    settings = settings_with({name: text})
    assert (str(settings.database.data_dir), service["StateDirectory"]) == (DATA, Path(DATA).name)
    assert int(service["TimeoutStopSec"]) > settings.server.shutdown.total_seconds()
    assert int(service["LimitNOFILE"]) > settings.server.max_connections
    assert service["User"] != "root"
    assert service["RestartPreventExitStatus"] == "2"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_itself_finds_nothing_wrong(tmp_path: Path) -> None:
    """The program alone is another one: it is not installed where the unit says."""
    unit = tmp_path / "tracker.service"
    unit.write_text(UNIT.replace("/opt/tracker/bin/tracker", shutil.which("true") or ""))
    verify = [shutil.which("systemd-analyze") or "", "verify", "--man=no", str(unit)]
    checked = subprocess.run(verify, capture_output=True, text=True, check=False)
    ours = [line for line in (checked.stdout + checked.stderr).splitlines() if "tracker.service" in line]
    assert (checked.returncode, ours) == (0, []), checked.stderr
    wrong = UNIT.replace("NoNewPrivileges=yes", "NoNewPrivilegs=yes")
    unit.write_text(wrong.replace("/opt/tracker/bin/tracker", shutil.which("true") or ""))
    told = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert "NoNewPrivilegs" in told.stdout + told.stderr


def test_the_how_to_names_the_version_that_there_is() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    page = (ROOT / "docs" / "how-to" / "install.md").read_text()
    assert set(re.findall(r"tracker-([\d.]+)-py3", page)) == {version}
