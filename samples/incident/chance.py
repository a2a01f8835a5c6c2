"""Incidents drawn by chance: a thousand seeds meet everything that a setting can be, but for clocks that drift."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from samples.incident.clock import filetime
from samples.incident.degrade import DEGRADATIONS
from samples.incident.scenarios import SCENARIOS
from samples.incident.setting import COPIES_KEEP, COPIES_RECEIVE, SYSTEMS, ClockStep, Setting

# The first is active first: it is not always the first by name. A computer name has up to fifteen characters.
NODE_NAMES = (
    ("EXNODE1", "EXNODE2"),
    ("EXNODE2", "EXNODE1"),
    ("MBX-B", "MBX-A"),
    ("ALPHA", "BRAVO"),
    ("SRV10", "SRV9"),
    ("NYCEXCHANGE0002", "NYCEXCHANGE0001"),
)
GROUPS = ("CMS1", "MAIL", "Mailbox01", "EVS-ONE")
CLUSTERS = ("EXCLUSTER", "CLU01")
DOMAINS = ("contoso.local", "corp.example")
_LONG = 0.01
MOST_OFF = 600.0  # seconds


def random_setting(seed: int, *, complete: bool | None = None) -> Setting:
    """The setting of this seed.

    `complete`: True for evidence of which nothing is missing or wrong, False for the contrary, None for either. Where
    nothing is missing a clock that was set is logged: on Server 2003 that needs the Security log.
    """
    rng = Random(f"incident/{seed}")
    short = sorted(set(SCENARIOS) - {"long"})
    scenario = "long" if rng.random() < _LONG else rng.choice(short)
    system = rng.choice(SYSTEMS)
    hours = SCENARIOS[scenario].hours
    steps = rng.choice((0, 0, 1, 1, 2, 3))
    whole = rng.random() < 0.5
    kinds = [kind for kind in DEGRADATIONS if system == "2003" or kind != "copies-dropped"]
    # From a source of its own, so that a new kind of damage changes nothing else of a seed.
    damage = Random(f"incident/{seed}/degraded")
    degraded = damage.sample(kinds, damage.choice((1, 1, 1, 2, 3)))
    is_complete = whole if complete is None else complete
    start = filetime(datetime(2008, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(3 * 365 * 86_400)))
    names, cms, cluster = rng.choice(NODE_NAMES), rng.choice(GROUPS), rng.choice(CLUSTERS)
    domain = rng.choice(DOMAINS)
    # The clocks may be twice as far apart as each is off.
    skew = rng.choice((0, 1, 20, 60, 150, 300))
    noise = 1500 if scenario == "long" else rng.choice((1500, 4000, 10_000))
    dropped = rng.choice((0, 0.02))
    return Setting(
        scenario,
        system,
        seed,
        start=start,
        node_names=names,
        cms=cms,
        cluster=cluster,
        domain=domain,
        skew_seconds=skew,
        noise_seconds=noise,
        dropped_copies=dropped,
        clock_steps=_within(sorted(_step(rng, hours) for _ in range(steps)), skew),
        security_log=rng.random() < 0.3 or (is_complete and steps > 0),
        copy_times=rng.choice((COPIES_KEEP, COPIES_RECEIVE)),
        join_differences=rng.random() < 0.7,
        forced_first_sync=rng.random() < 0.5,
        lower_case=rng.random() < 0.25,
        degraded=() if is_complete else tuple(degraded),
    )


def _step(rng: Random, hours: float) -> ClockStep:
    """Some seconds to ten minutes, forwards or back, at any time after the start."""
    seconds = rng.choice((rng.uniform(2, 30), rng.uniform(30, 600))) * rng.choice((-1, 1))
    return ClockStep(round(rng.uniform(0.2, hours - 0.2), 4), rng.randrange(2), round(seconds, 3))


def _within(steps: list[ClockStep], skew: float) -> tuple[ClockStep, ...]:
    """The steps, each kept so small that no clock is ever off by more than ten minutes."""
    room = MOST_OFF - skew
    off = [0.0, 0.0]
    kept = []
    for step in steps:
        seconds = step.seconds if abs(off[step.node] + step.seconds) <= room else -step.seconds
        seconds = max(-room - off[step.node], min(seconds, room - off[step.node]))
        off[step.node] += seconds
        kept.append(step._replace(seconds=round(seconds, 3)))
    return tuple(kept)
