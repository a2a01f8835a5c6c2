"""Build the logs that the benchmarks read: `big.evtx` and `big.evt`, of a chosen size, the same bytes every time.

Sources and texts are invented (no product writes them); the shapes are those of real Application and System logs: some
280 to 900 bytes of file for each record, a few dozen sources, two or three strings of some forty to a hundred
characters, a part of the events with binary data or the SID of a user, two names of one machine. What the plain scripts
could not tell from their reader's output is left out, so that rows can be compared one by one: values of which the Rust
reader's JSON changes the text (GUIDs, FILETIMEs), repeated names, and classic events without any string.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from samples.builders import evt, evtx, evtx_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = Path(__file__).resolve().parent / "data"
DEFAULT_MB = 110
MB = 1_000_000

_START = 128_444_400_000_000_000  # 2008-01-10T12:00:00Z as FILETIME
_TICKS = 10_000_000
_UNIX_EPOCH = 116_444_736_000_000_000
_COMPUTERS = ("BENCH-A1B2C3D4", "node1.example.test")  # a machine's name during setup, and its name since
_SIDS = tuple(
    evtx_values.sid_bytes(text)
    for text in ("S-1-5-18", "S-1-5-19", "S-1-5-20", "S-1-5-21-1111111111-2222222222-3333333333-500")
)
_EVT_TYPES = {2: 1, 3: 2, 4: 4}
_WORDS = (
    *("the", "service", "queue", "mailbox", "database", "volume", "request", "session", "connection", "policy"),
    *("update", "was", "has", "been", "not", "could", "started", "stopped", "completed", "failed", "opened", "closed"),
    *("because", "of", "for", "with", "on", "at", "in", "user", "account", "local", "remote", "cluster", "resource"),
    *("group", "network", "adapter", "address", "timeout", "Größe", "geändert", "façade", "naïve"),
)
_MANIFEST_KEYWORDS = 0x8000_0000_0000_0000


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event: who writes it, and what its values look like (letters of `_MAKERS`)."""

    source: str
    event_id: int
    level: int
    category: int
    values: str
    named: bool
    was_classic: bool
    user: bytes | None
    binary: int


def _sentence(rng: random.Random) -> str:
    return " ".join(rng.choices(_WORDS, k=rng.randint(6, 20))).capitalize() + "."


def _path(rng: random.Random) -> str:
    folders = "\\".join(rng.choice(_WORDS).title() for _ in range(rng.randint(2, 5)))
    return f"C:\\Program Files\\{folders}\\{rng.randrange(1 << 32):08x}.log"


# What a value is: a service's name, a state, a path, a sentence, a number as text, an error code, an address.
_MAKERS: dict[str, Callable[[random.Random], str]] = {
    "n": lambda rng: " ".join(word.title() for word in rng.choices(_WORDS, k=3)),
    "w": lambda rng: rng.choice(("running", "stopped", "", "auto start", "demand start")),
    "p": _path,
    "s": _sentence,
    "d": lambda rng: str(rng.randrange(1 << 20)),
    "x": lambda rng: f"0x{rng.randrange(1 << 32):08X}",
    "a": lambda rng: ".".join(str(rng.randrange(256)) for _ in range(4)),
}
_CLASSIC_SHAPES = ("n", "nd", "sp", "ndx", "ns", "pdd", "sa", "nxs", "ndddd", "s")
# In capitals what a manifest event stores as a number: U unsigned, X hexadecimal, B boolean.
_MANIFEST_SHAPES = ("nw", "nw", "nU", "pX", "nwB", "sUX", "nnw", "aU", "npUU", "ns")


def catalogue(rng: random.Random) -> list[Kind]:
    """Sixty kinds of events from twenty-four sources, half of them classic."""
    kinds = []
    for number in range(60):
        source = number % 24
        named = source % 2 == 0
        shapes = _MANIFEST_SHAPES if named else _CLASSIC_SHAPES
        kinds.append(
            Kind(
                source=f"Fabrikam-Windows-Component{source:02d}" if named else f"Contoso Agent {source:02d}",
                event_id=1000 + number,
                level=rng.choice((4, 4, 4, 4, 3, 2)),
                category=rng.choice((0, 0, 0, 1, 3, 7)),
                values=rng.choice(shapes),
                named=named,
                was_classic=named and source % 6 == 0,
                user=rng.choice(_SIDS) if rng.random() < 0.3 else None,
                binary=rng.choice((8, 24, 40)) if rng.random() < 0.25 else 0,
            )
        )
    return kinds


@dataclass(frozen=True, slots=True)
class Happening:
    """One event before it has the form of a log; `ticks` is a FILETIME."""

    kind: Kind
    ticks: int
    computer: str
    texts: tuple[str, ...]
    data: bytes


def happenings(seed: int = 1) -> Iterator[Happening]:
    """Events without end, in the order of their times, in bursts."""
    rng = random.Random(seed)  # noqa: S311 - the same bytes every time are the point
    kinds = catalogue(rng)
    weights = list(accumulate(1 / (rank + 1) for rank in range(len(kinds))))
    pools = {letter: [make(rng) for _ in range(4000)] for letter, make in _MAKERS.items()}
    numbers = [str(rng.randrange(1 << 20)) for _ in range(4000)]
    pools |= {"U": numbers, "X": numbers, "B": ["0", "1"]}
    ticks = _START
    count = 0
    while True:
        # At one time a machine does a few things: so a chunk defines as few templates as real ones (10 to 21) do.
        present = rng.choices(kinds, cum_weights=weights, k=8)
        for kind in rng.choices(present, k=200):
            ticks += int(rng.expovariate(1 / (2 * _TICKS))) if rng.random() < 0.5 else rng.randrange(20_000)
            texts = tuple([pools[letter][int(rng.random() * len(pools[letter]))] for letter in kind.values])
            count += 1
            computer = _COMPUTERS[0] if count <= 1000 else _COMPUTERS[1]
            yield Happening(kind, ticks, computer, texts, rng.randbytes(kind.binary))


def _manifest_value(letter: str, text: str) -> evtx_values.Value:
    match letter:
        case "U":
            return evtx_values.number(evtx_values.ValueType.UINT32, int(text))
        case "X":
            return evtx_values.number(evtx_values.ValueType.HEX32, int(text))
        case "B":
            return evtx_values.boolean(value=text == "1")
    return evtx_values.string(text)


def evtx_event(event: Happening) -> evtx.EvtxEvent:
    """The event as Vista and later store it; the log service is a little later than the event."""
    kind = event.kind
    if not kind.named:
        ticks = event.ticks // _TICKS * _TICKS  # classic events have whole seconds in real logs
        return evtx.EvtxEvent(
            created=ticks,
            written=ticks,
            provider=kind.source,
            event_id=kind.event_id,
            channel="Application",
            computer=event.computer,
            payload=evtx.Classic(event.texts, event.data),
            qualifiers={2: 0xC000, 3: 0x8000}.get(kind.level, 0x4000),
            level=kind.level,
            task=kind.category,
            user_sid=kind.user,
        )
    values = [
        (f"param{number}", _manifest_value(letter, text))
        for number, (letter, text) in enumerate(zip(kind.values, event.texts, strict=True), 1)
    ]
    return evtx.EvtxEvent(
        created=event.ticks,
        written=event.ticks + 12_345,
        provider=kind.source,
        provider_guid=UUID(int=kind.event_id),
        event_source_name=kind.source if kind.was_classic else None,
        event_id=kind.event_id,
        channel="System",
        computer=event.computer,
        payload=evtx.Named(values, data=event.data if kind.was_classic else None),
        qualifiers=0x4000 if kind.was_classic else None,
        level=kind.level,
        task=kind.category,
        keywords=_MANIFEST_KEYWORDS | (evtx.CLASSIC_KEYWORDS if kind.was_classic else 0),
        process_id=kind.event_id % 97 * 4,
        thread_id=kind.event_id % 89 * 4,
        user_sid=kind.user,
        modern=True,
    )


def evt_event(number: int, event: Happening) -> evt.EvtEvent:
    """The event as Windows NT to Server 2003 store it: whole seconds, everything a string."""
    kind = event.kind
    seconds = (event.ticks - _UNIX_EPOCH) // _TICKS
    return evt.EvtEvent(
        number=number,
        generated=seconds,
        written=seconds,
        event_id=kind.event_id,
        source=kind.source,
        computer=event.computer.partition(".")[0].upper(),
        strings=event.texts,
        qualifiers={2: 0xC000, 3: 0x8000}.get(kind.level, 0x4000),
        type=_EVT_TYPES[kind.level],
        category=kind.category,
        sid=kind.user or b"",
        data=event.data,
    )


def make_evtx(path: Path, size: int) -> int:
    """Write a clean log of at least `size` bytes and return its number of records."""
    count = 0
    with path.open("w+b") as stream, evtx.EvtxWriter(stream) as writer:
        for event in happenings():
            writer.add(evtx_event(event))
            count += 1
            # The chunk that is being filled will be written whole.
            if evtx.HEADER_SIZE + writer.chunks * evtx.CHUNK_SIZE >= size:
                break
    return count


def make_evt(path: Path, size: int) -> int:
    """Write a clean log that has not wrapped, of at least `size` bytes, and return its number of records."""
    count, used = 0, 0
    # The log has room for one record more than is asked for; none here comes near to 64 KiB.
    maximum = (size + 0x20000) // 0x10000 * 0x10000

    def events() -> Iterator[evt.EvtEvent]:
        nonlocal count, used
        for event in happenings():
            count += 1
            entry = evt_event(count, event)
            yield entry
            used += len(evt.record(entry))
            if used >= size:
                return

    path.write_bytes(evt.build(events(), maximum_size=maximum))
    return count


MAKERS = {"evtx": make_evtx, "evt": make_evt}


def place(folder: Path, mb: float, kind: str) -> Path:
    """Where the log of that size and kind (`evtx` or `evt`) lies below `folder`."""
    return folder / f"{mb:g}mb" / f"big.{kind}"


def main() -> None:
    """Build the logs that were asked for and print what they are; a log is there whole or not at all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mb", type=float, default=DEFAULT_MB, help="size of each log in millions of bytes")
    parser.add_argument("--kinds", nargs="+", choices=sorted(MAKERS), default=["evtx", "evt"])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the logs")
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        path = place(arguments.data, arguments.mb, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        start = time.monotonic()
        count = MAKERS[kind](unfinished, int(arguments.mb * MB))
        unfinished.replace(path)
        size, seconds = path.stat().st_size, time.monotonic() - start
        print(f"{path}: {size:,} bytes, {count:,} records, {size / count:.0f} bytes each, built in {seconds:.0f} s")


if __name__ == "__main__":
    main()
