"""Heads of real and built evidence, damaged at random: telling what they are, and reading them as text logs."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import pytest

from parsers.clusterlog.reader import ClusterLogReader, NotClusterLogError
from parsers.kinds import HEAD_SIZE, Kind, tell_kind
from parsers.programlog.reader import NotProgramLogError, ProgramLogReader
from parsers.records import read_all

SAMPLE = Path(__file__).parents[1] / "samples" / "incidents" / "failover-in-window.zip"
SEED = 20080110
PART = 20_000  # bytes of a head that are damaged: what the mutations cost grows with it
NAMES = ("System.evtx", "AppEvent.Evt", "cluster.log", "ProgramLog.txt", "export.xml", "x")
XML = (
    '<?xml version="1.0" encoding="utf-8"?>\r\n<Events><Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event">'
    "<System><EventID>9410</EventID></System></Event></Events>"
)
CLUSTER = "378.380::1999/06/09-18:00:50.881 [NM] Forming cluster membership.\r\n"
PROGRAM = '2008-01-10 12:00:37( 6288-12416),"INFORMATION: Initializing virus scanning"\r\n'
TEXTS = (XML, CLUSTER * 30, PROGRAM * 30)
BUILT = [text.encode(encoding) for text in TEXTS for encoding in ("utf-8", "utf-16")]


def mutated(rng: random.Random, head: bytes) -> bytes:
    """The head with one to five kinds of damage: changed bytes, zeros, cuts, repeats, and lines of a text log in it."""
    data = bytearray(head)
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(data) + 1)
        size = rng.choice((1, 2, 16, 300, 5000))
        match rng.randrange(6):
            case 0:
                data[at : at + size] = rng.randbytes(min(size, len(data) - at))
            case 1:
                data[at : at + size] = bytes(min(size, len(data) - at))
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size]
            case 4:
                data[at:at] = rng.choice((CLUSTER, PROGRAM)).encode() * rng.randint(1, 3)
            case _:
                data[at:at] = rng.choice((b"\0", b"\n", b"\xff\xfe", b'"', b"(", b"::"))
    return bytes(data)


def survive(rng: random.Random, heads: list[bytes], rounds: int) -> set[Kind]:
    """Hold that each damaged head has a kind and is read or refused as a text log; the kinds that were told."""
    told = set()
    for head in heads:
        for _ in range(rounds):
            raw = mutated(rng, head[:PART])
            guess = tell_kind(raw[:HEAD_SIZE], rng.choice(NAMES))
            told.add(guess.kind)
            for reader, refused in ((ClusterLogReader, NotClusterLogError), (ProgramLogReader, NotProgramLogError)):
                try:
                    records, problems = read_all(reader(raw))
                except refused:
                    continue
                offsets = [record.offset for record in records]
                assert offsets == sorted(set(offsets))
                assert all(p.offset >= 0 and p.offset + p.length <= len(raw) for p in problems)
                assert len(problems) <= 3 * len(records) + 2
    return told


def test_damaged_built_heads_are_survived():
    """Text logs and event XML in two encodings, and the logs of the sample incident, survive a thousand damages."""
    with zipfile.ZipFile(SAMPLE) as archive:
        members = [name for name in archive.namelist() if name.lower().endswith((".evt", ".evtx"))]
        logs = [archive.read(name) for name in members]
    assert logs
    told = survive(random.Random(SEED), BUILT + logs, 100)  # noqa: S311
    assert {Kind.CLUSTER_LOG, Kind.PROGRAM_LOG, Kind.EVENT_EXPORT} <= told


def test_damaged_real_heads_are_survived(corpus: Path):
    """Heads of real logs survive the same, one after the other."""
    files = sorted(path for path in corpus.glob("evt*/*") if path.suffix.lower() in {".evt", ".evtx"})
    if not files:
        pytest.skip("the corpus holds no logs")
    heads = []
    for path in files[:: max(1, len(files) // 40)]:
        with path.open("rb") as stream:
            heads.append(stream.read(PART))
    told = survive(random.Random(SEED), heads, 20)  # noqa: S311
    assert {Kind.EVT, Kind.EVTX} <= told
