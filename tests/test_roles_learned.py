"""An id that a message file of the evidence teaches counts in the history of roles, with the file named beside it."""

from __future__ import annotations

import io

from forensics.case.store import Case
from forensics.ingest.account import IngestOptions
from forensics.ingest.run import ingest
from forensics.roles.analyse import analyse
from forensics.roles.model import Role
from samples.builders import evtx, pe

SEEDING = "Forefront Server Security CCR Replication service initial replication 'seeding' complete."
# What id the product gives the message is not known: any will do here.
ANY_ID = 4242
HOUR = 36_000_000_000
START = 128_443_000_000_000_000


def log(channel: str, node: str, events: list[tuple[int, str, int, tuple[str, ...]]]) -> bytes:
    """An .evtx of classic events: (time, source, id, strings)."""
    stream = io.BytesIO()
    writer = evtx.EvtxWriter(stream, first_record_number=1)
    for time, source, event_id, strings in events:
        event = evtx.EvtxEvent(
            created=time,
            provider=source,
            event_id=event_id,
            channel=channel,
            computer=f"{node}.contoso.local",
            payload=evtx.Classic(strings),
            qualifiers=0x4000,
            level=4,
        )
        writer.add(event)
    writer.close()
    return stream.getvalue()


def interval_of(folder, *, taught):
    """The passive intervals of a node of which only the seeding message tells, and the ids of message files."""
    place = folder / "EXNODE1"
    place.mkdir(parents=True)
    said = [(START + HOUR, "FSECCRService", ANY_ID, ()), (START + 2 * HOUR, "FSECCRService", ANY_ID, ())]
    (place / "Application.evtx").write_bytes(log("Application", "EXNODE1", said))
    if taught:
        (place / "FSECCRService.exe").write_bytes(pe.message_file({0x40000000 | ANY_ID: SEEDING}))
    with Case.create(folder / "case.db") as case:
        ingest(case, [place], IngestOptions(jobs=1))
        history = analyse(case).roles()
        files = [row.id for row in case.evidence() if row.path.endswith(".exe")]
    return [one for one in history.intervals if one.role is Role.PASSIVE], files


def test_what_a_message_file_teaches_is_a_role(tmp_path):
    """With the file the node is passive, and the conclusion names the file; without it the id says nothing."""
    untaught, _ = interval_of(tmp_path / "without", taught=False)
    taught, (file_id,) = interval_of(tmp_path / "with", taught=True)
    assert untaught == []
    assert len(taught) == 1
    assert f"evidence:{file_id}" in taught[0].evidence
