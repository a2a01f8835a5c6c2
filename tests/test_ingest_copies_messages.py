"""Texts that come to events later: stored, searchable, and nothing else of the event changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case.messages import set_message_texts
from forensics.case.schema import EVENT_COLUMNS
from forensics.case.store import Case, NewEvidence
from forensics.case.values import json_text, text_from_sql

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def case(tmp_path: Path):
    with Case.create(tmp_path / "case.db") as made:
        made.add_evidence(NewEvidence(path="e", kind="evt", status="read", sha256="00"))
        yield made


def add(case: Case, *texts: str) -> None:
    fields = [
        dict.fromkeys(EVENT_COLUMNS) | {"evidence_id": 1, "recovered": 0, "strings": json_text([t])} for t in texts
    ]
    case.add_events([tuple(field.values()) for field in fields])


def found(case: Case, word: str) -> list[int]:
    return [row[0] for row in case.rows("SELECT rowid FROM events_fts WHERE events_fts MATCH ? ORDER BY 1", (word,))]


def consistent(case: Case) -> bool:
    """Whether the index holds exactly the words of the table; SQLite's own check raises where not."""
    case.connection.execute("INSERT INTO events_fts(events_fts, rank) VALUES ('integrity-check', 1)")
    return True


def test_a_text_set_later_is_found_and_the_old_one_is_not(case: Case) -> None:
    """Full-text search knows the new text of an event at once, forgets the one before, and keeps its strings."""
    add(case, "alpha", "beta")
    case.finish_load()
    with case.transaction():
        assert set_message_texts(case.connection, [(1, "seeding complete")]) == 1
    assert (found(case, "seeding"), found(case, "alpha"), found(case, "beta")) == ([1], [1], [2])
    with case.transaction():
        assert set_message_texts(case.connection, [(1, "replaced")]) == 1
    assert (found(case, "seeding"), found(case, "replaced"), found(case, "alpha")) == ([], [1], [1])
    with case.transaction():
        assert set_message_texts(case.connection, [(1, None)]) == 1
    assert (found(case, "replaced"), found(case, "alpha")) == ([], [1])
    assert consistent(case)


def test_an_event_that_is_not_indexed_yet_is_indexed_once(case: Case) -> None:
    """A text set before the index knows the event is in the index after it, once."""
    add(case, "alpha")
    case.finish_load()
    add(case, "beta")
    with case.transaction():
        set_message_texts(case.connection, [(2, "late")])
    assert found(case, "late") == []
    case.finish_load()
    assert found(case, "late") == [2]
    assert consistent(case)


def test_what_changes_nothing_counts_nothing(case: Case) -> None:
    """The same text again, and ids that are no events, change nothing; of two texts for one event the last counts."""
    add(case, "alpha")
    with case.transaction():
        assert set_message_texts(case.connection, [(1, "one"), (7, "none"), (1, "two")]) == 1
        assert set_message_texts(case.connection, [(1, "two")]) == 0
    assert [row[0] for row in case.rows("SELECT message FROM events")] == ["two"]


def test_texts_may_come_from_a_query_over_the_events(case: Case) -> None:
    """Pairs read from the table while they are set are those that were there before."""
    add(case, *map(str, range(2000)))
    case.finish_load()
    with case.transaction():
        rows = case.connection.execute("SELECT id, 'word' || id FROM events WHERE message IS NULL")
        assert set_message_texts(case.connection, rows) == 2000
    assert found(case, "word1234") == [1234]
    assert consistent(case)


# Any code units, so lone surrogates and NUL, but no high surrogate before a low one: those are one character.
texts = st.text(st.characters(exclude_categories=()), max_size=12).map(
    lambda text: text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
)


# Strings without what JSON escapes: of those the index is given another form than the column's, and the check objects.
@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.text("abc ", max_size=8), st.lists(st.none() | texts, max_size=3)), min_size=1, max_size=5)
)
def test_any_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, list[str | None]]]
) -> None:
    """Whatever texts follow each other, the last is read back exactly and the index agrees with the table."""
    with Case.create(tmp_path_factory.mktemp("texts") / "case.db") as case:
        case.add_evidence(NewEvidence(path="e", kind="evt", status="read", sha256="00"))
        add(case, *(string for string, _ in events))
        case.finish_load()
        for number, (_, messages) in enumerate(events, start=1):
            for message in messages:
                with case.transaction():
                    set_message_texts(case.connection, [(number, message)])
        stored = [row[0] for row in case.rows("SELECT message FROM events ORDER BY id")]
        assert [None if text is None else text_from_sql(text) for text in stored] == [
            messages[-1] if messages else None for _, messages in events
        ]
        assert consistent(case)
