"""Did a cleanup work: what a case shows of checkpoints against what a listing shows that was taken after it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from forensics.checkpoints.keys import relative_key, same_key
from forensics.checkpoints.model import Checkpoint, CheckpointKind
from forensics.checkpoints.names import CUT, Names
from forensics.errors import CcrfError, one_line
from parsers.kinds import HEAD_SIZE, Kind, tell_kind
from parsers.problems import HARMLESS, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class Outcome(StrEnum):
    """What became of one checkpoint."""

    GONE = "gone"  # stale, and removed: as it should be
    STILL_THERE = "still_there"  # stale, and not removed
    KEPT = "kept"  # not stale, and there: as it should be
    LOST = "should_not_have_gone"  # not stale, another product's or crypto, and removed
    GONE_UNDECIDED = "gone_undecided"  # removed, and whether it was stale is not known
    NOT_SHOWN = "not_shown"  # the listing does not cover its resource
    NEW = "new"  # in the listing, and not in the case


WRONG = frozenset({Outcome.STILL_THERE, Outcome.LOST})
"""Outcomes after which a cleanup is not done."""


class Verified(NamedTuple):
    """One checkpoint, and what became of it. `checkpoint` is None for one that only the listing shows."""

    checkpoint: Checkpoint | None
    resource: str | None
    key: str
    kind: CheckpointKind
    outcome: Outcome
    why: str


class AfterRow(NamedTuple):
    """One checkpoint that is there afterwards; `resource` may be cut."""

    resource: str | None
    cut: bool
    key: str
    kind: CheckpointKind


class After(NamedTuple):
    """What was read of the state afterwards.

    Attributes:
        rows: the checkpoints that are there.
        covers: resources, in lower case, and whether crypto checkpoints (None: both kinds) of which it shows all; None
            as the resource stands for all resources.
        problems: damage, by which rows may be missing.
    """

    rows: Sequence[AfterRow]
    covers: Sequence[tuple[str | None, bool | None]]
    problems: Sequence[Problem] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing of it is lost."""
        return all(problem.kind in HARMLESS for problem in self.problems)


class UnreadableListingError(CcrfError):
    """The file that should show the state afterwards shows no checkpoints, nor that there are none."""

    exit_code = 3

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        """One line for people."""
        return f"{one_line(self.path)}: {one_line(self.reason)}; give it what 'cluster res /check' prints, or CLUSDB"


def read_after(stream: BinaryIO, name: str) -> After:
    """What a listing, a cluster hive or an export of it shows.

    Raises:
        UnreadableListingError: the file is none of these, or nothing can be read of it.
        OSError: the stream's own.
    """
    kind = tell_kind(stream.read(HEAD_SIZE), "").kind
    stream.seek(0)
    if kind is Kind.REGISTRY_HIVE:
        return _of_hive(stream, name)
    if kind is Kind.REGISTRY_EXPORT:
        return _of_export(stream, name)
    if kind is Kind.CHECKPOINT_LISTING:
        return _of_listing(stream)
    raise UnreadableListingError(name, "it is no listing of checkpoints")


def verify_cleanup(before: Iterable[Checkpoint], after: After) -> list[Verified]:
    """What became of each checkpoint of a case, and which ones are new."""
    before = list(before)
    names = Names([one.resource for one in before if one.resource], [one.key for one in before])
    there = []
    for row in after.rows:
        resource = names.resource(row.resource, cut=row.cut) if row.resource else None
        there.append((None if resource is None else resource.casefold(), same_key(names.key(row.key)), row.kind))
    found, met = [], set()
    for one in before:
        place = ((one.resource or "").casefold(), same_key(one.key), one.kind)
        # A name of which too little is shown may be this resource's.
        matching = {row for row in there if row[1:] == place[1:] and (row[0] in {None, place[0]} or not place[0])}
        met |= matching
        outcome, why = _outcome(one, bool(matching), _covered(place[0], one.kind, after))
        found.append(Verified(one, one.resource, one.key, one.kind, outcome, why))
    for row, place_ in zip(after.rows, there, strict=True):
        if place_ not in met:
            why = "The case does not show it: it was made since, or was in none of the evidence."
            found.append(Verified(None, row.resource, row.key, row.kind, Outcome.NEW, why))
    return found


def _covered(resource: str, kind: CheckpointKind, after: After) -> bool:
    wanted = kind is CheckpointKind.CRYPTO
    return any(crypto in {None, wanted} and (name is None or name == resource) for name, crypto in after.covers)


def _outcome(one: Checkpoint, there: bool, covered: bool) -> tuple[Outcome, str]:  # noqa: FBT001  (two answers)
    if there and one.stale:
        return Outcome.STILL_THERE, "It is stale and still there: it would bring the old key back."
    if there:
        return Outcome.KEPT, "It is still there, as it should be."
    if not covered:
        return Outcome.NOT_SHOWN, "The listing does not cover its resource, or not its kind of checkpoint."
    if one.stale:
        return Outcome.GONE, "It was stale and is gone."
    if one.stale is None and one.configured_by_product:
        return Outcome.GONE_UNDECIDED, "It is gone; whether it was stale is not known."
    what = "a crypto checkpoint" if one.kind is CheckpointKind.CRYPTO else "not stale"
    return Outcome.LOST, f"It is gone, and should not be: it was {what}."


def _of_listing(stream: BinaryIO) -> After:
    from forensics.ingest.checkpoint_listings import seen  # noqa: PLC0415  (what a row says is told in one place)
    from parsers.checkpoints.reader import ListingAccount, read_listing  # noqa: PLC0415

    account = ListingAccount()
    rows = [AfterRow(one.resource, one.cut, one.key, one.kind) for one in map(seen, read_listing(stream, account))]
    covers = {(None if one.resource is None else one.resource.casefold(), one.crypto) for one in account.listings}
    # A resource that is shown with checkpoints of its own was asked for.
    shown = {(row.resource.casefold(), row.kind is CheckpointKind.CRYPTO) for row in rows if row.resource}
    return After(rows, sorted(covers | shown, key=str), account.problems)


def _of_hive(stream: BinaryIO, name: str) -> After:
    from parsers.registry.hive import NotAHiveError, open_hive  # noqa: PLC0415  (regipy costs 0.2 s)

    try:
        hive = open_hive(stream)
    except NotAHiveError as error:
        raise UnreadableListingError(name, str(error)) from error
    top = hive.find("Resources")
    if top is None:
        raise UnreadableListingError(name, "it is no hive of a cluster")
    rows: list[AfterRow] = []
    for resource in hive.subkeys(top):
        named = next((one.value for one in hive.values(resource) if (one.name or "").casefold() == "name"), None)
        for below, kind in _LISTS.items():
            key = hive.subkey(resource, below)
            values = hive.values(key) if key is not None else ()
            rows += [AfterRow(named, False, _clean(one.value, kind), kind) for one in values if one.value]  # noqa: FBT003
    return After(rows, [(None, None)], hive.problems)


def _of_export(stream: BinaryIO, name: str) -> After:
    from parsers.registry.export import ExportAccount, read_export  # noqa: PLC0415

    account = ExportAccount()
    names: dict[str, str] = {}
    found: list[tuple[str, str, CheckpointKind]] = []
    resources = False
    for value in read_export(stream, lambda key: same_key(key).startswith("cluster\\resources"), account):
        resources = True
        parts = relative_key(value.key).casefold().split("\\")
        if len(parts) == 3 and (value.name or "").casefold() == "name":
            names[parts[2]] = value.value or ""
        elif len(parts) == 4 and parts[3] in _LISTS and value.value:
            found.append((parts[2], value.value, _LISTS[parts[3]]))
    if not resources:
        raise UnreadableListingError(name, "it holds no resources of a cluster")
    rows = [AfterRow(names.get(guid), False, _clean(key, kind), kind) for guid, key, kind in found]  # noqa: FBT003
    return After(rows, [(None, None)], account.problems)


_LISTS = {"regsync": CheckpointKind.REGISTRY, "cryptosync": CheckpointKind.CRYPTO}


def _clean(key: str | None, kind: CheckpointKind) -> str:
    return relative_key(key or "") if kind is CheckpointKind.REGISTRY else (key or "")


def plain_verified(found: Iterable[Verified]) -> Iterator[dict[str, Any]]:
    """Outcomes as plain values."""
    for one in found:
        yield {
            "checkpoint": None if one.checkpoint is None else one.checkpoint.id,
            "node": None if one.checkpoint is None else one.checkpoint.node,
            "resource": one.resource,
            "key": one.key.removesuffix(CUT),
            "kind": one.kind.value,
            "stale": None if one.checkpoint is None else one.checkpoint.stale,
            "outcome": one.outcome.value,
            "why": one.why,
        }


VERIFIED_FIELDS = ("checkpoint", "node", "resource", "key", "kind", "stale", "outcome", "why")
"""The fields of an outcome, in their order."""
