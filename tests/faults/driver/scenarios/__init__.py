"""What goes wrong: a file for each way, in the order in which plans play them."""

from collections.abc import Sequence

from tests.faults.driver.act import Scenario
from tests.faults.driver.scenarios import (
    aborts,
    clock_jumps,
    disk_full,
    lost_commits,
    migrations,
    mixed,
    postgres_restarts,
    redis_away,
    restore_purge,
    rolling,
    s3_faults,
    schedulers,
    stampede,
    stopping,
    upload_steps,
    worker_kills,
)

SCENARIOS: Sequence[Scenario] = (
    stampede.SCENARIO,
    mixed.SCENARIO,
    upload_steps.SCENARIO,
    worker_kills.SCENARIO,
    restore_purge.SCENARIO,
    redis_away.SCENARIO,
    postgres_restarts.SCENARIO,
    lost_commits.SCENARIO,
    s3_faults.SCENARIO,
    aborts.SCENARIO,
    stopping.SCENARIO,
    rolling.SCENARIO,
    migrations.SCENARIO,
    schedulers.SCENARIO,
    clock_jumps.SCENARIO,
    disk_full.SCENARIO,
)
