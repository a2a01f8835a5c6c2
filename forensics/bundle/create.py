"""A bundle, made: the case copied, its findings written, the evidence found, all of it a bag, the bag a zip."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from forensics import __version__
from forensics.bundle import bag
from forensics.bundle.choice import TABLE_FIELDS, Chosen, Inclusion, choose, leave_out
from forensics.bundle.copy import ACTION, copy_case
from forensics.bundle.findings import finding_files
from forensics.bundle.names import safe_part
from forensics.bundle.pack import Member, of_bytes, zip_parts
from forensics.bundle.signing import sign
from forensics.case import audit
from forensics.case.store import Case
from forensics.errors import FailedError, MissingPathError, RefusedError, UsageError
from forensics.forms import csv_lines
from forensics.places import Place, known_places
from forensics.redact.redaction import Redaction, redact_case
from forensics.writing import TEMPORARY, Folder, publish
from parsers.containers.folders import own_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CASE: Final = "data/case.db"
EVIDENCE_TABLE: Final = "data/evidence.csv"
README: Final = "data/README.txt"
_TICKET_MOST: Final = 200
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class BundleOptions:
    """What a bundle is to be.

    Attributes:
        ticket: the support ticket that it is for.
        only: kinds of evidence; none: all.
        places: more places where the evidence may lie, looked at first.
        redact: whether names are replaced by pseudonyms.
        also: more words to replace.
        key: the key to sign with.
    """

    ticket: str
    only: frozenset[str] = frozenset()
    places: tuple[Path, ...] = ()
    redact: bool = False
    also: tuple[str, ...] = ()
    key: Path | None = None


class BundleAccount(NamedTuple):
    """What was made.

    Attributes:
        sha256, size: of the zip.
        files: number of files in it, those of the bag itself too.
        lacking: evidence that should be in it and is not.
        redaction: what was replaced; None where nothing was to be.
        beside: files of kinds that were not asked for, which are in it within their archive.
    """

    sha256: str
    size: int
    files: int
    lacking: list[Chosen]
    redaction: Redaction | None
    beside: int


def create_bundle(case: Case, target: Path, options: BundleOptions) -> BundleAccount:
    """Make the bundle `target` of a case, and enter it in the case's audit. It appears whole or not at all.

    The same case, evidence and options give the same bytes, by the same versions of this program, SQLite and zlib; with
    a signature where the kind of key gives the same each time. Needs room beside `target` for two copies of the case
    and for the bundle; memory does not grow with the evidence.

    Args:
        case: open for writing.
        target: must not exist.
        options: what it is to be.

    Raises:
        RefusedError: `target` exists or would lie in the evidence, the case does not fit its audit, or a word that was
            to be replaced is left in the bundle; nothing was made.
        UsageError: the ticket or a word is none.
        FailedError: something cannot be read or written, or `ssh-keygen` refuses.
    """
    _check(case, target, options)
    given: list[Place] = [(own_name(path), path) for path in options.places]
    with _staging(target) as folder:
        redaction = redact_case(case, options.also) if options.redact else None
        copy_case(case, folder / "case.db", None if redaction is None else redaction.apply)
        if redaction is not None:
            redaction.forbid(options.ticket, "the ticket's ID")
        choice = leave_out(case) if redaction is not None else choose(case, options.only, [*given, *known_places(case)])
        with Case.open(folder / "case.db") as copy:
            payload = [*_staged(copy, folder), *choice.members]
            pieces = choice.pieces if redaction is None else leave_out(copy).pieces
            table = "".join(csv_lines((piece.plain() for piece in pieces), TABLE_FIELDS)).encode(
                "utf-8", "backslashreplace"
            )
            payload.append(of_bytes(EVIDENCE_TABLE, table))
            payload.append(of_bytes(README, _readme(payload, redacted=redaction is not None)))
            members = _as_bag(payload, _info(copy, options, payload, redaction), options.key)
        made = folder / "bundle.zip"
        sha256, size = _written(made, f"bundle-{safe_part(options.ticket)}/", members)
        if redaction is not None:
            redaction.search(made, folder)
        beside = sum(
            piece.inclusion is Inclusion.IN_ARCHIVE and piece.row.kind not in options.only for piece in choice.pieces
        )
        account = BundleAccount(
            sha256, size, len(members), choice.lacking, redaction, beside=beside if options.only else 0
        )
        _enter(case, target, made, options, account)
    return account


def _check(case: Case, target: Path, options: BundleOptions) -> None:
    ticket = options.ticket
    if not ticket.strip() or len(ticket) > _TICKET_MOST or not ticket.isprintable() or ticket != ticket.strip():
        raise UsageError(f"--ticket takes one line of at most {_TICKET_MOST} printable characters")
    if os.path.lexists(target):
        raise RefusedError(f"{target} exists already; name another place, or move it away")
    if not target.parent.is_dir():
        raise MissingPathError(target.parent)
    for path in options.places:
        if not path.exists():
            raise MissingPathError(path)
    home = Path(os.path.realpath(target.parent))
    known = [place for _, place in known_places(case) if place.is_dir()]
    for place in (*options.places, *known):
        if any(outer.samefile(place) for outer in (home, *home.parents)):
            raise RefusedError(f"{target} would lie inside the evidence {place}, which is never written to")
    if audit.check_chain(case):
        raise RefusedError(f"{case.path} does not fit its audit: 'ccrf verify' tells where")


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """A folder of one's own beside the target: there is the room, and a rename is one step."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=os.path.realpath(target.parent)))
    except OSError as error:
        raise FailedError(f"{target.parent} cannot be written: {error.strerror or error}") from error
    try:
        yield folder
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise FailedError(f"the bundle could not be made: {where}{error.strerror or error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _staged(copy: Case, folder: Path) -> Iterator[Member]:
    """The files that are made of the case, the case itself first."""
    yield _file(CASE, folder / "case.db")
    with Folder.open(folder) as stage:
        for number, (name, text) in enumerate(finding_files(copy)):
            stage.create(f"made-{number}", (part.encode("utf-8", "backslashreplace") for part in text))
            yield _file(f"data/{name}", folder / f"made-{number}")


def _file(name: str, path: Path) -> Member:
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while piece := file.read(_BLOCK):
            digest.update(piece)
            size += len(piece)
    return Member(name, size, digest.hexdigest(), lambda: path.open("rb"))


def _as_bag(payload: Iterable[Member], info: str, key: Path | None) -> list[Member]:
    """The bag's own files, and the payload behind them, sorted."""
    payload = sorted(payload, key=lambda member: member.path)
    tags = [
        of_bytes(bag.BAGIT, bag.DECLARATION.encode()),
        of_bytes(bag.INFO, info.encode()),
        of_bytes(bag.MANIFEST, bag.manifest_text({member.path: member.sha256 for member in payload}).encode()),
    ]
    over = bag.manifest_text({member.path: member.sha256 for member in tags}).encode()
    tags.append(of_bytes(bag.TAG_MANIFEST, over))
    if key is not None:
        tags.append(of_bytes(bag.SIGNATURE, sign(over, key)))
    return [*tags, *payload]


def _info(copy: Case, options: BundleOptions, payload: list[Member], redaction: Redaction | None) -> str:
    enclosed = audit.last_hash(copy)
    as_of = next(copy.rows("SELECT time FROM audit ORDER BY id DESC LIMIT 1"), ("",))[0]
    fields = [
        (bag.TICKET, options.ticket),
        (bag.SOFTWARE, f"ccrf {__version__}"),
        (bag.OXUM, f"{sum(member.size for member in payload)}.{len(payload)}"),
        (bag.AS_OF, str(as_of)),
        (bag.AUDIT_HASH, enclosed if redaction is None else redaction.original_hash),
        (bag.REDACTED, "no" if redaction is None else "yes"),
    ]
    if redaction is not None:
        fields.append((bag.CASE_HASH, enclosed))
    return bag.info_text(fields)


def _written(path: Path, folder: str, members: Iterable[Member]) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0

    def hashed() -> Iterator[bytes]:
        nonlocal size
        for part in zip_parts(folder, members):
            digest.update(part)
            size += len(part)
            yield part

    with Folder.open(path.parent) as stage:
        stage.create(path.name, hashed())
    return digest.hexdigest(), size


def _enter(case: Case, target: Path, made: Path, options: BundleOptions, account: BundleAccount) -> None:
    """Give the bundle its name and the case its entry, both or neither."""
    detail = {
        "bundle": target.name,
        "sha256": account.sha256,
        "size": account.size,
        "files": account.files,
        "ticket": options.ticket,
        "only": sorted(options.only),
        "redacted": options.redact,
        "signed": options.key is not None,
        "lacking": len(account.lacking),
        "version": __version__,
    }
    placed = False
    try:
        with case.transaction():
            audit.append(case, ACTION, detail)
            if account.redaction is not None:
                account.redaction.keep(case.path)
            publish(made, target)
            placed = True
    except BaseException:
        if placed:
            target.unlink(missing_ok=True)
        raise


def _readme(payload: Iterable[Member], *, redacted: bool) -> bytes:
    there = {re.sub(r"\Adata/(evidence)/.*", r"data/\1/", member.path) for member in payload}
    lines = {
        CASE: "the case: one SQLite file, for ccrf, sqlite3 and Datasette",
        "data/report.html": "the report, for any browser",
        "data/findings/roles.json": "who was active when",
        "data/findings/overwrites.json": "what was lost and is still in place",
        "data/findings/backups.json": "backup sets",
        "data/findings/check.json": "the guidelines, kept and violated",
        "data/findings/checkpoints.json": "registry checkpoints",
        "data/timeline.csv": "what happened, in its order",
        EVIDENCE_TABLE: "every piece of evidence: its true path, its SHA-256, and where it lies here, or why not",
        "data/evidence/": "evidence, under names that every system takes",
    }
    width = max(map(len, lines))
    text = "Evidence of one incident, collected by ccrf as a BagIt bag (RFC 8493).\n\n"
    text += "".join(f"{name.ljust(width)}  {what}\n" for name, what in lines.items() if name in there)
    text += "\n'ccrf bundle verify FILE.zip' tells whether the bundle is what it was; so does any BagIt validator.\n"
    if redacted:
        text += (
            "\nRecognised names of users, mailboxes, domains, hosts and addresses were replaced by pseudonyms, raw\n"
            "evidence and contents left out. The audit of the case was made anew for that; bag-info.txt has the last\n"
            "hash of the one that it replaces. What is no recognised name may still be there.\n"
        )
    return text.encode()
