"""Evidence with something missing or wrong: what is left, and that the truth says what was done to it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from samples.incident import DEGRADATIONS, SYSTEMS, Setting, build
from samples.incident.clock import ticks

WORLD_KEYS = {"degraded", "strays"}


def setting(system, seed, *kinds):
    return Setting("many-moves", system, seed, noise_seconds=4000, degraded=kinds)


@pytest.fixture(scope="module", params=[(system, seed) for system in SYSTEMS for seed in range(3)], ids=str)
def whole(request):
    """A complete incident, to compare with; its setting's system and seed are used for the others."""
    return build(setting(*request.param))


def degraded(whole, *kinds):
    return build(setting(whole.setting.system, whole.setting.seed, *kinds))


def by_path(incident):
    return {log.path: log for log in incident.entries}


def told(incident, kind):
    return [entry for entry in incident.truth["degraded"] if entry["kind"] == kind]


def contents(log):
    """The records without their numbers."""
    return [record[1:] for record in log.records]


def rows(incident):
    """Every record of every log, with the owner of the log and the log's name."""
    return {(log.owner, log.log, *record) for log in incident.entries for record in log.records}


def test_complete_evidence_lacks_nothing(whole):
    """Numbers of every log run without a gap, and nothing is told of any damage."""
    assert whole.truth["degraded"] == whole.truth["strays"] == []
    for log in whole.entries:
        assert [record.record_number for record in log.records] == [
            log.records[0].record_number + index for index in range(len(log.records))
        ]
        assert not any(hidden.stray for hidden in log.hidden)


@pytest.mark.parametrize("kind", sorted(DEGRADATIONS))
def test_what_happened_does_not_change(whole, kind):
    """Whatever is done to the evidence is told, is the same again, and leaves the rest of the truth as it was."""
    incident = degraded(whole, kind)
    again = degraded(whole, kind)
    assert {key: value for key, value in incident.truth.items() if key not in WORLD_KEYS} == {
        key: value for key, value in whole.truth.items() if key not in WORLD_KEYS
    }
    assert incident.truth == again.truth
    assert incident.entries == again.entries
    assert {entry["kind"] for entry in incident.truth["degraded"]} == {kind}


def test_the_order_in_which_damage_is_asked_for_does_not_matter():
    """Two orders, the same evidence; and a kind that there is not is an error."""
    one, two = (build(setting("2003", 1, *kinds)) for kinds in (("gap", "alias", "torn"), ("torn", "gap", "alias")))
    assert one.entries == two.entries
    with pytest.raises(KeyError):
        build(setting("2003", 1, "flooded"))


def test_a_wrapped_log_lacks_its_beginning(whole):
    """As many of the oldest records are gone as the truth says; numbers stay."""
    incident = degraded(whole, "wrapped")
    for entry in told(incident, "wrapped"):
        before, after = by_path(whole)[entry["log"]], by_path(incident)[entry["log"]]
        assert after.records == before.records[entry["entries"] :] != ()


def test_a_cleared_log_begins_anew(whole):
    """The oldest records are gone; on Server 2003 the first that is left has the number 1."""
    incident = degraded(whole, "cleared")
    for entry in told(incident, "cleared"):
        before, after = by_path(whole)[entry["log"]], by_path(incident)[entry["log"]]
        assert contents(after) == contents(before)[entry["entries"] :] != []
        assert all(b.record_number - a.record_number == 1 for a, b in pairwise(after.records))
        if whole.setting.system == "2003":
            assert after.records[0].record_number == 1


def test_a_gap_is_in_the_middle(whole):
    """The numbers that the truth names are missing, and nothing else; records are left on both sides."""
    incident = degraded(whole, "gap")
    for entry in told(incident, "gap"):
        low, high = entry["numbers"]
        before, after = by_path(whole)[entry["log"]].records, by_path(incident)[entry["log"]].records
        assert after == tuple(record for record in before if not low <= record.record_number <= high)
        assert after[0].record_number < low < high < after[-1].record_number
        assert high - low + 1 == entry["entries"]


def test_a_torn_log_lacks_its_end(whole):
    """The newest records are gone, and the file is shorter than the whole one and no whole log."""
    incident = degraded(whole, "torn")
    files = {item.path: item.content for item in incident.items}
    for entry in told(incident, "torn"):
        before, after = by_path(whole)[entry["log"]].records, by_path(incident)[entry["log"]].records
        assert after == before[: len(before) - entry["entries"]] != before
        (whole_file,) = [item.content for item in whole.items if item.path == entry["log"]]
        assert len(files[entry["log"]]) < len(whole_file)
        assert len(files[entry["log"]]) % 65536 != 4096


def test_a_log_saved_twice_overlaps_itself(whole):
    """The two parts together are the log, and they share as many records as the truth says."""
    incident = degraded(whole, "saved-twice")
    for entry in told(incident, "saved-twice"):
        early, late = by_path(incident)[entry["saved"]], by_path(incident)[entry["log"]]
        before = by_path(whole)[entry["log"]].records
        assert early.log == late.log
        assert set(early.records) | set(late.records) == set(before)
        assert len(set(early.records) & set(late.records)) == entry["both"] > 0
        assert (early.records[0], late.records[-1]) == (before[0], before[-1])
        assert early.records[-1] != before[-1]


def test_a_log_that_was_saved_and_cleared_is_whole(whole):
    """The saved file and the log together are what was logged; on Server 2003 the log begins with the number 1."""
    incident = degraded(whole, "saved-and-cleared")
    for entry in told(incident, "saved-and-cleared"):
        early, late = by_path(incident)[entry["saved"]], by_path(incident)[entry["log"]]
        assert contents(early) + contents(late) == contents(by_path(whole)[entry["log"]])
        assert len(early.records) == entry["entries"]
        if whole.setting.system == "2003":
            assert late.records[0].record_number == 1


@pytest.mark.parametrize("kind", ["no-system-log", "no-log"])
def test_a_missing_log_is_missing(whole, kind):
    """The logs that the truth names are gone, the others are as they were."""
    incident = degraded(whole, kind)
    gone = {entry["log"] for entry in told(incident, kind)}
    assert gone
    assert by_path(incident) == {path: log for path, log in by_path(whole).items() if path not in gone}
    if kind == "no-system-log":
        assert any("Sys" in path for path in gone)


def test_evidence_of_one_node_is_all_below_its_folder(whole):
    """Logs and files of the other node are gone; its entries that were copied are not (2003)."""
    incident = degraded(whole, "one-node")
    (entry,) = told(incident, "one-node")
    assert {item.path.split("/")[0] for item in incident.items} == {entry["node"]}
    assert by_path(incident) == {path: log for path, log in by_path(whole).items() if log.owner == entry["node"]}
    copies = any(hidden.copied for log in incident.entries for hidden in log.hidden)
    assert copies == (whole.setting.system == "2003")


def test_dropped_copies_took_no_number(whole):
    """Only copies are missing, as many as the truth says, and numbers run on without a gap."""
    incident = degraded(whole, "copies-dropped")
    (entry,) = told(incident, "copies-dropped")
    lost = 0
    for path, log in by_path(whole).items():
        left = by_path(incident)[path]
        kept = {hidden.occurrence for hidden in left.hidden}
        missing = [hidden for hidden in log.hidden if hidden.occurrence not in kept]
        assert all(hidden.copied for hidden in missing)
        lost += len(missing)
        assert all(b.record_number - a.record_number == 1 for a, b in pairwise(left.records))
    assert lost == entry["entries"]
    assert (lost > 0) == (whole.setting.system == "2003")


def test_a_stray_event_contradicts_what_its_node_was(whole):
    """It claims the other role than the node then had, stands at the place of its time, and is listed."""
    incident = degraded(whole, "stray")
    listed = incident.truth["strays"]
    assert 1 <= len(listed) <= 2
    found = [
        (log.path, record, hidden)
        for log in incident.entries
        for record, hidden in zip(log.records, log.hidden, strict=True)
        if hidden.stray
    ]
    assert [(path, record.record_number, record.computer, record.event_id) for path, record, _ in found] == [
        (entry["log"], entry["record_number"], entry["computer"], entry["event_id"]) for entry in listed
    ]
    for path, record, hidden in found:
        node = path.partition("/")[0]
        (role,) = {
            span["role"]
            for span in incident.truth["intervals"]
            if span["node"] == node and ticks(span["start"]) <= hidden.true < ticks(span["end"])
        }
        assert role == ("active" if record.event_id in {9410, 9413} else "passive")
        (log,) = [log for log in incident.entries if log.path == path]
        place = log.hidden.index(hidden)
        assert all(other.true <= hidden.true for other in log.hidden[:place])
        assert all(other.true > hidden.true for other in log.hidden[place + 1 : place + 2])
        assert record.generated // 10**7 == incident.shown(node, hidden.true) // 10**7
    assert len(rows(incident)) == len(rows(whole)) + len(found)


def test_aliases_are_names_of_no_node(whole):
    """Entries stand under the names of the mailbox server and the cluster, and before all others that of the setup."""
    incident = degraded(whole, "alias")
    (entry,) = told(incident, "alias")
    names = [record.computer.partition(".")[0] for log in incident.entries for record in log.records]
    for name, count in entry["names"].items():
        assert names.count(name) >= count > 0
    assert set(names) == {"EXNODE1", "EXNODE2", *entry["names"]}
    assert set(entry["names"]) == {"CMS1", "EXCLUSTER", "MACHINENAME"}
    (setup,) = [log for log in incident.entries if any(r.computer.startswith("MACHINENAME") for r in log.records)]
    count = entry["names"]["MACHINENAME"]
    assert all(record.computer.startswith("MACHINENAME") for record in setup.records[:count])
    start = ticks(incident.truth["start"])
    assert all(hidden.true < start for hidden in setup.hidden[:count])
    assert all(hidden.true >= start for hidden in setup.hidden[count:])
    assert not incident.truth["strays"]
