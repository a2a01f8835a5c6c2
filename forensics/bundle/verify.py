"""Is a bundle what it was: each file, the manifests, the signature, and the audit of the case in it.

A bundle comes from elsewhere. Nothing of it is unpacked by its own names; its members are streamed within limits, the
case goes into a file of this program's own naming and is opened for reading only.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from forensics.bundle import bag
from forensics.bundle.signing import check
from forensics.case.audit import check_chain, last_hash
from forensics.case.connect import open_connection
from forensics.case.store import Case
from forensics.errors import CcrfError, FailedError, MissingPathError, UsageError
from forensics.redact.words import AUDIT_ACTION
from parsers.containers.folders import walk_files
from parsers.containers.sources import Limits, Source, SourceProblem
from parsers.containers.walk import archive_form, walk_members

if TYPE_CHECKING:
    from collections.abc import Iterator

CASE: Final = "data/case.db"
# Deflate packs at most 1,032 to 1; whatever it is, it is only hashed.
_LIMITS: Final = Limits(members=1_000_000, total=1 << 40, ratio=1_100)
_TAG_MOST: Final = 256 << 20
_BLOCK: Final = 1 << 20
_VALUE_MOST: Final = 64 << 20
_STEPS: Final = 100_000
_STEPS_MOST: Final = 20_000


class FaultKind(StrEnum):
    """What is wrong with a bundle. The value is what a user reads."""

    MISSING = "missing"  # a manifest names it, and it is not there
    ADDED = "added"  # it is there, and no manifest names it
    ALTERED = "altered"  # its content is not that of the manifest
    STRUCTURE = "structure"  # the zip or the bag is none, or not as it is written
    SIGNATURE = "signature"  # it does not fit, is missing, or could not be checked
    AUDIT = "audit"  # the case in it does not fit its audit, or not the bundle's


@dataclass(frozen=True, slots=True)
class BundleFault:
    """One thing that is wrong. `path`: the file concerned, below the bag's folder; `detail`: a sentence."""

    kind: FaultKind
    path: str
    detail: str


@dataclass(slots=True)
class BundleCheck:
    """What a check says.

    Attributes:
        faults: all that is wrong, sorted by kind and path.
        ticket: of the bundle, if it names one.
        files: how many there are.
        redacted: whether it says that names were replaced.
        signature: what was found out of the signature, a sentence; None where there is none.
        sha256: of the whole file, as the audit of the case that it was made from has it.
    """

    faults: list[BundleFault] = field(default_factory=list)
    ticket: str = ""
    files: int = 0
    redacted: bool = False
    signature: str | None = None
    sha256: str = ""


def verify_bundle(path: Path, signers: Path | None = None) -> BundleCheck:
    """Check a bundle. Without `signers` (allowed signers, ssh-keygen(1)) a signature is checked, not whose it is.

    Without a signature nothing tells a bundle that somebody else has made anew: compare `sha256` with the audit.

    Raises:
        MissingPathError: there is no such file.
        UsageError: it is no zip.
        FailedError: it cannot be read.
    """
    try:
        source = next(walk_files(path), None)
    except FileNotFoundError:
        raise MissingPathError(path) from None
    if not isinstance(source, Source) or path.is_dir():
        raise UsageError(f"{path} is no bundle: it is no file")
    if archive_form(source) != "zip":
        raise UsageError(f"{path} is no bundle: it is no zip")
    if signers is not None and not signers.is_file():
        raise MissingPathError(signers)
    with tempfile.TemporaryDirectory(prefix="ccrf-") as folder:
        try:
            return _Check(source, Path(folder)).run(signers)
        except OSError as error:
            raise FailedError(f"{path} could not be read: {error.strerror or error}") from error


class _Check:
    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._case = folder / "case.db"
        self._result = BundleCheck()
        self._bases: set[str] = set()
        self._hashes: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._tags: dict[str, bytes] = {}

    def run(self, signers: Path | None) -> BundleCheck:
        self._result.sha256 = _sha256(self._source)
        for item in walk_members(self._source, _LIMITS):
            if isinstance(item, SourceProblem):
                path = item.path[len(self._source.path) + 1 :].partition("/")[2] or self._source.path
                self._fault(FaultKind.STRUCTURE, path, item.problem.detail)
            else:
                self._member(item)
        self._result.files = len(self._hashes)
        if len(self._bases) != 1:
            count = len(self._bases)
            self._fault(FaultKind.STRUCTURE, "", f"one folder is the bag, and here are {count} beside each other")
        self._bag(signers)
        self._result.faults.sort(key=lambda fault: (list(FaultKind).index(fault.kind), fault.path, fault.detail))
        return self._result

    def _fault(self, kind: FaultKind, path: str, detail: str) -> None:
        self._result.faults.append(BundleFault(kind, path, detail))

    def _member(self, item: Source) -> None:
        base, _, path = item.path[len(self._source.path) + 1 :].partition("/")
        self._bases.add(base if path else "")
        path = path or base
        digest = hashlib.sha256()
        size = 0
        kept = bytearray()
        with item.open() as stream:
            while piece := stream.read(_BLOCK):
                digest.update(piece)
                size += len(piece)
                if not path.startswith(bag.PAYLOAD) and size <= _TAG_MOST:
                    kept += piece
        for problem in item.problems:
            self._fault(FaultKind.STRUCTURE, path, problem.detail)
        if path == CASE:
            self._keep_case(item, size)
        self._hashes[path] = digest.hexdigest()
        self._sizes[path] = size
        if not path.startswith(bag.PAYLOAD):
            self._tags[path] = bytes(kept)

    def _keep_case(self, item: Source, size: int) -> None:
        """Put the case where SQLite can open it; an empty file where there is no room for it."""
        with self._case.open("wb") as copy:
            if size > shutil.disk_usage(self._case.parent).free // 2:
                return
            with item.open() as stream:
                while piece := stream.read(_BLOCK):
                    copy.write(piece)

    def _bag(self, signers: Path | None) -> None:
        for path in (bag.BAGIT, bag.INFO, bag.MANIFEST, bag.TAG_MANIFEST):
            if path not in self._tags:
                self._fault(FaultKind.MISSING, path, "every bundle has it")
        if self._tags.get(bag.BAGIT, bag.DECLARATION.encode()) != bag.DECLARATION.encode():
            self._fault(FaultKind.STRUCTURE, bag.BAGIT, "it does not declare a bag of version 1.0")
        payload = {path: text for path, text in self._hashes.items() if path.startswith(bag.PAYLOAD)}
        tags = {path: text for path, text in self._hashes.items() if path not in payload}
        for path in (bag.TAG_MANIFEST, bag.SIGNATURE):
            tags.pop(path, None)
        before = len(self._result.faults)
        self._compare(bag.MANIFEST, payload)
        differs = len(self._result.faults) > before
        self._compare(bag.TAG_MANIFEST, tags)
        info = bag.read_info(self._text(bag.INFO))
        self._result.ticket = info.get(bag.TICKET, "")
        self._result.redacted = info.get(bag.REDACTED) == "yes"
        if bag.INFO in self._tags and not differs:
            oxum = f"{sum(self._sizes[path] for path in payload)}.{len(payload)}"
            if info.get(bag.OXUM) != oxum:
                stated = info.get(bag.OXUM, "nothing")
                self._fault(
                    FaultKind.STRUCTURE, bag.INFO, f"it states {stated} (bytes.files) of payload, here is {oxum}"
                )
        self._signature(signers)
        self._audit(info)

    def _text(self, path: str) -> str:
        try:
            return self._tags.get(path, b"").decode("utf-8")
        except UnicodeDecodeError:
            self._fault(FaultKind.STRUCTURE, path, "it is no UTF-8")
            return ""

    def _compare(self, manifest: str, found: dict[str, str]) -> None:
        if manifest not in self._tags:
            return
        stated, wrong = bag.read_manifest(self._text(manifest))
        for detail in wrong:
            self._fault(FaultKind.STRUCTURE, manifest, detail)
        for path in stated.keys() - found.keys():
            self._fault(FaultKind.MISSING, path, f"{manifest} names it")
        for path in found.keys() - stated.keys():
            self._fault(FaultKind.ADDED, path, f"{manifest} does not name it")
        for path in stated.keys() & found.keys():
            if stated[path] != found[path]:
                self._fault(FaultKind.ALTERED, path, f"its SHA-256 is {found[path]}, in {manifest} {stated[path]}")

    def _signature(self, signers: Path | None) -> None:
        signature = self._tags.get(bag.SIGNATURE)
        if signature is None:
            if signers is not None:
                self._fault(FaultKind.SIGNATURE, bag.SIGNATURE, "the bundle is not signed")
            return
        try:
            done = check(self._tags.get(bag.TAG_MANIFEST, b""), signature, signers)
        except FailedError as error:
            self._fault(FaultKind.SIGNATURE, bag.SIGNATURE, f"it was not checked: {error}")
            return
        self._result.signature = done.detail
        if not done.good:
            self._fault(FaultKind.SIGNATURE, bag.SIGNATURE, done.detail)

    # --- the case -----------------------------------------------------------------------------------------------------

    def _audit(self, info: dict[str, str]) -> None:
        if CASE not in self._hashes:
            self._fault(FaultKind.AUDIT, CASE, "there is no case in it")
            return
        try:
            for detail in self._audit_faults(info):
                self._fault(FaultKind.AUDIT, CASE, detail)
        except (CcrfError, sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError, ValueError) as error:
            self._fault(FaultKind.AUDIT, CASE, f"its audit cannot be read: {type(error).__name__}")

    def _audit_faults(self, info: dict[str, str]) -> Iterator[str]:
        connection = open_connection(self._case, write=False)
        try:
            _bound(connection)
            tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('audit', 'settings')"
            if connection.execute(tables).fetchone()[0] != 2:
                yield "it is no case: it has no audit"
                return
            case = Case(self._case, connection)
            for found in check_chain(case):
                yield found.reason if found.id is None else f"row {found.id} of its audit: {found.reason}"
            last = last_hash(case)
            label = bag.CASE_HASH if self._result.redacted else bag.AUDIT_HASH
            if info.get(label) != last:
                yield f"its audit ends in {last}, and {bag.INFO} names {info.get(label, 'nothing')}"
            elif self._result.redacted and _replaced(case) != info.get(bag.AUDIT_HASH):
                yield f"its audit names another chain as the one it was made of than {bag.INFO} does"
        finally:
            connection.close()


def _bound(connection: sqlite3.Connection) -> None:
    """Keep a hostile database from taking memory or time without end."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_MOST)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return int(steps > _STEPS_MOST)

    connection.set_progress_handler(count, _STEPS)


def _replaced(case: Case) -> str | None:
    """The last hash of the chain that a redacted case's own was made of."""
    row = next(case.rows("SELECT action, detail FROM audit ORDER BY id DESC LIMIT 1"), None)
    detail = json.loads(row[1]) if row is not None and row[0] == AUDIT_ACTION else None
    found = detail.get("original_hash") if isinstance(detail, dict) else None
    return found if isinstance(found, str) else None


def _sha256(source: Source) -> str:
    digest = hashlib.sha256()
    with source.open() as stream:
        while piece := stream.read(_BLOCK):
            digest.update(piece)
    return digest.hexdigest()
