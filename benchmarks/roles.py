"""How long a case takes from its events to what they claim, and to conclusions, and how much memory that needs.

    python benchmarks/roles.py [--sizes 125000 250000 500000 1000000] [--folder DIR]

Makes cases of two Server 2003 nodes directly, without log files: System and Application logs of both, each holding
copies of the other's entries, with the mix of a busy server (services, the store's own entries, skipped copies of the
replication, what nobody asks for), a move of the group every eight hours, restarts, and clocks a minute apart. Then
measures, each size in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

import measure

from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence
from forensics.catalogue import catalogue_of
from forensics.clocks.estimate import estimate
from forensics.gather import gather
from forensics.ingest.nodes import NodeBasis
from forensics.roles.analyse import Analysis
from forensics.roles.groups import group_names
from parsers.kinds import Kind
from parsers.times import TICKS_PER_SECOND, filetime_from_unix, iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIZES: Final = (125_000, 250_000, 500_000, 1_000_000)
NODES: Final = ("EXNODE1", "EXNODE2")
GROUP: Final = "CMS1"
_START: Final = filetime_from_unix(1_199_700_000)
_APART: Final = 61 * TICKS_PER_SECOND  # how much the second node's clock is ahead
_COPIED: Final = 0.8  # share of the entries of which the other node has a copy
_MOVE: Final = 8 * 3600
_MESSAGE: Final = "Scanning of the message store goes on; nothing was found that anybody would want to read about."


class _Kind(NamedTuple):
    """One kind of everyday entry: how often, and what it is."""

    weight: int
    log: str
    source: str
    event_id: int
    strings: tuple[str, ...]


_EVERYDAY: Final = (
    _Kind(22, "System", "Service Control Manager", 7036, ("Background Intelligent Transfer Service", "running")),
    _Kind(10, "System", "Service Control Manager", 7035, ("Windows Installer", "start")),
    _Kind(4, "System", "W32Time", 35, ("dc01.contoso.local (ntp.d|10.0.0.5:123->10.0.0.1:123)",)),
    _Kind(6, "System", "Tcpip", 4201, ("\\DEVICE\\TCPIP_{6E6B1F2C}",)),
    _Kind(30, "Application", "MSExchangeIS Mailbox Store", 1221, ("412", "First Storage Group\\Mailbox Database")),
    _Kind(14, "Application", "FSECCRService", 9413, ("ScanJobs.fdb", "01/10/2008 12:00:35")),
    _Kind(10, "Application", "MSExchangeTransport", 7004, (_MESSAGE,)),
    _Kind(4, "Application", "GetEngineFiles", 6012, ("Norman", _MESSAGE)),
)
# What a store or a passive node says, it says only in that role.
_ACTIVE_ONLY: Final = "MSExchangeIS Mailbox Store"
_PASSIVE_ONLY: Final = "FSECCRService"


class _Entry(NamedTuple):
    """An entry as its own node logs it: true time in ticks since the start."""

    true: int
    node: int
    log: str
    source: str
    event_id: int
    strings: tuple[str, ...]


def make_case(path: Path, size: int, seed: int = 1) -> None:
    """Make a case of about `size` events at `path`, originals and copies told apart as an ingest tells them."""
    rng = Random(seed)  # noqa: S311 - equal seeds, equal cases
    with Case.create(path) as case:
        evidence = {
            (node, log): case.add_evidence(
                NewEvidence(
                    path=f"{name}/Logs/{log}.evt", kind=Kind.EVT, status="read", node=name, log=log,
                    node_basis=NodeBasis.EVENTS, root=name,
                )
            )
            for node, name in enumerate(NODES)
            for log in ("Application", "System")
        }  # fmt: skip
        with case.transaction():
            case.add_events(_rows(_entries(rng, size), evidence, rng))
        case.finish_load()


def _entries(rng: Random, size: int) -> Iterator[_Entry]:
    """Entries of both nodes in the order of true time."""
    weights = [kind.weight for kind in _EVERYDAY]
    originals = int(size / (1 + _COPIED))
    active, now, next_move = 0, 0, _MOVE * TICKS_PER_SECOND
    for kind in rng.choices(_EVERYDAY, weights, k=originals):
        now += int(rng.expovariate(1 / 3) * TICKS_PER_SECOND)
        if now >= next_move:
            yield from _move(active, now)
            active, now, next_move = 1 - active, now + 30 * TICKS_PER_SECOND, next_move + _MOVE * TICKS_PER_SECOND
        node = {_ACTIVE_ONLY: active, _PASSIVE_ONLY: 1 - active}.get(kind.source, rng.randrange(2))
        yield _Entry(now, node, kind.log, kind.source, kind.event_id, kind.strings)


def _move(source: int, now: int) -> Iterator[_Entry]:
    """A clean move of the group, and a restart of the node that gave it up every tenth time."""
    steps: Sequence[tuple[int, int, int]] = (
        (0, source, 1203),
        (8, source, 1204),
        (10, 1 - source, 1200),
        (25, 1 - source, 1201),
    )
    for seconds, node, event_id in steps:
        yield _Entry(now + seconds * TICKS_PER_SECOND, node, "System", "ClusSvc", event_id, (GROUP,))
    if now // TICKS_PER_SECOND // _MOVE % 10 == 0:
        for event_id in (6006, 6009, 6005):
            yield _Entry(now + 29 * TICKS_PER_SECOND, source, "System", "EventLog", event_id, ())


def _rows(entries: Iterator[_Entry], evidence: dict[tuple[int, str], int], rng: Random) -> Iterator[tuple[object, ...]]:
    numbers = dict.fromkeys(evidence, 0)
    given = 0
    for entry in entries:
        raw = _START + entry.true + _APART * entry.node
        raw -= raw % TICKS_PER_SECOND
        row = dict.fromkeys(EVENT_COLUMNS) | {
            "log": entry.log, "source": entry.source, "event_id": entry.event_id, "level": 4, "category": 0,
            "computer": NODES[entry.node], "node": NODES[entry.node], "strings": json.dumps(entry.strings),
            "recovered": 0, "generated_filetime": raw, "written_filetime": raw,
            "time_generated": iso_utc(raw), "time_written": iso_utc(raw), "qualifiers": 0x4000, "raw_type": 4,
        }  # fmt: skip
        # What a machine logs while it starts and stops is not copied.
        alone = entry.source == "EventLog" or rng.random() >= _COPIED
        places = [entry.node] if alone else [entry.node, 1 - entry.node]
        original = given + 1
        for place in places:
            given += 1
            numbers[place, entry.log] += 1
            number = numbers[place, entry.log]
            copy = {"duplicate_of": original if given != original else None, "offset": 48 + 256 * number}
            yield tuple((row | copy | {"evidence_id": evidence[place, entry.log], "record_number": number}).values())


def measure_case(path: Path) -> dict[str, float]:
    """Processor seconds and counts of one case, in this process."""
    with Case.open(path) as case:
        events = case.counts().events
        catalogue = catalogue_of(case)
        start = time.process_time()
        evidence = gather(case, catalogue)
        found: dict[str, float] = {
            "events": events,
            "gather": time.process_time() - start,
            "observations": len(evidence.observations),
            "runs": len(evidence.runs),
            "sequels": len(evidence.sequels),
        }
        start = time.process_time()
        clocks = estimate(evidence, group_names(evidence.observations))
        found["clocks"] = time.process_time() - start
        start = time.process_time()
        history = Analysis(catalogue, evidence, clocks).roles()
        found["roles"] = time.process_time() - start
        found["transitions"] = len(history.transitions)
    return found


def main() -> None:
    """Make, measure and print, one line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--folder", type=Path, help="keep the cases here, and use those that are there")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure_case(options.measure)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for size in options.sizes:
            case = folder / f"{size}.db"
            if not case.exists():
                make_case(case, size)
            answer = Path(temporary) / "answer.json"
            usage = measure.run([sys.executable, __file__, "--measure", case], output=answer)
            found = json.loads(answer.read_text("utf-8"))
            text = ", ".join(f"{name} {value:,.2f}" if isinstance(value, float) else f"{name} {value:,}"
                             for name, value in found.items())  # fmt: skip
            print(f"{text}, peak {usage.largest / 1e6:,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
