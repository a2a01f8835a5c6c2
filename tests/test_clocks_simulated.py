"""The clocks judged by simulated incidents: the truth lies within what is stated, and what is stated is narrow."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

import pytest

from forensics.catalogue import Catalogue
from forensics.claims import GROUP_CLAIMS
from forensics.clocks.estimate import estimate
from forensics.clocks.spans import change_of
from forensics.observations import Evidence, Fall, Observation, Run, Sequel
from forensics.profile import DEFAULT, load_profile
from samples.incident import Setting, build, random_setting
from samples.incident.clock import ticks as filetime
from samples.incident.failover_cluster import ClusterSetting, build_cluster

SECOND = 10_000_000
CATALOGUE = Catalogue(load_profile(DEFAULT))


class Line(NamedTuple):
    """One record of a log, and what is behind it."""

    number: int
    node: str
    raw: int
    true: int
    event: int
    copied: bool
    stray: bool
    occurrence: int


class World(NamedTuple):
    """Evidence, the names of its groups, and the truth about every record."""

    evidence: Evidence
    groups: frozenset[str]
    lines: list[tuple[tuple[str, str], Line]]
    built: object


def world_of(setting) -> World:
    """An incident as evidence, made from its records alone: no file is written, no case is made."""
    built = build_cluster(setting) if isinstance(setting, ClusterSetting) else build(setting)
    names = {name.upper() for name in setting.node_names}
    logs, kept = read(built)
    originals = {line.occurrence: (log, line) for log, lines in logs.items() for line in lines if not line.copied}
    observations, runs, falls, sequels, raws = [], [], [], {}, defaultdict(list)
    for log, lines in sorted(logs.items()):
        observations += [
            found
            for line in lines
            if not (line.copied and line.occurrence in originals)
            and (found := observed(log, line, kept[line.event])) is not None
        ]
        runs += runs_of(log, lines)
        own = [line for line in lines if line.node == log[0]]
        falls += [
            Fall(log, before.number, after.number, before.raw, after.raw)
            for before, after in pairwise(own)
            if after.raw < before.raw - SECOND
        ]
        add_sequels(sequels, log, lines, originals)
        raws[log[0]] += [line.raw for line in own]
    nodes = {node: (min(times), max(times)) for node, times in sorted(raws.items()) if node in names and times}
    evidence = Evidence(observations, sorted(runs), sorted(falls), sorted(sequels.values()), nodes, ())
    groups = frozenset(one.object for one in observations if one.claim in GROUP_CLAIMS and one.object)
    return World(evidence, groups, [(log, line) for log, lines in sorted(logs.items()) for line in lines], built)


def read(built):
    """(lines of each log by number, the record behind each event); a record that two files hold is one."""
    logs, kept, numbers = defaultdict(dict), {}, {}
    for file in built.entries:
        log = (file.owner.upper(), file.log)
        for record, hidden in zip(file.records, file.hidden, strict=True):
            key = (log, record.record_number, hidden.occurrence)
            event = numbers.setdefault(key, len(numbers) + 1)
            node = record.computer.partition(".")[0].upper()
            logs[log][key] = Line(
                record.record_number, node, record.generated, hidden.true, event, hidden.copied, hidden.stray, key[2]
            )
            kept[event] = record
    return {log: sorted(lines.values(), key=lambda line: line.number) for log, lines in logs.items()}, kept


def observed(log, line, record):
    """The observation that a record is; None for one that the catalogue does not know."""
    found = CATALOGUE.match(record.source, record.event_id, record.strings, None, log[1])
    return found and Observation(
        event=line.event,
        node=line.node,
        raw=line.raw,
        number=line.number,
        log=log,
        resolution=SECOND if line.raw % SECOND == 0 else 1,
        claim=found.row.claim,
        object=found.object,
        strong=found.row.strength == "strong",
        mark=found.mark,
        source=record.source,
        event_id=record.event_id,
        strings=tuple(record.strings),
    )


def add_sequels(sequels, log, lines, originals):
    """Add the tightest sequels of a log for each hour."""
    following = None
    for line in reversed(lines):
        if line.node == log[0]:
            following = line
        elif line.copied and line.occurrence in originals and following is not None:
            there, origin = originals[line.occurrence]
            cause = (origin.node, origin.raw, origin.event, origin.number, there)
            made = Sequel(*cause, log[0], following.raw, following.event, following.number, log)
            hour = (origin.node, log[0], origin.raw // (3600 * SECOND))
            known = sequels.setdefault(hour, made)
            if made.receiver_raw - made.origin_raw < known.receiver_raw - known.origin_raw:
                sequels[hour] = made


def runs_of(log, lines):
    """Stretches of numbers without a hole."""
    pieces = []
    for line in lines:
        if pieces and line.number - pieces[-1][-1].number <= 1:
            pieces[-1].append(line)
        else:
            pieces.append([line])
    for piece in pieces:
        own = [line for line in piece if line.node == log[0]]
        if own:
            yield Run(log, piece[0].number, piece[-1].number, own[0].raw, own[-1].raw)


def hidden_steps(world):
    """Steps of clocks that no log in the evidence shows: neither an event that gives both times nor a fall."""
    found = []
    for step in world.built.truth["clock_steps"]:
        at = filetime(step["time"])
        shown = [world.built.shown(step["node"], at - 1), world.built.shown(step["node"], at)]
        told = any(
            o.node == step["node"] and (times := change_of(o)) and abs(times[0] - shown[1]) < SECOND
            for o in world.evidence.observations
        )
        fell = any(
            fall.log[0] == step["node"] and fall.from_raw <= shown[0] and fall.to_raw >= shown[1] - SECOND
            and fall.from_raw >= shown[1]
            for fall in world.evidence.falls
        )  # fmt: skip
        if not told and not fell:
            found.append(step)
    return found


def judge(world, clocks):
    """(records placed outside of their stated range, rows of offsets that do not hold a true offset)."""
    built, reference = world.built, clocks.reference
    if not reference:
        return [], []  # nothing of the nodes' own is left
    lines = [(log, line) for log, line in world.lines if not line.stray and line.node == log[0]]
    lines = [(log, line) for log, line in lines if line.node in world.evidence.nodes]
    # How far the reference's clock really was off in each of its spans, and when.
    shifts, times = defaultdict(list), defaultdict(list)
    for log, line in lines:
        if line.node == reference and len(found := clocks.candidates(reference, line.raw, log, line.number)) == 1:
            shifts[found[0]].append(built.shown(reference, line.true) - line.true)
            times[found[0]].append(line.true)
    main = next(i for i, span in enumerate(clocks.spans) if span.node == reference and span.low == span.high == 0)
    wrong, bad = [], []
    rows = clocks.offsets()
    for log, line in lines:
        at = [index for index, known in times.items() if min(known) <= line.true <= max(known)]
        if len(at) != 1 or main not in shifts:
            continue
        shown = built.shown(reference, line.true)
        truth = shown + statistics.mode(shifts[main]) - statistics.mode(shifts[at[0]])
        moment = clocks.moment(line.node, line.raw, log, line.number)
        if moment.bounded and not moment.low <= truth <= moment.high:
            wrong.append((log, line, moment, (truth - moment.low) / SECOND))
        found = clocks.candidates(line.node, line.raw, log, line.number)
        for row in rows:
            if row.node != line.node or len(found) != 1 or not rules(row, line, clocks, found[0], at[0]):
                continue
            if abs((shown - built.shown(line.node, line.true)) / SECOND - row.seconds) > row.uncertainty:
                bad.append((row, line, (shown - built.shown(line.node, line.true)) / SECOND))
    return wrong, bad


def rules(row, line, clocks, span, against):
    """Whether a row of offsets speaks of an event, whose span and the reference's span at that moment are known."""
    if (row.since is not None and line.raw <= row.since) or (row.until is not None and line.raw >= row.until):
        return False
    if clocks.spans[span].why != row.why:
        return False
    low, high = clocks.apart[span, against]
    return low is not None and high is not None and abs((low + high) / 2 / SECOND - row.seconds) < 0.1


def check(seeds, *, complete=None):
    """Uncertainties of the rows of incidents whose steps show in the evidence; the truth lies within all of them."""
    uncertainties = []
    counted = 0
    for seed in seeds:
        setting = random_setting(seed, complete=complete)
        if setting.scenario == "long" and len(seeds) < 1000:
            continue
        world = world_of(setting)
        if hidden_steps(world):
            continue
        clocks = estimate(world.evidence, world.groups)
        assert judge(world, clocks) == ([], []), seed
        uncertainties += [row.uncertainty for row in clocks.offsets()]
        counted += 1
    assert counted >= len(seeds) // 3
    return uncertainties


def test_the_truth_lies_within_the_stated_range():
    """In random incidents no record's range and no offset excludes the truth, unless a step left no trace at all."""
    assert statistics.median(check(range(40))) < 10


def test_degraded_evidence_makes_ranges_wider_and_never_wrong():
    """Lost, torn, cleared and lying logs do not move a stated range off the truth."""
    assert len(check(range(5000, 5025), complete=False)) > 5


@pytest.mark.parametrize("scenario", ["quiet", "crash", "failover-in-window"])
@pytest.mark.parametrize("system", ["2003", "2008"])
def test_moves_in_both_directions_bound_the_offset_within_half_a_minute(scenario, system):
    """Where a group moved there and back, the offset is stated to within half a minute, and it is right."""
    for seed in range(2):
        world = world_of(Setting(scenario, system, seed))
        clocks = estimate(world.evidence, world.groups)
        assert judge(world, clocks) == ([], [])
        (row,) = clocks.offsets()
        assert row.uncertainty < 30
        assert row.node == "EXNODE2"
        assert row.reference == "EXNODE1"


@pytest.mark.parametrize("system", ["2003", "2008"])
def test_four_nodes_and_several_groups(system):
    """Any number of nodes is compared, through a third one where two never met."""
    names = ("NODE1", "NODE2", "NODE3", "NODE4")
    bounded = 0
    for seed in range(4):
        world = world_of(ClusterSetting("cluster", system, seed, node_names=names, moves=24))
        clocks = estimate(world.evidence, world.groups)
        assert judge(world, clocks) == ([], [])
        bounded += len(clocks.offsets())
    assert bounded >= 8


def test_shifting_a_clock_shifts_its_offset_and_nothing_else():
    """A constant added to all times of one node, hours even, is taken off its offset; uncertainties stay."""
    for amount in (37, -450, 3 * 3600, -8 * 3600):
        for seed in range(1):
            world = world_of(Setting("quiet", "2008", seed))
            before = estimate(world.evidence, world.groups).offsets()
            after = estimate(shifted(world.evidence, "EXNODE2", amount * SECOND), world.groups).offsets()
            expected = [(round(row.seconds - amount, 1), row.uncertainty) for row in before]
            assert [(row.seconds, row.uncertainty) for row in after] == expected
            assert expected


def shifted(evidence, node, ticks):
    """The evidence as it were if the clock of a node had shown so many ticks more."""

    def at(owner, raw):
        return raw + ticks if owner == node else raw

    return Evidence(
        [one._replace(raw=at(one.node, one.raw)) for one in evidence.observations],
        [run._replace(start=at(run.log[0], run.start), end=at(run.log[0], run.end)) for run in evidence.runs],
        evidence.falls,
        evidence.sequels,
        {name: (at(name, first), at(name, last)) for name, (first, last) in evidence.nodes.items()},
        evidence.aliases,
    )


def test_neither_order_nor_repetition_matters():
    """Evidence in another order, and given twice, makes the same clocks."""
    rng = random.Random(1)  # noqa: S311 -- any order will do, the same each time
    for seed in range(12):
        world = world_of(random_setting(seed))
        plain = estimate(world.evidence, world.groups)
        lists = [list(part) * 2 for part in world.evidence[:4]]
        for part in lists:
            rng.shuffle(part)
        again = estimate(Evidence(*lists, world.evidence.nodes, ()), sorted(world.groups, reverse=True))
        assert again == plain


@pytest.mark.long
def test_a_thousand_incidents():
    """A thousand incidents: every range holds the truth, and half of the offsets are known within ten seconds."""
    assert statistics.median(check(range(10_000, 11_000))) < 10
