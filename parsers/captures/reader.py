"""Status captures as lines: what `systeminfo`, `cluster group`, `cluster res` and `cluster node` print.

The forms are those of Windows Server 2003 and 2008. The tables of `cluster` have an English heading above a row of
dashes, and pad their columns to a width that a longer name pushes aside; a heading or a state in another language
is not told. Of `systeminfo` the English labels are read; in other languages only what its shape tells.

Survives: several captures in one file, prompts and other text between them, cut lines. Lines that are no entry are left
out.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TEXT_MAX: Final = 1 << 20
"""Characters of a file that are looked at: captures are short."""
_LINE_MAX: Final = 1000
_ENTRIES_MAX: Final = 5000


class CaptureForm(StrEnum):
    """Which command printed it. The value is what a case stores."""

    SYSTEMINFO = "systeminfo"
    GROUP = "cluster_group"
    RESOURCE = "cluster_resource"
    NODE = "cluster_node"


class Entry(NamedTuple):
    """One line of a capture.

    Attributes:
        form: which command printed it.
        name: the group, resource or node; of `systeminfo` the field: `host_name`, `os_name`, `os_version`,
            `system_type`, `memory_mb`.
        group: of a resource its group; "" where the line does not tell it apart from the name.
        node: the node that owns a group or a resource; of `systeminfo` the machine; "" where it is not told.
        value: the state (`online`, `offline`, `failed`, `partially_online`, `online_pending`, `offline_pending`; of
            nodes `up`, `down`, `paused`, `joining`), "" for one that is not known; else what the field says.
    """

    form: CaptureForm
    name: str
    group: str
    node: str
    value: str


_HEADINGS: Final = (
    (CaptureForm.GROUP, re.compile(r"\s*Group\s+Node\s+Status\s*\Z", re.IGNORECASE)),
    (CaptureForm.RESOURCE, re.compile(r"\s*Resource\s+Group\s+Node\s+Status\s*\Z", re.IGNORECASE)),
    (CaptureForm.NODE, re.compile(r"\s*Node\s+Node ID\s+Status\s*\Z", re.IGNORECASE)),
)
_DASHES: Final = re.compile(r"\s*(?:-{3,}\s*){1,6}\Z")
# Codes as KB286052 has them; the words are those of an English cluster.exe.
_GROUP_STATES: Final = {
    "0": "online", "1": "offline", "2": "failed", "3": "partially_online",
    "online": "online", "offline": "offline", "failed": "failed",
    "partially online": "partially_online", "partial online": "partially_online", "pending": "online_pending",
    "online pending": "online_pending", "offline pending": "offline_pending",
}  # fmt: skip
_RESOURCE_STATES: Final = {
    **_GROUP_STATES, "0": "", "1": "", "3": "offline",
    "2": "online", "4": "failed", "129": "online_pending", "130": "offline_pending",
}  # fmt: skip
_NODE_STATES: Final = {
    "0": "up", "1": "down", "2": "paused", "3": "joining",
    "up": "up", "down": "down", "paused": "paused", "joining": "joining",
}  # fmt: skip
_STATES: Final = {
    CaptureForm.GROUP: _GROUP_STATES,
    CaptureForm.RESOURCE: _RESOURCE_STATES,
    CaptureForm.NODE: _NODE_STATES,
}
# Columns as cluster.exe pads them: a name that is longer pushes what follows to the right.
_NAME_WIDTH: Final = 20
_ENTRY: Final = re.compile(r"(?P<names>\S.{0,400}?)\s+(?P<node>[^\s]{1,64})\s+(?P<state>\S.{0,30})\Z")
_NODE_ENTRY: Final = re.compile(r"(?P<name>[^\s]{1,64})\s+(?P<number>[0-9]{1,5})\s+(?P<state>\S.{0,30})\Z")

_LABELS: Final = {
    "host name": "host_name",
    "os name": "os_name",
    "os version": "os_version",
    "system type": "system_type",
    "total physical memory": "memory_mb",
}
_FIELD: Final = re.compile(r"(?P<label>[^:\s][^:]{0,60}):\s{1,60}(?P<value>\S.{0,300})\Z")
_OS_VERSION: Final = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{3,5}\b.{0,100}\b[0-9]{3,5}\s*\Z")
_SYSTEM_TYPE: Final = re.compile(r"(?:x64|x86|ia64)\b", re.IGNORECASE)
_MEGABYTES: Final = re.compile(r"([0-9][0-9.,' \u00a0\u202f]{0,15})\s?(?:MB|Mo|MiB)\Z")
# So many fields of one width, one below the other, are what systeminfo prints, whatever the language.
_MANY_FIELDS: Final = 12


def read_captures(text: str) -> list[Entry]:
    """Every line of every capture in a text, in its order; none for other texts.

    Args:
        text: of the file; no more than `TEXT_MAX` of it is looked at.
    """
    lines = [line[:_LINE_MAX].rstrip() for line in text[:TEXT_MAX].splitlines()]
    found: list[Entry] = []
    at = 0
    while at < len(lines) and len(found) < _ENTRIES_MAX:
        form = next((form for form, heading in _HEADINGS if heading.match(lines[at])), None)
        if form is not None and at + 1 < len(lines) and _DASHES.match(lines[at + 1]):
            rows = list(_rows(lines, at + 2))
            entries = (_entry(form, row) for row in rows)
            found += [entry for entry in entries if entry is not None]
            at += 2 + len(rows)
        else:
            at += 1
    return [*found, *_systeminfo(lines)][:_ENTRIES_MAX]


def forms_of(entries: Sequence[Entry]) -> tuple[CaptureForm, ...]:
    """Which captures these are lines of, sorted."""
    return tuple(sorted({entry.form for entry in entries}))


def _rows(lines: Sequence[str], start: int) -> Iterator[str]:
    for line in lines[start:]:
        if not line.strip():
            return
        yield line


def _entry(form: CaptureForm, line: str) -> Entry | None:
    states = _STATES[form]
    if form is CaptureForm.NODE:
        found = _NODE_ENTRY.match(line.strip())
        return None if found is None else Entry(form, found["name"], "", found["name"].upper(), _state(found, states))
    told = _with_state(line.strip(), states)
    if told is None:
        return None
    names, node, state = told
    name, group = (names, "") if form is CaptureForm.GROUP else _resource(names)
    return Entry(form, name, group, node.upper(), state)


def _state(found: re.Match[str], states: dict[str, str]) -> str:
    return states.get(" ".join(found["state"].split()).casefold(), "")


def _with_state(line: str, states: dict[str, str]) -> tuple[str, str, str] | None:
    """Names, node and state of a line, read from its end: there the columns stay apart."""
    folded = line.casefold()
    for word in sorted(states, key=len, reverse=True):
        if folded.endswith(" " + word):
            rest = line[: -len(word)].rstrip()
            names, _, node = rest.rpartition(" ")
            return (names.rstrip(), node, states[word]) if names.strip() and node else None
    found = _ENTRY.match(line)
    return None if found is None else (found["names"].rstrip(), found["node"], "")


def _resource(names: str) -> tuple[str, str]:
    """The resource and its group: by the column, or by the blanks between them; else the group is not told."""
    if len(names) > _NAME_WIDTH and names[_NAME_WIDTH] == " " and names[_NAME_WIDTH + 1 :].strip():
        return names[:_NAME_WIDTH].rstrip(), names[_NAME_WIDTH + 1 :].strip()
    apart = re.split(r" {2,}", names)
    return (apart[0], apart[1]) if len(apart) == 2 else (names, "")


def _systeminfo(lines: Sequence[str]) -> Iterator[Entry]:
    fields = [(found, found.start("value")) for line in lines if (found := _FIELD.match(line)) is not None]
    by_label = {
        _LABELS[label]: found["value"].strip()
        for found, _ in reversed(fields)
        if (label := found["label"].strip().casefold()) in _LABELS
    }
    if not {"host_name", "os_version"} <= set(by_label):
        by_label = _by_shape(lines, [column for _, column in fields])
    if not by_label:
        return
    machine = by_label["host_name"].upper()
    for name in _LABELS.values():
        if name in by_label:
            value = by_label[name] if name != "memory_mb" else _megabytes(by_label[name])
            if value:
                yield Entry(CaptureForm.SYSTEMINFO, name, "", machine, value)


def _by_shape(lines: Sequence[str], columns: Sequence[int]) -> dict[str, str]:
    """What `systeminfo` of another language says: its fields stand in a fixed order, one below the other."""
    counts = Counter(columns)
    width = max(counts, key=lambda column: (counts[column], -column), default=0)
    # A label may have a colon of its own.
    values = [line[width:].strip() for line in lines if line[:width].rstrip().endswith(":") and line[width:].strip()]
    version = next((at for at, value in enumerate(values) if _OS_VERSION.match(value)), None)
    if len(values) < _MANY_FIELDS or version is None or version < 2 or " " in values[version - 2]:
        return {}
    told = {"host_name": values[version - 2], "os_name": values[version - 1], "os_version": values[version]}
    kind = next((value for value in values[version:] if _SYSTEM_TYPE.match(value)), None)
    if kind is not None:
        told["system_type"] = kind
    sizes = [_megabytes(value) for value in values]
    for at, size in enumerate(sizes[:-2]):
        # All of the memory, what is free of it, and then what is virtual.
        if size and sizes[at + 1] and sizes[at + 2] and int(size) >= int(sizes[at + 1]):
            told["memory_mb"] = values[at]
            break
    return told


def _megabytes(value: str) -> str:
    """A size in megabytes as digits, however its thousands are set apart; "" where it is none."""
    found = _MEGABYTES.match(value)
    return re.sub(r"[^0-9]", "", found[1]) if found is not None else ""
