"""Registry hives and exports into the case: the values of keys that matter, and the checkpoints that they name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from forensics.case.bulk import insert_rows
from forensics.case.values import sql_text
from forensics.checkpoints.model import CheckpointKind
from forensics.ingest.account import harmful
from forensics.ingest.sightings import Seen, add_sightings
from forensics.registry_keys import ROOT, SAVED, RegistryKeys, full_key
from parsers.problems import Problem, ProblemKind
from parsers.registry.values import RegistryValue, type_name
from parsers.times import FILETIME_MAX, iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from forensics.case.store import Case
    from forensics.case.values import Scalar
    from parsers.registry.hive import Hive, Key

VALUES_MAX: Final = 20_000
BYTES_MAX: Final = 32 << 20
_COLUMNS: Final = ("evidence_id", "key", "key_written", "name", "type", "value", "data")
_GUID: Final = re.compile(r"\{?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}?")
_SLOT: Final = re.compile(r"([0-9A-Fa-f]{1,8})\.cpt", re.IGNORECASE)
_CONTROL_SET: Final = re.compile(r"controlset[0-9]{3}", re.IGNORECASE)


@dataclass(slots=True)
class RecordsAccount:
    """What a file turned out to hold, for its evidence row."""

    status: str
    problems: list[Problem] = field(default_factory=list)
    facts: dict[str, Scalar] = field(default_factory=dict)


def read_registry_hive(case: Case, stream: BinaryIO, evidence_id: int, path: str, keys: RegistryKeys) -> RecordsAccount:
    """Keep what matters of a hive, inside the caller's transaction. OSError where the evidence cannot be read on."""
    from parsers.registry.hive import NotAHiveError, open_hive  # noqa: PLC0415  (regipy costs 0.2 s)

    try:
        hive = open_hive(stream)
    except NotAHiveError as error:
        return RecordsAccount("failed", [Problem(ProblemKind.UNREADABLE, 0, 0, str(error))])
    place = _Place.of(hive, path, keys)
    kept = _Kept(case, evidence_id)
    values = place.values()
    kept.add(values)
    if place.saved is not None:
        guid, slot = place.saved
        key = place.root if place.root and not place.root.startswith(SAVED) else ""
        kept.sightings.append(Seen("", key, CheckpointKind.REGISTRY, "saved", guid=guid, slot=slot))
    facts: dict[str, Scalar] = {
        "root": place.root or "unknown",
        "keys": kept.keys,
        "values": kept.values,
        "file_name": hive.file_name,
        "dirty": hive.dirty,
    }
    if place.absent:
        facts["absent"] = ";".join(place.absent)
    if place.control_set:
        facts["control_set"] = place.control_set
    kept.close()
    problems = hive.problems + kept.problems
    status = "partial" if harmful(problems) else "ignored" if not place.root else "read"
    return RecordsAccount(status, problems, facts)


def read_registry_export(
    case: Case, stream: BinaryIO, evidence_id: int, path: str, keys: RegistryKeys
) -> RecordsAccount:
    """Keep what matters of a .reg file, inside the caller's transaction. OSError where it cannot be read on."""
    from parsers.registry.export import ExportAccount, NotARegistryExportError, read_export  # noqa: PLC0415

    del path
    account, kept = ExportAccount(), _Kept(case, evidence_id)
    try:
        values = read_export(stream, lambda key: keys.row_of(key) is not None, account)
        kept.add(value._replace(key=full_key(value.key)) for value in values)
    except NotARegistryExportError as error:
        return RecordsAccount("failed", [Problem(ProblemKind.UNREADABLE, 0, 0, str(error))])
    kept.close()
    facts: dict[str, Scalar] = {"keys": account.keys, "values": kept.values, "deletions": account.deletions}
    problems = account.problems + kept.problems
    return RecordsAccount("partial" if harmful(problems) else "read" if account.keys else "empty", problems, facts)


@dataclass(slots=True)
class _Place:
    """Where a hive lies in the registry, and what of it matters.

    Attributes:
        root: the key that its root is: `SYSTEM`, `Cluster`, one of the profile's; "" where that is not known.
        saved: of a saved checkpoint the resource's GUID and its number.
        control_set: the current one of a SYSTEM hive.
        absent: keys of the profile that it would have, and has not.
    """

    hive: Hive
    keys: RegistryKeys
    root: str
    saved: tuple[str, str] | None
    control_set: str
    absent: list[str]

    @classmethod
    def of(cls, hive: Hive, path: str, keys: RegistryKeys) -> _Place:
        """Told by what the root holds; of a saved checkpoint by where it lay."""
        place = cls(hive, keys, "", _saved(path), "", [])
        names = {key.name.casefold() for key in hive.subkeys(hive.root)}
        if {"resources", "groups"} <= names or {"resources", "nodes"} <= names:
            place.root = "Cluster"
        elif "select" in names or any(_CONTROL_SET.fullmatch(name) for name in names):
            place.root = "SYSTEM"
            place.control_set = _current(hive)
        elif "microsoft" in names and ({"classes", "wow6432node"} & names or _named(hive, "software")):
            place.root = "SOFTWARE"
        else:
            row = keys.known_by([value.name for value in hive.values(hive.root) if value.name])
            place.root = row.key if row is not None else ""
        return place

    def values(self) -> Iterator[RegistryValue]:
        """The values of keys that matter, by their full paths."""
        if self.saved is not None:
            # What would come back: it is in no registry yet, so its keys must not look as if it were.
            above = f"{SAVED}{self.saved[0]}\\{self.saved[1]}"
            yield from (_below(above, value) for value in self._all(self.hive.root))
        elif self.root in {"Cluster", "SYSTEM", "SOFTWARE"}:
            for wanted in self.keys.wanted:
                if wanted.parts[0] == self.root.casefold():
                    yield from self._of(wanted.parts[1:], below=wanted.row.below, key=wanted.row.key)
        elif self.root:
            yield from (_below(ROOT + self.root, value) for value in self._all(self.hive.root))

    def _of(self, parts: tuple[str, ...], *, below: bool, key: str) -> Iterator[RegistryValue]:
        """The values of one row's keys: in both registry views, in the current control set."""
        starts = [(self.hive.root, ROOT + self.root)]
        if self.root == "SYSTEM":
            top = self.hive.find(self.control_set)
            starts = [] if top is None else [(top, f"{ROOT}SYSTEM\\CurrentControlSet")]
            parts = parts[1:]
        elif self.root == "SOFTWARE":
            other = self.hive.find("Wow6432Node")
            starts += [] if other is None else [(other, f"{ROOT}SOFTWARE\\{other.name}")]
        found = False
        for start, above in starts:
            for place in self._matching(start, parts):
                found = True
                inner = self._all(place) if below else self._own(place)
                yield from (_below(above, _within(value, start)) for value in inner)
        if not found and "*" not in parts:
            self.absent.append(key)

    def _matching(self, key: Key, parts: tuple[str, ...]) -> Iterator[Key]:
        if not parts:
            yield key
        elif parts[0] == "*":
            for one in self.hive.subkeys(key):
                yield from self._matching(one, parts[1:])
        elif (named := self.hive.subkey(key, parts[0])) is not None:
            yield from self._matching(named, parts[1:])

    def _own(self, key: Key) -> Iterator[RegistryValue]:
        yield RegistryValue(key.path, None, None, None, b"", key.written)
        yield from self.hive.values(key)

    def _all(self, key: Key) -> Iterator[RegistryValue]:
        yield from self._own(key)
        for one in self.hive.subkeys(key):
            yield from self._all(one)


def _within(value: RegistryValue, start: Key) -> RegistryValue:
    return value._replace(key=value.key[len(start.path) :].lstrip("\\"))


def _below(above: str, value: RegistryValue) -> RegistryValue:
    return value._replace(key=f"{above}\\{value.key}" if value.key else above)


def _named(hive: Hive, name: str) -> bool:
    return hive.file_name.rsplit("\\", 1)[-1].casefold() == name


def _current(hive: Hive) -> str:
    """The name of the control set that was in use; the first one where the hive does not say."""
    select = hive.find("Select")
    number = "1"
    for value in hive.values(select) if select is not None else ():
        if (value.name or "").casefold() == "current" and (value.value or "").isdecimal():
            number = value.value or "1"
    return f"ControlSet{int(number):03d}"


def _saved(path: str) -> tuple[str, str] | None:
    """The resource's GUID and the number of a saved checkpoint, by its path; None for other files."""
    *folders, name = path.split("/")
    slot = _SLOT.fullmatch(name)
    if slot is None and not name.casefold().endswith(".cpt"):
        return None
    guids = [found[1] for folder in folders[::-1] if (found := _GUID.fullmatch(folder.rstrip("$"))) is not None]
    return (guids[0].lower() if guids else "unknown"), (slot[1].rjust(8, "0") if slot else "unknown")


class _Kept:
    """Values on their way into the case, within limits; the checkpoints that they name are noted."""

    def __init__(self, case: Case, evidence_id: int) -> None:
        self._case, self._evidence_id = case, evidence_id
        self._bytes = 0
        self._full = False
        self._names: dict[str, str] = {}
        self.keys = self.values = 0
        self.problems: list[Problem] = []
        self.sightings: list[Seen] = []

    def add(self, values: Iterable[RegistryValue]) -> None:
        """Keep values, as many as there is room for."""
        insert_rows(self._case.connection, "registry_values", _COLUMNS, self._rows(values))

    def close(self) -> None:
        """Put the checkpoints that were noted into the case, with the names of their resources."""
        named = (
            one._replace(resource=self._names.get(one.guid or "") or None) if one.form == "cluster_registry" else one
            for one in self.sightings
        )
        add_sightings(self._case, self._evidence_id, named)

    def _rows(self, values: Iterable[RegistryValue]) -> Iterator[tuple[object, ...]]:
        for value in values:
            if self.values >= VALUES_MAX or self._bytes > BYTES_MAX:
                detail = f"more than {VALUES_MAX:,} values or {BYTES_MAX:,} bytes; the others are not kept"
                self.problems.append(Problem(ProblemKind.LIMIT, 0, 0, detail))
                return
            self.keys += value.name is None
            self.values += value.name is not None
            self._bytes += len(value.data)
            self._note(value)
            written = value.key_written if value.key_written and value.key_written <= FILETIME_MAX else None
            yield (
                self._evidence_id,
                sql_text(value.key),
                iso_utc(written),
                None if value.name is None else sql_text(value.name),
                None if value.type is None else type_name(value.type),
                None if value.value is None else sql_text(value.value),
                value.data if value.name is not None else None,
            )

    def _note(self, value: RegistryValue) -> None:
        """Remember the name of a resource, and the checkpoint that a value of its lists is."""
        parts = value.key.split("\\")
        if len(parts) < 4 or [part.casefold() for part in parts[1:3]] != ["cluster", "resources"] or not value.name:
            return
        guid = _GUID.fullmatch(parts[3])
        resource = guid[1].lower() if guid else parts[3].lower()
        if len(parts) == 4 and value.name.casefold() == "name":
            self._names[resource] = value.value or ""
        kind = {"regsync": CheckpointKind.REGISTRY, "cryptosync": CheckpointKind.CRYPTO}.get(parts[-1].casefold())
        if kind is not None and len(parts) == 5 and value.value:
            self.sightings.append(Seen("", value.value, kind, "cluster_registry", guid=resource, slot=value.name))
