"""Searches find exactly what a plain loop over all events would find, as the analyst types it, in a fixed order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from forensics.case import search
from forensics.case.search import EventFilter, EventRow, count_events, search_events
from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence
from forensics.case.values import json_text, sql_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Letters that fold oddly, characters that JSON and LIKE treat as their own, and what SQLite cannot store.
ALPHABET = 'aAbKkßsSüÜ\u212a\u0130\\"%_!,[]nu0d8\x00\ud800\n '
words = st.text(ALPHABET, max_size=5).map(
    lambda text: text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
)
sources = st.one_of(
    st.none(), st.sampled_from(["MSExchangeIS", "msexchangeis", "MSExchangeIS Mailbox Store", "Übung"]), words
)
nodes = st.sampled_from([None, "EXNODE1", "EXNODE2", "exnode1", "KNOTEN-Ü"])
times = st.one_of(st.none(), st.integers(0, 6))
events = st.fixed_dictionaries(
    {
        "generated_filetime": times,
        "node": nodes,
        "log": st.sampled_from([None, "System", "Application"]),
        "record_number": st.one_of(st.none(), st.integers(0, 3)),
        "source": sources,
        "event_id": st.one_of(st.none(), st.integers(1, 4)),
        "strings": st.lists(words, max_size=3),
        "message": st.one_of(st.none(), words),
        "recovered": st.booleans(),
    }
)
filters = st.builds(
    EventFilter,
    nodes=st.lists(st.sampled_from(["exNODE1", "EXNODE2", "knoten-ü", "other"]), max_size=2),
    sources=st.lists(st.one_of(st.sampled_from(["MSEXCHANGEIS", "übung"]), words), max_size=2),
    ids=st.lists(st.one_of(st.integers(1, 4), st.just(1 << 70)), max_size=2),
    since=st.one_of(st.none(), st.integers(0, 6), st.just(-(1 << 80))),
    until=st.one_of(st.none(), st.integers(0, 6), st.just(1 << 80)),
    grep=st.one_of(st.none(), words),
    limit=st.one_of(st.none(), st.integers(0, 5)),
)


def add(case: Case, evidence_id: int, event: dict[str, object]) -> None:
    """Put one event in as ingest does."""
    row = dict.fromkeys(EVENT_COLUMNS) | event | {"evidence_id": evidence_id}
    for name in ("source", "message", "node"):
        row[name] = None if row[name] is None else sql_text(str(row[name]))
    row["strings"] = json_text(event["strings"])  # type: ignore[arg-type]
    case.add_events([tuple(row.values())])


def matches(event: dict, wanted: EventFilter) -> bool:
    """The filter as the documentation says it, without SQL."""

    def among(value: str | None, names: object) -> bool:
        return value is not None and value.casefold() in {name.casefold() for name in names}  # type: ignore[attr-defined]

    time = event["generated_filetime"]
    texts = [*event["strings"], event["message"], event["source"]]
    return (
        (not wanted.nodes or among(event["node"], wanted.nodes))
        and (not wanted.sources or among(event["source"], wanted.sources))
        and (not wanted.ids or event["event_id"] in wanted.ids)
        and (wanted.since is None or (time is not None and time >= wanted.since))
        and (wanted.until is None or (time is not None and time < wanted.until))
        and (not wanted.grep or any(text and wanted.grep.casefold() in text.casefold() for text in texts))
    )


def content(row: EventRow) -> dict[str, object]:
    """What was put in."""
    names = (
        "generated_filetime",
        "node",
        "log",
        "record_number",
        "source",
        "event_id",
        "strings",
        "message",
        "recovered",
    )
    return {name: getattr(row, name) for name in names}


def key(event: dict) -> str:
    return ascii(sorted(event.items()))


@pytest.fixture(params=["indexed", "bare"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    """A case with indexes, and one whose load was never finished."""
    with Case.create(tmp_path / "case.db") as made:
        made.connection.execute("PRAGMA synchronous = OFF")
        made.add_evidence(NewEvidence(path="one.evtx", kind="evtx", status="read"))
        if request.param == "indexed":
            made.finish_load()
        yield made


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(events, max_size=12), filters)
def test_a_search_finds_what_a_plain_loop_finds(case: Case, held: list[dict], wanted: EventFilter) -> None:
    """Every filter and every combination gives the events that the documentation's words give, counted and in order."""
    with case.transaction():
        case.connection.execute("DELETE FROM events")
        for event in held:
            add(case, 1, event)
    found = list(search_events(case, wanted))
    expected = [event for event in held if matches(event, wanted)]
    if wanted.limit is None:
        assert sorted(key(content(row)) for row in found) == sorted(map(key, expected))
    assert (
        len(found)
        == count_events(case, wanted)
        == min(len(expected), wanted.limit or len(expected) * (wanted.limit is None))
    )

    def order(row: EventRow) -> tuple[object, ...]:
        # SQLite sorts null before everything, and text by its bytes.
        columns = (row.generated_filetime, row.node, row.log, row.record_number)
        return tuple((c is not None, c.encode() if isinstance(c, str) else c or 0) for c in columns)

    assert [order(row) for row in found] == sorted(map(order, found))


@pytest.mark.parametrize(
    ("strings", "typed"),
    [
        (["C:\\Data\\x.fdb"], "c:\\data"),
        (['he said "No"'], '"NO"'),
        (["Grün"], "GRÜN"),
        (["STRASSE"], "straße"),
        (["Straße"], "STRASSE"),
        (["\u212aelvin"], "kelvin"),
        (["100%_done!"], "%_DONE!"),
        (["two\r\nlines"], "two\r\nLINES"),
        (["a\x00b"], "A\x00B"),
        (["lone \ud800 half"], "\ud800 HALF"),
        (["\\ud800"], "\\UD800"),
        (["x" * 60_000], "x" * 55_000),
    ],
)
def test_text_is_found_as_it_is_typed(case: Case, strings: list[str], typed: str) -> None:
    """What JSON escapes, LIKE interprets, or case folding changes is found by typing it, in strings and in messages."""
    blank = {"generated_filetime": 1, "node": None, "log": None, "record_number": 1, "source": None, "event_id": 1}
    add(case, 1, blank | {"strings": ["other", *strings], "message": None, "recovered": False})
    add(case, 1, blank | {"strings": [], "message": strings[0], "recovered": False})
    add(case, 1, blank | {"strings": ["nothing here"], "message": "nor here", "recovered": False})
    assert [row.id for row in search_events(case, EventFilter(grep=typed))] in ([1, 2], [2, 1])
    assert count_events(case, EventFilter(grep=typed)) == 2


@pytest.mark.parametrize("typed", [",", '","', "[", '"', "\\", "\\n", "u0000", "null", "n"])
def test_what_only_json_wrote_is_not_found(case: Case, typed: str) -> None:
    """Brackets, quotes, commas and escapes that are the storage's and not the event's match nothing."""
    blank = {"generated_filetime": 1, "node": None, "log": None, "record_number": 1, "source": None, "event_id": 1}
    add(case, 1, blank | {"strings": ["a", "b\r\x00", "\t"], "message": "c\x00", "recovered": False})
    assert list(search_events(case, EventFilter(grep=typed))) == []


def test_the_order_does_not_depend_on_the_order_of_ingest(tmp_path: Path) -> None:
    """The same events of the same files come in the same order, in whatever order they were put in."""
    pool = random.Random(3)  # noqa: S311 - a fixed shuffle
    held = [
        (path, {"generated_filetime": t, "node": n, "log": "System", "record_number": r, "source": "S", "event_id": 1,
                "strings": [s], "message": None, "recovered": False})
        for path in ("a.evt", "b.evt") for t in (None, 5, 6) for n in ("N1", "N2") for r in (1, 2) for s in "xy"
    ]  # fmt: skip
    answers = []
    for number in range(3):
        pool.shuffle(held)
        with Case.create(tmp_path / f"{number}.db") as case:
            ids = {}
            for path, event in held:
                if path not in ids:
                    ids[path] = case.add_evidence(NewEvidence(path=path, kind="evt", status="read"))
                add(case, ids[path], event)
            if number:
                case.finish_load()
            answers.append([(row.path, content(row)) for row in search_events(case, EventFilter())])
    assert answers[0] == answers[1] == answers[2]
    assert len(answers[0]) == len(held)


def test_rows_stream_along_the_time_index(tmp_path: Path) -> None:
    """Without ids and sources the first row comes without sorting all; ids alone still use the index of the sources."""
    with Case.create(tmp_path / "case.db") as case:
        case.add_evidence(NewEvidence(path="x", kind="evt", status="read"))
        row = dict.fromkeys(EVENT_COLUMNS) | {"evidence_id": 1, "recovered": 0, "strings": "[]", "source": "S"}
        case.add_events(tuple((row | {"event_id": n % 997, "generated_filetime": n}).values()) for n in range(9000))
        case.finish_load()
        seen: list[str] = []
        case.connection.set_trace_callback(seen.append)
        for wanted in (EventFilter(), EventFilter(grep="x", nodes=["N"], since=5), EventFilter(ids=[7])):
            list(search_events(case, wanted))
        case.connection.set_trace_callback(None)
        plans = [
            " / ".join(step[3] for step in case.connection.execute(f"EXPLAIN QUERY PLAN {sql}"))
            for sql in seen
            if sql.startswith("SELECT events.id")
        ]
    assert len(plans) == 3
    for plan in plans[:2]:
        assert "events_by_time" in plan
        assert "USE TEMP B-TREE FOR ORDER BY" not in plan
    assert "events_by_source" in plans[2]


def test_a_row_has_every_column_and_lists_for_strings(case: Case) -> None:
    """Rows carry the evidence's path, every column of the table, and lists where the case holds JSON."""
    row = dict.fromkeys(EVENT_COLUMNS) | {
        "evidence_id": 1,
        "recovered": 1,
        "strings": '["a",""]',
        "names": '["n",null]',
    }
    case.add_events([tuple((row | {"keywords": "0x8080000000000000", "data": b"\x00"}).values())])
    (found,) = search_events(case, EventFilter())
    assert set(found._fields) == {"id", "path", *EVENT_COLUMNS}
    assert (found.path, found.strings, found.names, found.recovered) == ("one.evtx", ["a", ""], ["n", None], True)
    assert (found.keywords, found.data, found.message) == ("0x8080000000000000", b"\x00", None)


def test_a_negative_limit_is_refused() -> None:
    """SQL would take it for no limit at all."""
    with pytest.raises(ValueError, match="negative"):
        EventFilter(limit=-1)


@given(words.filter(bool), st.lists(words, max_size=3), st.one_of(st.none(), words))
@example("\\u", ["x\ud800"], "x\ud800")
def test_the_quick_look_never_misses(typed: str, strings: list[str], message: str | None) -> None:
    """The decision in Python agrees with the plain rule, whatever escapes the stored forms hold."""
    stored = (json_text(strings), None if message is None else sql_text(message), None)
    plain = any(typed.casefold() in text.casefold() for text in [*strings, message] if text)
    assert search._contains(sql_text(typed.casefold()), *stored) == plain
