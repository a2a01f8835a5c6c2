"""Evidence on roles, written down event by event: for tests of the reconstruction, without log files or a case."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from forensics.catalogue import Catalogue
from forensics.clocks.model import ClockSpan
from forensics.clocks.timeline import Clocks
from forensics.observations import Evidence, Observation, Run
from forensics.profile import load_profile
from forensics.roles.history import mailbox_history
from parsers.times import TICKS_PER_SECOND as SECOND

CATALOGUE = Catalogue(load_profile())
WELL_KNOWN = ("Cluster Group", "Available Storage")
START = 128_444_400_000_000_000
"""The zero of stories, a whole second of 2008."""

# What an entry of a story is: source, id, log.
KINDS = {
    "coming": ("ClusSvc", 1200, "System"),
    "online": ("ClusSvc", 1201, "System"),
    "leaving": ("ClusSvc", 1203, "System"),
    "offline": ("ClusSvc", 1204, "System"),
    "failed": ("ClusSvc", 1205, "System"),
    "formed": ("ClusSvc", 1061, "System"),
    "joined": ("ClusSvc", 1062, "System"),
    "removed": ("ClusSvc", 1135, "System"),
    "boot": ("EventLog", 6005, "System"),
    "halt": ("EventLog", 6006, "System"),
    "up": ("EventLog", 6013, "System"),
    "service": ("Service Control Manager", 7036, "System"),
    "mounted": ("MSExchangeIS Mailbox Store", 9523, "Application"),
    "dismounted": ("MSExchangeIS Mailbox Store", 9539, "Application"),
    "handoff": ("MSExchangeRepl", 100, "Application"),
    "copying": ("MSExchangeRepl", 2114, "Application"),
    "skipped": ("FSECCRService", 9413, "Application"),
    "strange": ("FSECCRService", 9999, "Application"),
}
GROUP_KINDS = frozenset({"coming", "online", "leaving", "offline", "failed"})


class Entry(NamedTuple):
    """One entry: seconds since `START` of the common time line, node, kind, what it names, whose log holds it."""

    at: float
    node: str
    kind: str
    object: str | None = None
    owner: str | None = None
    log: str | None = None


def moment(seconds):
    """FILETIME of a second of a story."""
    return START + round(seconds * SECOND)


def evidence_of(entries, *, ahead=None, holes=(), cut=()):
    """Entries, in the order in which each node logged them, as evidence.

    Args:
        entries: what is in the logs; entries of one node in the order of their numbers.
        ahead: by node the seconds by which its clock is ahead of the common time line.
        holes: (owner, log, start, end): records of those seconds are missing from that log.
        cut: logs that are known to be torn.
    """
    ahead = ahead or {}
    logs = defaultdict(list)
    for entry in entries:
        source, event_id, log = KINDS[entry.kind]
        logs[entry.owner or entry.node, entry.log or log].append((entry, source, event_id))
    observations, runs, seen = [], [], defaultdict(list)
    for log, written in sorted(logs.items()):
        run = []
        for number, (entry, source, event_id) in enumerate(written, 1000):
            gone = any((owner, name) == log and start <= entry.at <= end for owner, name, start, end in holes)
            if gone:
                runs += _run(log, run)
                run = []
                continue
            raw = moment(entry.at + ahead.get(entry.node, 0)) // SECOND * SECOND
            seen[entry.node].append(raw)
            if entry.node == log[0]:
                run.append((number, raw))
            observations.append(_observation(len(observations) + 1, entry, raw, number, log, source, event_id))
        runs += _run(log, run)
    nodes = {node: (min(raws), max(raws)) for node, raws in sorted(seen.items())}
    return Evidence(sorted(observations, key=_order), sorted(runs), [], [], nodes, (), frozenset(cut))


def _run(log, run):
    return [Run(log, run[0][0], run[-1][0], run[0][1], run[-1][1])] if run else []


def _observation(event, entry, raw, number, log, source, event_id):
    named = entry.object or ("CMS1" if entry.kind in GROUP_KINDS else None)
    strings = (named, "running") if named else ()
    if entry.kind == "service":
        strings = ("Cluster Service", "running")
    found = CATALOGUE.match(source, event_id, strings, None, log[1])
    return Observation(
        event, entry.node, raw, number, log, SECOND, found.row.claim, found.object, found.row.strong, found.mark,
        source, event_id, strings,
    )  # fmt: skip


def _order(one):
    return one.node, one.log, one.number, one.raw, one.source, one.event_id


def known_clocks(evidence, *, ahead=None, within=1.0):
    """Clocks that are known to so many seconds; `within` None: not bounded, but right."""
    ahead = ahead or {}
    spans = []
    for at, (node, (first, last)) in enumerate(sorted(evidence.nodes.items())):
        offset = -round(ahead.get(node, 0) * SECOND)
        reach = None if within is None else 0 if at == 0 else round(within * SECOND)
        low, high = (None, None) if reach is None else (offset - reach, offset + reach)
        spans.append(ClockSpan(node, first, last, {}, offset, low, high, 10, (), "known"))
    return Clocks.of(spans)


def told(entries, *, ahead=None, within=1.0, holes=(), cut=()):
    """The history of the mailbox server's group, told from a story by clocks that are known."""
    evidence = evidence_of(entries, ahead=ahead, holes=holes, cut=cut)
    return mailbox_history(evidence, known_clocks(evidence, ahead=ahead, within=within), WELL_KNOWN)


# -- chapters ----------------------------------------------------------------------------------------------------------


def begins(at, *nodes):
    """All nodes boot, and the group comes online on the first."""
    entries = []
    for index, node in enumerate(nodes):
        entries += [Entry(at + index * 5, node, "boot"), Entry(at + index * 5 + 40, node, "joined")]
    return [*entries, *comes(at + 60, nodes[0]), Entry(at + 60, nodes[0], "up")]


def comes(at, node, group=None):
    """The group comes online on a node, its databases with it."""
    entries = [Entry(at, node, "coming", group), Entry(at + 15, node, "online", group)]
    return entries if group else [entries[0], Entry(at + 8, node, "mounted"), entries[1]]


def goes(at, node, group=None):
    """The group goes offline on a node."""
    entries = [Entry(at, node, "leaving", group), Entry(at + 8, node, "offline", group)]
    return entries if group else [entries[0], Entry(at + 4, node, "dismounted"), entries[1]]


def moves(at, source, target):
    """The group moves, and the handoff is reported; it is online 25 seconds later."""
    return [
        *goes(at, source),
        *comes(at + 10, target),
        Entry(at + 27, target, "handoff"),
        Entry(at + 60, source, "copying"),
    ]


def restarts(at, node):
    """A clean restart of a machine: down for 150 seconds."""
    return [Entry(at, node, "halt"), Entry(at + 120, node, "boot"), Entry(at + 150, node, "joined")]


def crashes(at, node, witness):
    """A machine stops dead, another notes it; it is back after 400 seconds."""
    return [Entry(at + 10, witness, "removed", node), Entry(at + 370, node, "boot"), Entry(at + 400, node, "joined")]


def ends(at, *nodes):
    """Every node still logs something."""
    return [entry for node in nodes for entry in (Entry(at, node, "up"), Entry(at, node, "strange"))]


def without_ids(history, evidence):
    """A history that does not depend on the ids of events: references as what the event is."""
    what = {one.reference: (one.node, one.raw, one.source, one.event_id, one.strings) for one in evidence.observations}

    def plain(row):
        names = [name for name in row.__slots__ if name not in {"evidence", "contradicted_by"}]
        listed = [
            sorted(map(str, (what[r] for r in getattr(row, name, ())))) for name in ("evidence", "contradicted_by")
        ]
        return [getattr(row, name) for name in names], listed

    return [
        [plain(row) for row in rows]
        for rows in (history.intervals, history.transitions, history.conflicts, history.clock_offsets)
    ]
