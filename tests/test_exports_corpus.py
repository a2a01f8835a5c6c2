"""The events of real logs as XML: the same fields as from the .evtx itself, whoever wrote the XML."""

from __future__ import annotations

import io
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import pytest
from evtx import PyEvtxParser

from parsers.evtx.reader import EvtxReader
from parsers.exports.xmlevents import XmlReader
from parsers.records import EventRecord, read_all
from samples.builders.event_xml import Rendering, event_xml, events_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# `evtx` writes its XML indented: an empty element spans two lines.
EMPTY = re.compile(r">\n *</")
GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z")
# What XML cannot hold, and the character that `evtx` puts in the place of half a surrogate pair.
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffd]")

# (log, record number, field): where the two writers of XML do not say the same.
EXPLAINED = {
    # Overwritten with zeros: a SID of which only zeros are left.
    ("omerbenamram-Microsoft-Windows-HelloForBusiness%4Operational.evtx", 6, "user_sid"),
    # A UserData whose child is cut away.
    ("omerbenamram-Microsoft-Windows-LanguagePackSetup%4Operational.evtx", 17, "payload"),
}
# Truth values such as 16, which Windows prints as true and `evtx` as the number.
OTHER_TRUTH = "omerbenamram-sample-with-irregular-bool-values.evtx"


@pytest.fixture(scope="module")
def logs(corpus: Path) -> dict[str, Path]:
    found = {path.name: path for path in sorted(corpus.glob("evtx/*.evtx"))}
    assert len(found) > 30
    return found


def by_evtx(path: Path) -> Iterator[tuple[int, str]]:
    """Number and XML, without its declaration, of each record that the Rust reader can read."""
    records = iter(PyEvtxParser(str(path)).records())
    while True:
        try:
            rendered = next(records)
        except StopIteration:
            return
        except RuntimeError:
            continue
        yield rendered["event_record_id"], EMPTY.sub("></", rendered["data"].split("?>", 1)[1].strip())


def same_form(text: str) -> str:
    """A value without the differences of form between two renderings: braces and case of GUIDs, digits of a second."""
    text = MOMENT.sub(r"\1", GUID.sub(lambda found: found[1].lower(), text))
    return CONTROL.sub("", text).strip()


def comparable(record: EventRecord) -> dict[str, object]:
    """The fields that both have; times to the microsecond, which is what `evtx` writes."""
    fields: dict[str, object] = record._asdict()
    for name in ("offset", "record_number", "written", "recovered"):
        del fields[name]
    texts = [same_form(text) for text in record.strings]
    # An array of no items is no element here and one empty element there.
    fields["strings"] = [] if texts == [""] and record.names is None else texts
    fields["names"] = tuple(record.names) if record.names else None
    fields["generated"] = None if record.generated is None else record.generated // 10
    fields["activity_id"] = record.activity_id and same_form(record.activity_id)
    return fields


def test_xml_by_the_rust_reader_gives_the_same_events(logs: dict[str, Path]) -> None:
    """Every record that `evtx` renders as XML has the fields that our reader finds in the .evtx."""
    compared: Counter[str] = Counter()
    differences = set()
    for name, path in logs.items():
        theirs = list(by_evtx(path))
        document = events_document((text for _, text in theirs), root=None).encode("utf-8", "surrogatepass")
        decoded = read_all(XmlReader(io.BytesIO(document)))
        assert decoded.problems == []
        assert len(decoded.records) == len(theirs)
        ours: dict[int | None, list[EventRecord]] = defaultdict(list)
        with path.open("rb") as stream:
            for record in read_all(EvtxReader(stream)).records:
                if not record.recovered:
                    ours[record.record_number].append(record)
        for (number, _), exported in zip(theirs, decoded.records, strict=True):
            mine, its = comparable(ours[number].pop(0)), comparable(exported)
            differences |= {
                (name, number, field)
                for field, value in its.items()
                if value != mine[field] and not (field == "strings" and name == OTHER_TRUTH)
            }
            compared[name] += 1
    assert differences == EXPLAINED
    assert compared.total() > 30_000
    assert set(compared) == set(logs)


@pytest.mark.parametrize("code", ["utf-8", "utf-16"])
def test_every_record_survives_being_written_as_xml(logs: dict[str, Path], code: str) -> None:
    """Written in the form of Windows with its message, each live record comes back with every field as it was."""
    for path in logs.values():
        with path.open("rb") as stream:
            records = [record for record in read_all(EvtxReader(stream)).records if not record.recovered][:150]
        # A number that was damaged in the log cannot be written.
        records = [record for record in records if record.source is not None and record.event_id is not None]
        texts = [event_xml(record, Rendering(f"{record.source}\r\n<{record.event_id}>")) for record in records]
        decoded = read_all(XmlReader(io.BytesIO(events_document(texts).encode(code, "surrogatepass"))))
        assert decoded.problems == []
        for record, exported in zip(records, decoded.records, strict=True):
            expected = record._replace(
                offset=exported.offset,
                record_number=record.event_record_id,
                written=None,
                message=f"{record.source}\r\n<{record.event_id}>",
                strings=list(record.strings),
                names=tuple(record.names) if record.names else None,
            )
            assert exported._replace(strings=list(exported.strings)) == expected
