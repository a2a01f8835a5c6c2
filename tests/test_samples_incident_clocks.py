"""Clocks in the incident generator: what each shows, what is logged when it is set, and whose time a copy has."""

from __future__ import annotations

import io
from itertools import pairwise

import evtx
import pytest

from samples.incident import SYSTEMS, ClockStep, Setting, build
from samples.incident.clock import TICKS, NodeClock, exact, iso, ticks
from samples.incident.judging import clock_of, on_reference, shown

STEPS = (ClockStep(4, 0, 300.5), ClockStep(6, 1, -420), ClockStep(9, 1, 2.25))


@pytest.fixture(scope="module", params=SYSTEMS)
def stepped(request):
    """An incident of each system with clocks that are set forwards and back, and that run fast or slow."""
    return build(
        Setting(
            "one-way",
            request.param,
            4,
            clock_steps=STEPS,
            drift_ppm=(40, -25),
            skew_seconds=300,
            security_log=True,
            dropped_copies=0,
        )
    )


def records(incident, *, copied=False):
    """(log, record, truth about it): own entries, or copies."""
    return [
        (log, record, hidden)
        for log in incident.entries
        for record, hidden in zip(log.records, log.hidden, strict=True)
        if hidden.copied == copied
    ]


def node_of(record):
    return record.computer.partition(".")[0].upper()


def test_a_clock_reads_offset_steps_and_drift():
    """What a clock shows is true time, the offset in force, and what it gained since its start."""
    clock = NodeClock(5 * TICKS, ppm=100, start=1000 * TICKS)
    clock.shift(3000 * TICKS, -7 * TICKS)
    assert clock.read(1000 * TICKS) == 1005 * TICKS
    assert clock.read(2000 * TICKS) == 2005 * TICKS + TICKS // 10
    assert clock.read(3000 * TICKS) == 2998 * TICKS + TICKS // 5


def test_times_written_are_times_read():
    """`ticks` gives back what `exact` wrote to 100 ns, and what `iso` wrote to a microsecond."""
    for time in (128_441_556_000_000_000, 128_441_556_001_234_567):
        assert ticks(exact(time)) == time
        assert ticks(iso(time)) == time // 10 * 10


def test_own_entries_have_the_time_that_their_clock_showed(stepped):
    """Each record's time is its node's clock at the true time, cut to seconds where the form has whole seconds."""
    for log, record, hidden in records(stepped):
        assert node_of(record) == log.owner
        raw = stepped.shown(log.owner, hidden.true)
        assert record.generated in {raw, raw // TICKS * TICKS}
        is_whole = stepped.setting.system == "2003" or record.source in {"EventLog", "MsiInstaller", "FSECCRService"}
        assert not is_whole or record.generated % TICKS == 0
    times = [record.generated % TICKS for _, record, _ in records(stepped)]
    assert any(times) == (stepped.setting.system == "2008")


def test_the_truth_alone_says_what_a_clock_showed(stepped):
    """The clock that is read from the truth's JSON shows what the simulation's clock showed, to a microsecond."""
    for node in ("EXNODE1", "EXNODE2"):
        clock = clock_of(stepped.truth, node)
        for _, _, hidden in records(stepped):
            assert abs(clock.read(hidden.true) - stepped.shown(node, hidden.true)) < 10
    move = stepped.truth["transitions"][0]["online"]
    assert on_reference(stepped.truth, move) == shown(stepped.truth, "EXNODE1", move) != move
    with pytest.raises(KeyError):
        clock_of(stepped.truth, "EXNODE3")


def test_steps_are_in_the_truth(stepped):
    """Node, true time and size of each step are listed, and the offsets of the clock differ by as much."""
    truth = stepped.truth
    told = truth["clock_steps"]
    assert [(step["node"], step["seconds"]) for step in told] == [
        ("EXNODE1", 300.5),
        ("EXNODE2", -420.0),
        ("EXNODE2", 2.25),
    ]
    for step, wanted in zip(told, STEPS, strict=True):
        assert ticks(step["time"]) == ticks(truth["start"]) + int(wanted.hours * 3600) * TICKS
        clock = next(node["clock"] for node in truth["nodes"] if node["name"] == step["node"])
        (change,) = [
            after["offset_seconds"] - before["offset_seconds"]
            for before, after in pairwise(clock)
            if after["since"] == step["time"]
        ]
        assert change == pytest.approx(step["seconds"])


def test_server_2008_logs_a_step_with_both_times():
    """Kernel-General 1 has the new time, which is its own, and the old one, which the clock would have shown."""
    incident = build(Setting("one-way", "2008", 4, clock_steps=STEPS))
    found = [item for item in records(incident) if item[1].event_id == 1]
    assert {record.source for _, record, _ in found} == {"Microsoft-Windows-Kernel-General"}
    changes = []
    for log, record, _ in found:
        new, old = (ticks(text) for text in record.strings)
        assert (log.log, record.generated) == ("System", new)
        changes.append((log.owner, (new - old) / TICKS))
    assert sorted(changes) == sorted((f"EXNODE{step.node + 1}", step.seconds) for step in STEPS)
    assert all(step["logged"] for step in incident.truth["clock_steps"])


def test_the_times_of_a_step_are_times_in_the_file():
    """Another reader finds the two as values of type FILETIME under the names of real logs."""
    incident = build(Setting("one-way", "2008", 4, clock_steps=STEPS[:1]))
    (data,) = [item.content for item in incident.items if item.path == "EXNODE1/Logs/System.evtx"]
    (record,) = [r.strings for log in incident.entries for r in log.records if r.event_id == 1]
    (text,) = [
        found["data"]
        for found in evtx.PyEvtxParser(io.BytesIO(data)).records()
        if "Microsoft-Windows-Kernel-General" in found["data"]
    ]
    for name, value in zip(("NewTime", "OldTime"), record, strict=True):
        assert f'<Data Name="{name}">{value[:26]}Z</Data>' in text


def test_server_2003_logs_no_step_but_its_times_fall():
    """No entry speaks of the step; where the clock was set back, numbers rise while times fall."""
    incident = build(Setting("no-move", "2003", 4, clock_steps=STEPS[1:2], noise_seconds=300))
    assert not [record for _, record, _ in records(incident) if record.event_id in {1, 520}]
    assert [step["logged"] for step in incident.truth["clock_steps"]] == [False]
    falls = {
        log.owner
        for log in incident.entries
        for (one, first), (two, second) in pairwise(zip(log.records, log.hidden, strict=True))
        if not first.copied and not second.copied and two.generated < one.generated
    }
    assert falls == {"EXNODE2"}


def test_the_security_log_has_steps_and_nothing_else(stepped):
    """520 on Server 2003, 4616 on 2008, without insertion strings, which are not known."""
    wanted = ("Security", 520) if stepped.setting.system == "2003" else ("Microsoft-Windows-Security-Auditing", 4616)
    found = [record for log, record, _ in records(stepped) if log.log == "Security"]
    assert len(found) == len(STEPS)
    assert {(record.source, record.event_id, record.strings) for record in found} == {(*wanted, ())}


def test_a_machine_that_is_down_logs_no_step():
    """Its clock is set all the same."""
    down = build(Setting("crash-passive", "2008", 2)).truth["outages"][0]
    start = build(Setting("crash-passive", "2008", 2)).truth["start"]
    hours = (ticks(down["stopped"]) - ticks(start)) / TICKS / 3600 + 0.02
    setting = Setting("crash-passive", "2008", 2, clock_steps=(ClockStep(hours, int(down["node"][-1]) - 1, 60),))
    incident = build(setting)
    assert [step["logged"] for step in incident.truth["clock_steps"]] == [False]
    assert not [record for _, record, _ in records(incident) if record.event_id == 1]
    assert len(clock_of(incident.truth, down["node"]).steps) == 2


@pytest.mark.parametrize("times", ["origin", "receiver"])
def test_a_copy_has_the_time_of_its_origin_or_of_its_receiver(times):
    """As the setting says it; it is written by the receiver's clock half a second to four seconds later."""
    incident = build(Setting("one-way", "2003", 4, skew_seconds=300, copy_times=times))
    originals = {hidden.occurrence: record for _, record, hidden in records(incident)}
    copies = records(incident, copied=True)
    assert len(copies) > 100
    for log, record, hidden in copies:
        original = originals[hidden.occurrence]
        assert record[1:4] == original[1:4]
        assert record.strings == original.strings
        assert -TICKS < record.written - incident.shown(log.owner, hidden.true) <= 4 * TICKS
        assert record.generated == (original.generated if times == "origin" else record.written)
    assert incident.truth["copy_times"] == times
    assert build(Setting("one-way", "2008", 4)).truth["copy_times"] is None


def test_joins_need_not_state_the_difference_of_the_clocks():
    """1202 is logged at joins on Server 2003, or not at all, as the setting says it."""
    for is_logged in (True, False):
        incident = build(Setting("crash", "2003", 4, join_differences=is_logged))
        assert is_logged == any(record.event_id == 1202 for _, record, _ in records(incident))


def test_computer_names_can_be_in_lower_case():
    """Records name the computers in lower case; folders and the truth do not."""
    incident = build(Setting("one-way", "2008", 4, lower_case=True))
    assert {r.computer for _, r, _ in records(incident)} == {"exnode1.contoso.local", "exnode2.contoso.local"}
    assert {log.owner for log in incident.entries} == {"EXNODE1", "EXNODE2"}
