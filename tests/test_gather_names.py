"""Which names are nodes, where most of what the logs hold would say otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence
from forensics.case.values import json_text
from forensics.catalogue import catalogue_of
from forensics.gather import gather
from parsers.times import TICKS_PER_SECOND, filetime_from_unix

if TYPE_CHECKING:
    from pathlib import Path

    from forensics.observations import Evidence

T0 = filetime_from_unix(1_200_000_000)
BOOT = ("EventLog", 6005, ())
ONLINE = ("ClusSvc", 1201, ("CMS1",))
STORE = ("MSExchangeIS Mailbox Store", 1221, ("412",))
NOISE = ("Service Control Manager", 7036, ("Windows Installer", "running"))
Entry = tuple[str, tuple[str, int, tuple[str, ...]]]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case.create(tmp_path / "case.db")


def put(case: Case, path: str, entries: list[Entry], node: str, *, start: int = 0, **more: Any) -> int:
    """A log of (computer, what) ten minutes apart; `node` is whose the ingest says it is."""
    new = {"path": path, "kind": "evt", "status": "read", "node": node, "node_basis": "events", "log": "System",
           "live": len(entries)} | more  # fmt: skip
    one = case.add_evidence(NewEvidence(**new))
    for number, (computer, (source, event_id, strings)) in enumerate(entries, 1):
        raw = T0 + (start + number) * 600 * TICKS_PER_SECOND
        row = dict.fromkeys(EVENT_COLUMNS) | {
            "evidence_id": one, "log": new["log"], "record_number": number, "node": computer, "computer": computer,
            "source": source, "event_id": event_id, "strings": json_text(strings), "recovered": 0,
            "generated_filetime": raw, "written_filetime": raw,
        }  # fmt: skip
        case.add_events([tuple(row.values())])
    return one


def gathered(case: Case) -> Evidence:
    case.finish_load()
    return gather(case, catalogue_of(case))


def test_the_mailbox_servers_name_is_an_alias(case: Case) -> None:
    """A name that is a group's name is no node, were its events the store's and its copies without originals."""
    put(case, "A/x.evt", [("A", BOOT), ("A", ONLINE), ("CMS1", STORE), ("CMS1", STORE), ("A", STORE)], "A")
    evidence = gathered(case)
    assert (set(evidence.nodes), evidence.aliases) == ({"A"}, ("CMS1",))


def test_a_name_that_only_the_store_uses_is_an_alias_where_both_nodes_are_known(case: Case) -> None:
    """Without any event of a group, a third name beside two nodes with logs of their own is none."""
    put(case, "A/x.evt", [("A", BOOT), ("A", STORE), ("MAIL", STORE), ("MAIL", STORE)], "A")
    put(case, "B/x.evt", [("B", BOOT), ("B", NOISE)], "B")
    evidence = gathered(case)
    assert (set(evidence.nodes), evidence.aliases) == ({"A", "B"}, ("MAIL",))


@pytest.mark.parametrize(("order", "nodes"), [("AAAABBBBBBAAAA", {"A", "B"}), ("AABAAABAABAAAABA", {"A"})])
def test_one_log_with_two_names_of_the_store(case: Case, order: str, nodes: set[str]) -> None:
    """A store that ran elsewhere for a while is a lost node's; one name here and there among the other is an alias."""
    put(case, "A/x.evt", [("A", BOOT), *((name, STORE) for name in order)], "A")
    assert set(gathered(case).nodes) == nodes


def test_a_node_that_only_boots_is_one(case: Case) -> None:
    """A machine with a log of its own is a node though it claims nothing."""
    put(case, "A/x.evt", [("A", BOOT), ("A", ONLINE)], "A")
    put(case, "B/x.evt", [("B", BOOT)], "B")
    evidence = gathered(case)
    assert (set(evidence.nodes), evidence.aliases) == ({"A", "B"}, ())


def test_a_node_that_is_only_spoken_of_is_none(case: Case) -> None:
    """A node removed from the membership that has no event of its own is neither node nor alias."""
    put(case, "A/x.evt", [("A", BOOT), ("A", ("ClusSvc", 1135, ("B",)))], "A")
    evidence = gathered(case)
    assert (set(evidence.nodes), evidence.aliases) == ({"A"}, ())


def test_a_name_before_setup_is_an_alias_though_a_log_is_its_own(case: Case) -> None:
    """The name a log begins with before it goes on under another is no node, even where a whole log has only that."""
    put(case, "A/x.evt", [("MACHINENAME", BOOT), ("MACHINENAME", NOISE), ("A", BOOT), *[("A", NOISE)] * 5], "A")
    put(case, "A/setup.evt", [("MACHINENAME", NOISE)], "MACHINENAME", log="Setup")
    evidence = gathered(case)
    assert (set(evidence.nodes), evidence.aliases) == ({"A"}, ("MACHINENAME",))


def test_a_log_that_was_cleared_before_the_rename_is_no_nodes(case: Case) -> None:
    """A whole log under a name that was gone before the first event of the node in whose folder it lies: a setup's."""
    put(case, "A/Cleared/x.evtx", [("MACHINENAME", BOOT), ("MACHINENAME", NOISE)], "MACHINENAME", kind="evtx")
    put(case, "A/x.evtx", [("A", BOOT), ("A", NOISE)], "A", start=100, kind="evtx")
    put(case, "B/x.evtx", [("B", BOOT)], "B", start=50, kind="evtx")
    evidence = gathered(case)
    assert (set(evidence.nodes), evidence.aliases) == ({"A", "B"}, ("MACHINENAME",))


def test_a_node_that_left_early_is_not_taken_for_a_setup_name(case: Case) -> None:
    """A name with claims of its own, or with events after the other's first, stays a node."""
    put(case, "B/x.evt", [("A", NOISE), ("A", NOISE), ("B", BOOT), ("B", NOISE), ("B", NOISE)], "B")
    put(case, "A/x.evt", [("A", NOISE), ("A", NOISE)], "A", start=100)
    assert set(gathered(case).nodes) == {"A", "B"}


def test_evidence_of_nobody_is_neither(case: Case) -> None:
    """A made-up name stands for a node only where it claims a role."""
    put(case, "x.csv", [(None, NOISE)], "UNKNOWN-1", kind="event_export", node_basis="unknown")  # type: ignore[list-item]
    put(case, "y.csv", [(None, ONLINE)], "UNKNOWN-2", kind="event_export", node_basis="unknown")  # type: ignore[list-item]
    evidence = gathered(case)
    assert (set(evidence.nodes), evidence.aliases) == ({"UNKNOWN-2"}, ())


def test_a_log_that_is_full_of_the_mailbox_servers_name_makes_no_node_of_it(case: Case) -> None:
    """Beside two machines a name that only the store uses is an alias, though most of a quiet log is under it."""
    put(case, "A/s.evt", [("A", BOOT), ("A", ONLINE)], "A")
    put(case, "B/s.evt", [("B", BOOT), ("B", ("ClusSvc", 1062, ()))], "B")
    put(case, "A/a.evt", [("STORE1", STORE), ("A", NOISE), ("STORE1", STORE)], "STORE1", log="Application")
    evidence = gathered(case)
    assert (set(evidence.nodes), evidence.aliases) == ({"A", "B"}, ("STORE1",))
