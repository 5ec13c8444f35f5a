"""Every fault by its name: entered, it does harm; left, that is undone, and from then on the service must come back.

`Missed` says that it did not happen this time, because its moment had passed.
"""

from __future__ import annotations

from tests.acceptance.chaos import changes, database, nature, network, processes, strangers
from tests.acceptance.chaos.fault import Fault

FAULTS: dict[str, Fault] = {
    "kill-service": processes.kill_service,
    "kill-postmaster": processes.kill_postmaster,
    "kill-child": processes.kill_child,
    "kill-both": processes.kill_both,
    "kill-recovery": processes.kill_recovery,
    "hang-postgres": processes.hang_postgres,
    "freeze-service": processes.freeze_service,
    "freeze-postgres": processes.freeze_postgres,
    "restart": processes.restart,
    "broken-rules": changes.broken_rules,
    "restart-on-broken-rules": changes.restart_on_broken_rules,
    "second-service-killed": changes.second_service_killed,
    "second-service-leaves": changes.second_service_leaves,
    "cut": network.cut,
    "half-open": network.half_open,
    "swallow": network.swallow,
    "slow": network.slow,
    "answers-lost": network.answers_lost,
    "refuse": network.refuse,
    "terminate-backends": database.terminate_backends,
    "open-transaction": database.open_transaction,
    "lock-log": database.lock_log,
    "read-only": database.read_only,
    "kill-remote-postmaster": database.kill_postmaster,
    "forged-flood": strangers.forged_flood,
    "endless-header": strangers.endless_header,
    "half-headers": strangers.half_headers,
    "half-bodies": strangers.half_bodies,
    "descriptors": strangers.descriptors,
    "clock-ahead": nature.clock_ahead,
    "clock-behind": nature.clock_behind,
    "autumn-night": nature.autumn_night,
    "failover": nature.failover,
    "disk-full": nature.disk_full,
}
