"""Status captures: what systeminfo and cluster.exe print, told by content, in one file or several, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case.store import Case
from forensics.conclude import conclude
from forensics.ingest.run import ingest
from parsers.captures.reader import CaptureForm, Entry, forms_of, read_captures

GROUPS = """C:\\>cluster group
Listing status for all available resource groups:

Group                Node            Status
-------------------- --------------- ------
Cluster Group        EXNODE1         Online
CMS1                 exnode2         Partially Online
Available Storage    EXNODE1         Offline
"""
RESOURCES = """
Listing status for all available resources:

Resource             Group                Node            Status
-------------------- -------------------- --------------- ------
Cluster IP Address   Cluster Group        EXNODE1         Online
Exchange Information Store Instance (CMS1) CMS1                 EXNODE2         Online Pending
Spooler              CMS1                 EXNODE2         Failed
"""
NODES = """
Listing status for all available nodes:

Node           Node ID Status
-------------- ------- ---------------------
EXNODE1              1 Up
EXNODE2              2 Paused
"""
SYSTEMINFO = """
Host Name:                 EXNODE1
OS Name:                   Microsoft(R) Windows(R) Server 2003 Standard x64 Edition
OS Version:                5.2.3790 Service Pack 2 Build 3790
OS Manufacturer:           Microsoft Corporation
OS Configuration:          Member Server
OS Build Type:             Multiprocessor Free
Registered Owner:          Example
Registered Organization:   Example
Product ID:                00000-000-0000000-00000
Original Install Date:     1/2/2007, 10:00:00 AM
System Up Time:            3 Days, 0 Hours, 36 Minutes, 35 Seconds
System Manufacturer:       Example
System Type:               x64-based PC
Processor(s):              2 Processor(s) Installed.
                           [01]: EM64T Family 6 Model 15 Stepping 6 GenuineIntel ~2333 Mhz
Windows Directory:         C:\\WINDOWS
Total Physical Memory:     4,095 MB
Available Physical Memory: 2,790 MB
Page File: Max Size:       9,799 MB
Page File: Available:      7,603 MB
"""
GERMAN = """
Hostname:                                      EXNODE2
Betriebssystemname:                            Microsoft Windows Server 2008 Enterprise
Betriebssystemversion:                         6.0.6001 Service Pack 1 Build 6001
Betriebssystemhersteller:                      Microsoft Corporation
Betriebssystemkonfiguration:                   Mitgliedsserver
Betriebssystem-Buildtyp:                       Multiprocessor Free
Registrierter Benutzer:                        Example
Produktkennung:                                00000-000-0000000-00000
Systemstartzeit:                               07.01.2008, 07:00:00
Systemhersteller:                              Example
Systemtyp:                                     x64-based PC
Windows-Verzeichnis:                           C:\\Windows
Gesamter physikalischer Speicher:              8.190 MB
Verf\u00fcgbarer physikalischer Speicher:           5.024 MB
Auslagerungsdatei: Max. Gr\u00f6\u00dfe:                 16.285 MB
"""


def rows(text, form):
    return [tuple(entry[1:]) for entry in read_captures(text) if entry.form == form]


def test_groups_with_their_owners_and_states():
    """Names have blanks, nodes are upper case, states are one word."""
    assert rows(GROUPS, CaptureForm.GROUP) == [
        ("Cluster Group", "", "EXNODE1", "online"),
        ("CMS1", "", "EXNODE2", "partially_online"),
        ("Available Storage", "", "EXNODE1", "offline"),
    ]


def test_resources_with_their_groups_also_where_a_long_name_pushes_the_columns_aside():
    """A name that is longer than its column: the group is told where blanks set it apart, else it is not."""
    found = rows(RESOURCES, CaptureForm.RESOURCE)
    assert found[0] == ("Cluster IP Address", "Cluster Group", "EXNODE1", "online")
    assert found[1][2:] == ("EXNODE2", "online_pending")
    assert found[2] == ("Spooler", "CMS1", "EXNODE2", "failed")


def test_nodes_with_their_states():
    """Up, paused."""
    assert rows(NODES, CaptureForm.NODE) == [("EXNODE1", "", "EXNODE1", "up"), ("EXNODE2", "", "EXNODE2", "paused")]


def test_several_captures_in_one_file():
    """Also with prompts and other text between them."""
    text = GROUPS + "C:\\>cluster res\n" + RESOURCES + NODES + SYSTEMINFO
    assert forms_of(read_captures(text)) == tuple(sorted(CaptureForm))


def test_a_state_in_another_language_is_not_told():
    """The line is there, the state is not known."""
    text = GROUPS.replace("Partially Online", "Teilweise online, wohl")
    assert ("CMS1", "", "EXNODE2", "partially_online") not in rows(text, CaptureForm.GROUP)
    assert all(state in {"online", "offline", ""} for *_, state in rows(text, CaptureForm.GROUP))


def test_codes_are_as_good_as_words():
    """A group in state 3 is partly online, a resource in state 129 is coming online."""
    assert rows(GROUPS.replace("Partially Online", "3"), CaptureForm.GROUP)[1][-1] == "partially_online"
    assert rows(RESOURCES.replace("Failed", "129"), CaptureForm.RESOURCE)[2][-1] == "online_pending"


def test_systeminfo_by_its_labels():
    """Machine, version, type and memory, without the separator of thousands."""
    assert read_captures(SYSTEMINFO) == [
        Entry(CaptureForm.SYSTEMINFO, name, "", "EXNODE1", value)
        for name, value in (
            ("host_name", "EXNODE1"),
            ("os_name", "Microsoft(R) Windows(R) Server 2003 Standard x64 Edition"),
            ("os_version", "5.2.3790 Service Pack 2 Build 3790"),
            ("system_type", "x64-based PC"),
            ("memory_mb", "4095"),
        )
    ]


def test_systeminfo_of_another_language_by_its_shape():
    """The fields stand in a fixed order; what is free of the memory comes behind all of it."""
    found = {entry.name: entry.value for entry in read_captures(GERMAN)}
    assert found["host_name"] == "EXNODE2"
    assert found["os_version"].startswith("6.0.6001")
    assert (found["system_type"], found["memory_mb"]) == ("x64-based PC", "8190")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Group Node Status\nno dashes here\n",
        "Host Name: x\n",
        "a: b\nc: d\n" * 40,
        "Dear all,\nthe group went offline on node 2. Status: sad\n",
    ],
)
def test_other_texts_hold_no_capture(text):
    """A heading without its dashes, a label or two, prose: nothing."""
    assert read_captures(text) == []


@given(st.text(alphabet=st.sampled_from(list("Group Node Status-:\n 1x64MB.,")), max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_text_is_survived(text):
    """Whatever stands behind the headings, entries have known forms and states."""
    for heading in (GROUPS, RESOURCES, NODES, SYSTEMINFO):
        for entry in read_captures(heading[:200] + text):
            assert isinstance(entry.form, CaptureForm)
            assert entry.name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp850"])
def test_an_ingest_tells_them_by_content(tmp_path, encoding):
    """In whatever encoding and under whatever name: kind text, read, with the forms among its facts."""
    folder = tmp_path / "EXNODE1"
    folder.mkdir()
    (folder / "status.log").write_bytes((GROUPS + RESOURCES + GERMAN).encode(encoding))
    (folder / "notes.txt").write_text("nothing of the kind\n", "utf-8")
    with Case.create(tmp_path / "case.db") as case:
        ingest(case, [folder])
        ingest(case, [folder])
        found = {row.path: (row.kind, row.status, row.facts.get("form")) for row in case.evidence()}
        assert found == {
            "EXNODE1/notes.txt": ("text", "ignored", None),
            "EXNODE1/status.log": ("text", "read", "cluster_group, cluster_resource, systeminfo"),
        }
        assert next(case.rows("SELECT count(*), count(DISTINCT evidence_id) FROM captures")) == (11, 1)
        assert conclude(case).problem is None
        assert next(case.rows("SELECT count(*) FROM checks")) == (18,)
