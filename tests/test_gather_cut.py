"""Which logs are known to have lost their end: so that their silence is not taken for quiet."""

from __future__ import annotations

import pytest

from forensics.case.store import EVENT_COLUMNS, Case, NewEvidence
from forensics.catalogue import catalogue_of
from forensics.gather import gather
from parsers.problems import Problem, ProblemKind

SECOND = 10_000_000
START = 128_444_400_000_000_000
TORN = Problem(ProblemKind.TRUNCATED, 90, 10, "it ends within a record")


def cut_logs(path, *files):
    """The logs of a case that are cut: files are (name, first number, hours at which they begin and end, problems)."""
    with Case.create(path) as case:
        for name, first, start, end, problems in files:
            times = [START + hour * 3600 * SECOND for hour in range(start, end)]
            rows = [
                dict.fromkeys(EVENT_COLUMNS)
                | {
                    "log": "System", "record_number": first + at, "source": "EventLog", "event_id": 6013, "node": "A",
                    "computer": "A", "strings": "[]", "recovered": 0, "offset": 10 * at,
                    "generated_filetime": time, "written_filetime": time,
                }
                for at, time in enumerate(times)
            ]  # fmt: skip
            new = NewEvidence(
                path=f"A/{name}", kind="evt", status="partial" if problems else "read", node="A", node_basis="events",
                log="System", live=len(rows), last_record=first + len(rows) - 1 if rows else None,
            )  # fmt: skip
            with case.transaction():
                one = case.add_evidence(new)
                case.add_events(tuple((row | {"evidence_id": one}).values()) for row in rows)
                case.add_problems(one, problems)
        case.finish_load()
        return sorted(gather(case, catalogue_of(case)).cut)


CUT = [("A", "System")]


@pytest.mark.parametrize(
    ("files", "cut"),
    [
        ([("whole.evt", 1, 0, 10, [])], []),
        ([("torn.evt", 1, 0, 10, [TORN])], CUT),
        ([("early.evt", 1, 0, 5, [TORN]), ("late.evt", 1, 0, 10, [])], []),
        ([("early.evt", 1, 0, 5, []), ("late.evt", 1, 0, 10, [TORN])], CUT),
        ([("saved.evt", 5000, 0, 5, []), ("cleared.evt", 1, 5, 10, [TORN])], CUT),
        ([("saved.evt", 5000, 0, 5, [TORN]), ("cleared.evt", 1, 5, 10, [])], []),
        ([("saved.evt", 5000, 0, 5, []), ("cleared.evt", 1, 0, 0, [TORN])], CUT),
        ([("hole.evt", 1, 0, 10, [Problem(ProblemKind.LOST_RANGE, 20, 10, "lost")])], []),
        ([("hole.evt", 1, 0, 10, [Problem(ProblemKind.LOST_RANGE, 95, 10, "lost")])], CUT),
    ],
    ids=[
        "whole", "torn", "torn copy of an earlier day", "torn, beside a whole one of an earlier day",
        "torn after it was cleared", "torn before it was cleared", "nothing left after it was cleared",
        "damaged in the middle", "damaged behind its last record",
    ],
)  # fmt: skip
def test_a_log_is_cut_where_the_file_that_reaches_furthest_is(tmp_path, files, cut):
    """Damage at the end counts in the file that reaches furthest in time, whatever its numbers, or has nothing left."""
    assert cut_logs(tmp_path / "case.db", *files) == cut
    assert cut_logs(tmp_path / "turned.db", *files[::-1]) == cut
