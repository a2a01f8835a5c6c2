"""Incidents of files drawn by chance: what `chance` is for roles and clocks."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from samples.incident.backups import SCHEMES
from samples.incident.chance import random_setting
from samples.incident.degrade import DEGRADATIONS
from samples.incident.degrade_files import FILE_DEGRADATIONS
from samples.incident.scenarios_losses import LOSS_SCENARIOS
from samples.incident.setting import ClockStep, Setting


def random_loss_setting(seed: int, *, complete: bool | None = None, scenario: str | None = None) -> Setting:
    """The setting of this seed: a scenario of files, everything else by chance.

    Clocks are together off by less than a quarter of an hour: saves a quarter of an hour apart keep their order.

    Args:
        seed: any number.
        complete: True for evidence of which nothing is missing or wrong, False for the contrary, None for either.
        scenario: in place of the seed's.
    """
    rng = Random(f"losses/{seed}")
    chosen = rng.choice(sorted(LOSS_SCENARIOS))
    scenario = scenario or chosen
    hours = LOSS_SCENARIOS[scenario].hours
    plain = random_setting(seed, complete=True)
    steps = [
        ClockStep(round(rng.uniform(0.2, hours - 0.2), 4), rng.randrange(2), round(rng.uniform(-150, 150), 3))
        for _ in range(rng.choice((0, 0, 0, 1, 2)))
    ]
    damage = Random(f"losses/{seed}/degraded")
    kinds = [kind for kind in DEGRADATIONS if plain.system == "2003" or kind != "copies-dropped"]
    files = damage.sample(sorted(FILE_DEGRADATIONS), damage.choice((0, 1, 1, 2)))
    logs = damage.sample(kinds, damage.choice((0, 0, 1, 2)) if files else damage.choice((1, 2)))
    whole = rng.random() < 0.5
    is_complete = whole if complete is None else complete
    return replace(
        plain,
        scenario=scenario,
        skew_seconds=rng.choice((0, 1, 20, 60, 150)),
        noise_seconds=rng.choice((4000, 10_000)),
        clock_steps=tuple(sorted(steps)),
        security_log=True if is_complete else plain.security_log,
        backup_scheme=rng.choice(sorted(SCHEMES)),
        degraded=() if is_complete else tuple(logs),
        degraded_files=() if is_complete else tuple(files),
    )
