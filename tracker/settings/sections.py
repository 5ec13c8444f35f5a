"""Every setting there is: its section, name, default, and one line of why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
)

from tracker.domain.rate import Rate
from tracker.errors import Misconfigured, did_you_mean
from tracker.settings.channels import Channel
from tracker.settings.endpoints import Endpoint
from tracker.settings.jobs import Jobs
from tracker.settings.providers import Provider
from tracker.settings.sources import Origins
from tracker.settings.values import (
    CallBudget,
    LinkSecret,
    LocalPath,
    Networks,
    Origin,
    PositiveSpan,
    PostgresUrl,
    PublicUrl,
    Section,
    SectionName,
    Size,
    Words,
    split,
)

RESERVED_PROVIDERS = frozenset({"action", "manual", "reconcile", "rule", "signal"})
"""Sources of the log that are our own; a provider of that name could not be told from them."""


class Server(Section):
    """[server]"""

    host: str = Field(
        default="127.0.0.1", description="The address to listen on; 0.0.0.0 listens on all of this machine's."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    public_url: PublicUrl = Field(
        default="",
        description="Where people reach this installation, as https://tracker.example.org: rules link to posts by it.",
    )
    link_secret: LinkSecret = Field(
        default=SecretStr(""),
        description="Signs the links by which alerts are acknowledged: a long random text, the same on all machines.",
    )
    cors: tuple[Origin, ...] = Field(
        default=(),
        description="Pages of these origins may ask the API, with a key: https://tools.example.org, or * for any.",
    )
    share_port: bool = Field(
        default=False,
        description="Several processes of this machine may listen on this port; the kernel shares connections out.",
    )
    max_body: Size = Field(default=2**20, gt=0, description="A webhook larger than this is refused with 413.")
    max_pending: int = Field(
        default=10_000,
        gt=0,
        description="Webhooks that may wait for the database at once; beyond it the answer is 503.",
    )
    max_waiting_bytes: Size = Field(
        default=32 * 2**20,
        gt=0,
        description="Bodies that are on the way or wait for the database may take so much; then the slowest give way.",
    )
    max_connections: int = Field(
        default=4000,
        gt=0,
        description="Open at once, fewer where descriptors are; beyond it who says nothing gives way, or it is 503.",
    )
    max_connections_per_address: int = Field(
        default=3000, gt=0, description="The same for one address, so that one sender does not take up all there are."
    )
    header_timeout: PositiveSpan = Field(
        default=timedelta(seconds=10), description="From a request's first byte to the end of its headers; then 408."
    )
    body_timeout: PositiveSpan = Field(
        default=timedelta(seconds=30), description="From there to the end of its body; then 408."
    )
    idle_timeout: PositiveSpan = Field(
        default=timedelta(seconds=75), description="How long a connection is kept open between two requests."
    )
    trusted_proxies: Networks = Field(
        default=(),
        description='Proxies whose X-Forwarded-For is believed, as in ["127.0.0.1", "10.1.0.0/16"].',
    )
    wrong_keys: CallBudget = Field(
        default=Rate(120, timedelta(minutes=1)),
        description="Keys that do not fit, from one address; beyond it the answer is 429, but not to keys that fitted.",
    )
    open_dashboard: bool = Field(
        default=False,
        description="Show the dashboard without a key to requests from this machine. Not behind a proxy on it.",
    )
    shutdown: PositiveSpan = Field(
        default=timedelta(seconds=20), description="How long requests and actions under way may take to end at a stop."
    )


class Database(Section):
    """[database]"""

    url: PostgresUrl = Field(
        default=SecretStr(""), description="postgresql://user:password@host/name; empty starts an embedded Postgres."
    )
    data_dir: LocalPath = Field(default=Path(".tracker"), description="Where the embedded Postgres keeps its files.")
    pool: int = Field(default=16, ge=4, le=500, description="Connections that one process may hold.")


class Engine(Section):
    """[engine]"""

    lease: PositiveSpan = Field(
        default=timedelta(seconds=30),
        description="From a process that cannot be reached, others take its work over when this has passed.",
    )
    poll: PositiveSpan = Field(
        default=timedelta(seconds=1), description="How often to look for work that no notification has announced."
    )
    batch: int = Field(default=1000, ge=1, le=10_000, description="Events handled in one transaction, at most.")
    actions: int = Field(
        default=500,
        ge=1,
        le=1000,
        description="Actions that one process performs at the same time, at most half of them for one target.",
    )

    @property
    def silence(self) -> timedelta:
        """Without a sign of life for so long, whoever reads counts as dead."""
        return max(3 * self.lease, timedelta(seconds=10))


class Outbound(Section):
    """[outbound]"""

    allow: Words = Field(
        default=(),
        description='Private networks and hosts that may be reached all the same, as in ["10.1.0.0/16", "cms.lan"].',
    )
    allow_unchecked: Annotated[tuple[Literal["apprise"], ...], BeforeValidator(split)] = Field(
        default=(),
        description='Kinds of channel that may send although no address of theirs is checked: ["apprise"], or none.',
    )
    timeout: PositiveSpan = Field(
        default=timedelta(seconds=10),
        description="Everything about one request, from the look-up of the name to the last byte.",
    )
    max_answer: Size = Field(default=2**20, gt=0, description="The largest answer that is read, headers included.")


class Rules(Section):
    """[rules]"""

    dir: LocalPath = Field(default=Path("rules"), description="The folder of the rule files.")
    budget: CallBudget = Field(
        default=Rate(1000, timedelta(hours=1)),
        description="How often a rule that names no budget may fire before it is held, and people are told.",
    )


class Dashboard(Section):
    """[dashboard]"""

    edit_rules: bool = Field(
        default=False, description="Keys with the scope admin may edit rule files there; the folder must be writable."
    )


class Retention(Section):
    """[retention]"""

    events: PositiveSpan = Field(default=timedelta(days=365), description="The log and its moves, by whole days.")
    repeats: PositiveSpan = Field(
        default=timedelta(days=30), description="The record of deliveries that repeated one another."
    )
    actions: PositiveSpan = Field(
        default=timedelta(days=90), description="Finished actions with their attempts, and finished runs."
    )
    quarantine: PositiveSpan = Field(
        default=timedelta(days=90), description="Authentic webhooks that could not be used."
    )
    forged: int = Field(
        default=1000, ge=0, description="Webhooks that are not authentic: the newest so many are kept of each provider."
    )


class Telemetry(Section):
    """[telemetry]"""

    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="How the log is written; auto is console on a terminal, and json elsewhere."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is logged.")
    traces: PublicUrl = Field(
        default="",
        description="Where a collector of OpenTelemetry takes traces (OTLP over HTTP), as http://127.0.0.1:4318; empty:"
        ' nowhere. Needs the extra "otel".',
    )
    traces_ratio: float = Field(default=1.0, ge=0, le=1, description="The share of all traces that is sent there.")


def _provider_name(name: str) -> str:
    if name in RESERVED_PROVIDERS:
        raise ValueError(f'"{name}" names a source of our own: call the provider something else')
    return name


ProviderName = Annotated[SectionName, AfterValidator(_provider_name)]


class Settings(Section):
    """All of config.toml and its overrides; `fault` makes the error for a value that proves wrong later."""

    server: Server = Field(default_factory=Server)
    database: Database = Field(default_factory=Database)
    engine: Engine = Field(default_factory=Engine)
    providers: dict[ProviderName, Provider] = Field(default_factory=dict)
    channels: dict[SectionName, Channel] = Field(default_factory=dict)
    endpoints: dict[SectionName, Endpoint] = Field(default_factory=dict)
    outbound: Outbound = Field(default_factory=Outbound)
    rules: Rules = Field(default_factory=Rules)
    dashboard: Dashboard = Field(default_factory=Dashboard)
    jobs: Jobs = Field(default_factory=Jobs)
    retention: Retention = Field(default_factory=Retention)
    telemetry: Telemetry = Field(default_factory=Telemetry)

    _origins: Origins = PrivateAttr(default_factory=Origins)
    _left_out: Mapping[str, tuple[Misconfigured, ...]] = PrivateAttr(default_factory=dict)

    def found_in(self, origins: Origins, left_out: Mapping[str, tuple[Misconfigured, ...]]) -> Self:
        """These settings, which now know where each of them was set, and what had to be left out."""
        self._origins, self._left_out = origins, left_out
        return self

    @property
    def left_out(self) -> Mapping[str, tuple[Misconfigured, ...]]:
        """What is wrong with the channels and endpoints that are left out, by `channels.<name>`."""
        return self._left_out

    def without(self, faults: Mapping[str, Misconfigured]) -> Settings:
        """These settings without the channels and endpoints of those names, which prove faulty later."""
        kept = {
            section: {name: one for name, one in getattr(self, section).items() if f"{section}.{name}" not in faults}
            for section in ("channels", "endpoints")
        }
        left_out = {**self._left_out, **{name: (fault,) for name, fault in faults.items()}}
        return self.model_copy(update=kept).found_in(self._origins, left_out)

    def names(self, section: str) -> frozenset[str]:
        """The channels, or the endpoints, that the configuration names, those that are left out too."""
        faulty = {key.removeprefix(f"{section}.") for key in self._left_out if key.startswith(f"{section}.")}
        return frozenset(faulty | getattr(self, section).keys())

    def fault(self, key: str, message: str) -> Misconfigured:
        """The error about the setting with that dotted key, with the file and line that set it."""
        return self._origins.fault(tuple(key.split(".")), message)

    def unknown(self, key: str, known: frozenset[str], word: str = "") -> Misconfigured:
        """The error about a name (the last of `key`, or the value `word`) that is none of those known."""
        word = word or key.rpartition(".")[2]
        return self.fault(key, f'"{word}" is not known{did_you_mean(word, known)}; known: {", ".join(sorted(known))}')
