"""The incident generator: its evidence is what the documented rules leave behind, and its truth is true."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import struct
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import evtx
import pyevt
import pytest

import samples
from samples.incident import SYSTEMS, Setting, build
from samples.incident.backups import SCHEMES
from samples.incident.content import MARK, NOT_REPLICATED, REPLICATED
from samples.incident.evidence import write_folder, zip_bytes

# Beside the tests and not in the installed package: it is no part of the program.
COMMITTED = Path(__file__).parents[1] / "samples" / "incidents" / "failover-in-window.zip"
COMMITTED_SETTING = Setting("failover-in-window", "2008", 37)
XML = "{http://schemas.microsoft.com/win/2004/08/events/event}"
# Sources and ids that the simulation may log: documented, or common knowledge among administrators.
KNOWN = {
    "ClusSvc": {1061, 1062, 1135, 1137, 1200, 1201, 1202, 1203, 1204},
    "Microsoft-Windows-FailoverClustering": {1135, 1200, 1201, 1203, 1204},
    "EventLog": {6005, 6006, 6008, 6009, 6013},
    "USER32": {1074},
    "Service Control Manager": {7036},
    "W32Time": {35},
    "Microsoft-Windows-Time-Service": {35},
    "MSExchangeIS Mailbox Store": {9523, 9539},
    "MSExchangeRepl": {100, 2114},
    "FSECCRService": {9410, 9413},
    "GetEngineFiles": {6012},
    "FSCController": {5066},
    "StatisticsManager": {7032},
    "MsiInstaller": {1033, 1035, 11707},
}


class Logged(NamedTuple):
    """An entry as an independent reader shows it; time in Unix seconds."""

    number: int
    source: str
    event_id: int
    computer: str
    time: float
    strings: tuple[str, ...]


def read_log(path: str, data: bytes) -> list[Logged]:
    """The entries of a log, by libevt or by `evtx`."""
    if path.endswith(".Evt"):
        file = pyevt.file()
        with io.BytesIO(data) as stream:
            file.open_file_object(stream)
            # One at a time: records of libevt do not outlive the reading of later ones.
            found = [from_record(file.get_record(index)) for index in range(file.number_of_records)]
            file.close()
        return found
    return [from_xml(record["data"]) for record in evtx.PyEvtxParser(io.BytesIO(data)).records()]


def from_record(record) -> Logged:
    """An entry of libevt."""
    return Logged(
        record.identifier,
        record.source_name,
        record.event_identifier & 0xFFFF,
        record.computer_name,
        record.get_creation_time_as_integer(),
        tuple(text or "" for text in record.strings),
    )


def from_xml(text: str) -> Logged:
    """An entry rendered as XML."""
    root = ET.fromstring(text)  # noqa: S314 -- rendered from our own bytes
    system = root.find(f"{XML}System")
    created = system.find(f"{XML}TimeCreated").get("SystemTime")
    return Logged(
        int(system.findtext(f"{XML}EventRecordID")),
        system.find(f"{XML}Provider").get("Name"),
        int(system.findtext(f"{XML}EventID")),
        system.findtext(f"{XML}Computer"),
        datetime.fromisoformat(created).timestamp(),
        tuple((e.text or "").strip() for e in root.find(f"{XML}EventData") if e.tag == f"{XML}Data"),
    )


def logs_of(incident) -> dict[str, list[Logged]]:
    """Every log of an incident, read."""
    return {item.path: read_log(item.path, item.content) for item in incident.items if "/Logs/" in item.path}


def unix(text: str) -> float:
    """Unix seconds of a time of the truth."""
    return datetime.fromisoformat(text).timestamp()


def offset(incident, node: str) -> float:
    """Seconds that a node's clock is ahead of true time."""
    (clock,) = [entry["clock"] for entry in incident.truth["nodes"] if entry["name"] == node]
    return clock[0]["offset_seconds"]


FIRST = ("crash", "failover-in-window", "quiet")


@pytest.fixture(scope="module", params=[(name, system) for name in FIRST for system in SYSTEMS], ids="-".join)
def incident(request):
    """One incident of each system and of each scenario that follows the configuration files."""
    return build(Setting(*request.param, 3))


def test_the_same_setting_gives_the_same_bytes():
    """Nothing but the setting enters an incident: archive and truth are equal to the last byte."""
    first, second = (build(Setting("failover-in-window", "2003", 5)) for _ in range(2))
    assert zip_bytes(first.items) == zip_bytes(second.items)
    assert first.truth_json() == second.truth_json()
    assert first.truth_json() != build(Setting("failover-in-window", "2003", 6)).truth_json()


def test_the_committed_incident_is_what_the_generator_builds():
    """Names, NTFS times and contents of the archive in the repository, and its truth, are those of a fresh build."""
    fresh = build(COMMITTED_SETTING)
    assert members(COMMITTED.read_bytes()) == members(zip_bytes(fresh.items))
    truth = COMMITTED.with_name("failover-in-window.truth.json")
    assert truth.read_text(encoding="utf-8") == fresh.truth_json()
    assert COMMITTED.stat().st_size < 300_000


def members(archive: bytes) -> list[tuple[str, bytes, bytes]]:
    """Name, extra field and content of each member."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return [(info.filename, info.extra, opened.read(info)) for info in opened.infolist()]


def test_archive_and_folder_keep_the_times_to_100_ns(tmp_path):
    """The NTFS field of a member and the times of a written folder are the recorded times, not rounded."""
    items = build(Setting("quiet", "2003", 2, backup_scheme="folder-number")).items
    write_folder(items, tmp_path / "root")
    extras = {name.rstrip("/"): extra for name, extra, _ in members(zip_bytes(items))}
    assert any(item.modified % 10_000_000 for item in items)
    for item in items:
        assert struct.unpack_from("<3Q", extras[item.path], 12) == (item.modified,) * 3
        place = tmp_path / "root" / item.path
        assert place.stat().st_mtime_ns == (item.modified - 116_444_736_000_000_000) * 100
        assert place.is_dir() == (item.content is None)
        assert item.content is None or place.read_bytes() == item.content


def test_the_truth_is_never_inside_the_evidence(incident):
    """Evidence is logs and Data folders of the two nodes, and nothing that gives the answer away."""
    assert {tuple(item.path.split("/")[:2]) for item in incident.items} == {
        (node, part) for node in ("EXNODE1", "EXNODE2") for part in ("Logs", "Data")
    }
    assert not [item.path for item in incident.items if "truth" in item.path.lower()]


def test_logs_are_read_whole_by_independent_readers(incident):
    """Each log has an unbroken run of numbers, only known events, and the amount of noise of a real server."""
    for path, entries in logs_of(incident).items():
        numbers = [entry.number for entry in entries]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert {(e.source, e.event_id) for e in entries} <= {(s, i) for s, ids in KNOWN.items() for i in ids}
        if "Operational" not in path:
            assert 60 < len(entries) < 3000


def test_logs_look_like_copies_of_logs_in_use(incident):
    """The dirty flag is set, and an .evt header is older than the log's last entry."""
    for item in incident.items:
        if item.path.endswith(".Evt"):
            following, flags = struct.unpack_from("<I8xI", item.content, 24)
            assert flags & 1
            assert following <= read_log(item.path, item.content)[-1].number
        elif item.path.endswith(".evtx"):
            assert struct.unpack_from("<I", item.content, 0x78)[0] & 1


def test_entries_are_copied_on_server_2003_only():
    """2003: both nodes' entries in both logs, some copies dropped, with the origin's time; 2008: own entries only."""
    for path, entries in logs_of(build(Setting("quiet", "2008", 4))).items():
        assert {entry.computer for entry in entries} == {f"{path.split('/')[0]}.contoso.local"}
    logs = logs_of(build(Setting("quiet", "2003", 4)))
    for name in ("SysEvent.Evt", "AppEvent.Evt"):
        keys = {
            node: Counter(
                (e.source, e.event_id, e.time, e.strings)
                for e in logs[f"{node}/Logs/{name}"]
                if e.computer == "EXNODE1"
            )
            for node in ("EXNODE1", "EXNODE2")
        }
        assert keys["EXNODE2"] <= keys["EXNODE1"]
        assert 0.8 * keys["EXNODE1"].total() < keys["EXNODE2"].total()
    everything = [(e.computer, *e[1:3], e.time) for path in logs for e in logs[path] if "SysEvent" in path]
    assert Counter(Counter(everything).values())[1] > 0


def test_transitions_are_logged_on_both_nodes(incident):
    """Offline on one node and online on the other stand in their logs, at the true time plus the node's offset."""
    seen = {
        (entry.computer.split(".")[0], entry.event_id, entry.strings, round(entry.time))
        for entries in logs_of(incident).values()
        for entry in entries
    }
    assert incident.truth["transitions"]
    for move in incident.truth["transitions"]:
        ends = [(move["to"], 1201, move["online"])]
        if move["kind"] == "quiet":
            ends.append((move["from"], 1204, move["offline"]))
        for node, event_id, time in ends:
            raw = unix(time) + offset(incident, node)
            assert any((node, event_id, (move["group"],), round(raw) + near) in seen for near in (-1, 0, 1))


def test_at_most_one_node_is_active_and_intervals_have_no_holes(incident):
    """Roles cover each node's time without gap or overlap, and two nodes are never active at once."""
    active = []
    for node in ("EXNODE1", "EXNODE2"):
        spans = [span for span in incident.truth["intervals"] if span["node"] == node]
        assert spans[0]["start"] == incident.truth["start"]
        assert spans[-1]["end"] == incident.truth["end"]
        assert all(a["end"] == b["start"] for a, b in pairwise(spans))
        active += [(span["start"], span["end"]) for span in spans if span["role"] == "active"]
    active.sort()
    assert len(active) == 1 + sum(move["group"] == "CMS1" for move in incident.truth["transitions"])
    assert all(a[1] <= b[0] for a, b in pairwise(active))


def active_at(incident, time: str) -> str | None:
    """The node that was active at a true time."""
    spans = incident.truth["intervals"]
    return next((s["node"] for s in spans if s["role"] == "active" and s["start"] <= time < s["end"]), None)


def test_copies_follow_newer_wins_from_active_to_passive(incident):
    """Every copy goes from the active node to the other, of a file newer by raw times, and to the cycle's second."""
    copies = incident.truth["replications"]
    assert len(copies) > 10
    for copy in copies:
        assert active_at(incident, copy["time"]) == copy["from"] != copy["to"]
        assert copy["copied"]["modified"] > copy["replaced"]["modified"]
        assert copy["file"] in REPLICATED
    for node in ("EXNODE1", "EXNODE2"):
        phases = {round(unix(c["time"]) % 30, 3) for c in copies if c["to"] == node}
        assert len(phases) == 1


def test_backups_are_made_at_starts_and_handoffs(incident):
    """Each time the mailbox group leaves a node, that node has a set of that moment with what its files then held."""
    truth = incident.truth
    sets = truth["backups"]
    moves = [move for move in truth["transitions"] if (move["group"], move["kind"]) == (truth["group"], "quiet")]
    assert {(s["node"], s["made"]) for s in sets if s["trigger"] == "active_to_passive"} == {
        (move["from"], move["offline"]) for move in moves
    }
    assert sum(s["trigger"] == "service_start" for s in sets) == 3
    assert len({s["location"] for s in sets}) == len(sets)
    for made in sets:
        assert set(made["files"]) == set(REPLICATED)
        assert abs(unix(made["made_recorded"]) - unix(made["made"]) - offset(incident, made["node"])) < 1e-5
        for name, state in made["files"].items():
            saved = [e for e in truth["edits"] if e["file"] == name and e["sha256"] == state["sha256"]]
            assert all(edit["time"] <= made["made"] for edit in saved)


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_backup_sets_lie_where_the_truth_says(scheme):
    """Whatever the scheme, the bytes at a set's location are those of its files, with their own times."""
    incident = build(Setting("failover-in-window", "2003", 8, backup_scheme=scheme))
    found = {item.path: item for item in incident.items}
    for made in incident.truth["backups"]:
        for name, state in made["files"].items():
            stem, _, extension = name.partition(".")
            if "*" not in made["location"]:
                path = f"{made['location']}/{name}"
            elif scheme == "suffix-stamp":
                path = made["location"].replace("*", name)
            else:
                path = f"{made['location'].replace('*', stem)}.{extension}"
            assert hashlib.sha256(found[path].content).hexdigest() == state["sha256"]
            assert datetime.fromisoformat(state["modified"]) == datetime.fromtimestamp(
                (found[path].modified - 116_444_736_000_000_000) // 10 / 1e6, UTC
            )
        if "stamp" in scheme:
            assert made["location"].endswith(made["made_recorded"][:19].translate({ord(c): None for c in "-:T"}))


def test_fdb_files_say_that_they_are_synthetic(incident):
    """The first bytes of every .fdb say what it is not; sizes are small; live files are those of the truth."""
    files = [item for item in incident.items if "/Data/" in item.path and item.content is not None]
    assert all(item.content.startswith(MARK) and 1024 <= len(item.content) <= 8192 for item in files)
    live = {item.path: hashlib.sha256(item.content).hexdigest() for item in files}
    for node, states in incident.truth["live"].items():
        assert set(states) == {*REPLICATED, NOT_REPLICATED}
        assert all(live[f"{node}/Data/{name}"] == state["sha256"] for name, state in states.items())
    one, two = incident.truth["live"].values()
    assert one[NOT_REPLICATED]["sha256"] != two[NOT_REPLICATED]["sha256"]


@pytest.mark.parametrize("scenario", ["quiet", "crash"])
@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_lost_when_every_save_had_its_cycle(seed, scenario):
    """Whatever the seed, both nodes end with the last saved content of every file."""
    truth = build(Setting(scenario, SYSTEMS[seed % 2], seed)).truth
    assert truth["losses"] == []
    for name in REPLICATED:
        last = [edit for edit in truth["edits"] if edit["file"] == name][-1]
        assert {states[name]["sha256"] for states in truth["live"].values()} == {last["sha256"]}
    assert all(edit["role"] == "active" for edit in truth["edits"])


@pytest.mark.parametrize("seed", range(15))
def test_a_failover_within_the_cycle_loses_the_save(seed):
    """Whatever the seed, one save made at most a cycle before a handoff never reaches the node that takes over."""
    truth = build(Setting("failover-in-window", SYSTEMS[seed % 2], seed)).truth
    (loss,) = truth["losses"]
    moves = [move for move in truth["transitions"] if move["group"] == truth["group"]]
    assert (loss["kind"], loss["cause"]) == ("lost_update", "failover_in_window")
    assert loss["node"] == moves[-1]["to"] != loss["saved_on"]
    assert 0 < unix(moves[-1]["asked"]) - unix(loss["time"]) <= 30
    reached = [copy for copy in truth["replications"] if copy["copied"]["sha256"] == loss["lost"]["sha256"]]
    assert reached == []
    live = {node: states[loss["file"]] for node, states in truth["live"].items()}
    assert live[loss["saved_on"]] == loss["lost"]
    assert live[loss["node"]] == loss["current"] != loss["lost"]
    sets = {made["location"]: made for made in truth["backups"]}
    assert all(sets[place]["files"][loss["file"]] == loss["lost"] for place in loss["recoverable_from"])
    assert sets[loss["recoverable_from"][0]]["made"] == moves[-1]["offline"]


def test_the_passive_node_reports_a_newer_copy_once():
    """After the loss the passive node holds the newer file: it logs 9413 for it, and not again every thirty seconds."""
    incident = build(Setting("failover-in-window", "2008", 1))
    (loss,) = incident.truth["losses"]
    after = [
        entry
        for entry in logs_of(incident)[f"{loss['saved_on']}/Logs/Application.evtx"]
        if entry.event_id == 9413 and entry.time > unix(loss["time"]) + offset(incident, loss["saved_on"])
    ]
    assert [entry.strings for entry in after] == [(loss["file"],)]


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_crash_leaves_no_clean_end(system):
    """No offline event and no backup on the node that stops; 1135 on the other; 6008 with the time at its next boot."""
    incident = build(Setting("crash", system, 2))
    (move,) = [move for move in incident.truth["transitions"] if move["kind"] == "crash" and move["group"] == "CMS1"]
    entries = {entry for found in logs_of(incident).values() for entry in found}
    stopped = unix(move["offline"]) + offset(incident, move["from"])
    gone = [e for e in entries if e.computer.startswith(move["from"]) and stopped < e.time < stopped + 190]
    assert gone == []
    (removed,) = {e.strings for e in entries if e.event_id == 1135}
    assert removed == (move["from"],)
    (unexpected,) = {e.strings[:2] for e in entries if e.event_id == 6008}
    shown = datetime.strptime(" ".join(unexpected), "%I:%M:%S %p %m/%d/%Y").replace(tzinfo=UTC)
    assert shown.timestamp() == int(stopped)
    assert not [
        made
        for made in incident.truth["backups"]
        if made["trigger"] == "active_to_passive" and made["made"] == move["offline"]
    ]
    assert move["asked"] == move["offline"] < move["online"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_an_administrator_did_carries_his_sid(system):
    """Installations and restarts name a user; what services do names none."""
    incident = build(Setting("quiet", system, 1))
    for item in incident.items:
        if item.path.endswith((".evtx", ".Evt")):
            has_installs = any(e.event_id in {11707, 1074} for e in read_log(item.path, item.content))
            sid = struct.pack("<BB6B5I", 1, 5, 0, 0, 0, 0, 0, 5, 21, 1111111111, 2222222222, 3333333333, 500)
            assert (sid in item.content) == has_installs


def test_names_of_nodes_and_cluster_are_free():
    """Nodes, group and domain are named as the setting says, in folders, logs and truth."""
    setting = Setting("quiet", "2008", 1, node_names=("MBX-A", "MBX-B"), cms="MAIL", domain="corp.example")
    incident = build(setting)
    assert {item.path.split("/")[0] for item in incident.items} == {"MBX-A", "MBX-B"}
    assert {e.computer for entries in logs_of(incident).values() for e in entries} == {
        "MBX-A.corp.example",
        "MBX-B.corp.example",
    }
    assert incident.truth["group"] == "MAIL"
    assert {move["group"] for move in incident.truth["transitions"]} == {"MAIL", "Cluster Group", "Available Storage"}


def test_the_command_writes_evidence_and_truth(tmp_path):
    """The module run as a command writes a folder or an archive and the truth beside it, and overwrites nothing."""
    command = [sys.executable, "-m", "samples.incident", "--scenario", "quiet", "--system", "2003", "--seed", "7", "-o"]
    subprocess.run([*command, str(tmp_path / "a.zip"), "--archive"], check=True, cwd=tmp_path)
    subprocess.run([*command, str(tmp_path / "b")], check=True, cwd=tmp_path)
    expected = build(Setting("quiet", "2003", 7))
    assert (tmp_path / "a.zip").read_bytes() == zip_bytes(expected.items)
    assert json.loads((tmp_path / "b.truth.json").read_text(encoding="utf-8")) == expected.truth
    assert (tmp_path / "b" / "EXNODE1" / "Logs" / "SysEvent.Evt").is_file()
    again = subprocess.run([*command, str(tmp_path / "b")], check=False, capture_output=True, cwd=tmp_path)
    assert again.returncode == 2
    assert b"exists already" in again.stderr


def test_samples_know_nothing_of_the_analysis():
    """No module of `samples` imports a reader, the analysis or the command line: both can be wrong only apart."""
    modules = sorted(Path(samples.__file__).parent.rglob("*.py"))
    assert len(modules) > 10
    shapes = {"parsers.records"}  # what an event is, without a way to read one
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            others = [name for name in names if name.split(".")[0] in {"parsers", "forensics", "cli"}]
            assert set(others) <= shapes
            assert not others or "incident" not in module.parts
