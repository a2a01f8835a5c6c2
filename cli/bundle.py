"""`ccrf bundle`: evidence for a support ticket, packed so that whoever gets it can trust it; and the check of that."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import CaseFile, OutputFormat, Quiet, Verbose  # noqa: TC001  (typer reads annotations at run time)
from cli.output import Column, Format, Row, emit_line, emit_rows
from cli.voice import voice
from forensics.text import counted
from parsers.kinds import Kind

if TYPE_CHECKING:
    from forensics.bundle.create import BundleAccount
    from forensics.bundle.verify import BundleCheck, BundleFault
    from forensics.redact.redaction import Redaction

bundle_app = typer.Typer(
    help="Evidence bundles for a support ticket: made, and checked.", no_args_is_help=True, rich_markup_mode=None
)

EvidenceKind = StrEnum("EvidenceKind", {kind.name: kind.value for kind in Kind})  # type: ignore[misc]

Ticket = Annotated[str, typer.Option("--ticket", metavar="ID", help="The support ticket.", show_default=False)]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE.zip", help="The bundle to make.", show_default=False)
]
Only = Annotated[
    list[EvidenceKind] | None,
    typer.Option(
        "--only",
        metavar="KIND",
        help="Only evidence of this kind (evtx, evt, fdb, ...); repeat for more.",
        show_default=False,
    ),
]
Evidence = Annotated[
    list[Path] | None,
    typer.Option(
        "--evidence",
        metavar="PATH",
        help="Where the evidence lies now, if it was moved; repeat for more.",
        show_default=False,
    ),
]
Redact = Annotated[bool, typer.Option("--redact", help="Replace recognised names; leave raw evidence out.")]
Also = Annotated[
    list[str] | None,
    typer.Option(
        "--also", metavar="WORD", help="With --redact: replace this too; repeat for more.", show_default=False
    ),
]
Sign = Annotated[
    Path | None,
    typer.Option("--sign", metavar="KEY", help="Sign with this SSH key, by ssh-keygen.", show_default=False),
]
Bundle = Annotated[Path, typer.Argument(metavar="FILE.zip", help="The bundle.", show_default=False)]
Signers = Annotated[
    Path | None,
    typer.Option(
        "--allowed-signers",
        metavar="FILE",
        help="Who may have signed it (see ssh-keygen); without, whose the key is is not checked.",
        show_default=False,
    ),
]
FIELDS = ("kind", "path", "detail")
COLUMNS = [
    Column("kind", lambda row: str(row["kind"]), style=lambda _: "red"),
    Column("file", lambda row: str(row["path"]) or "the bundle"),
    Column("detail", lambda row: str(row["detail"]), long=True),
]
_NAMED = 20


@bundle_app.command("create")
def create(  # noqa: PLR0913  (one for each option)
    case: CaseFile,
    *,
    ticket: Ticket,
    output: Output,
    only: Only = None,
    evidence: Evidence = None,
    redact: Redact = False,
    also: Also = None,
    sign: Sign = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make a bundle of CASE for a support ticket: a BagIt bag in a zip.

    It holds original evidence, the case, the report, findings and timeline. Originals are found where they lay when
    they were read, and go in when they still are what was read. What is missing is named, and the exit code is 3.
    With --redact it holds pseudonyms for the names that were recognised; the key to them and a list to review are
    written beside CASE.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.bundle.create import BundleOptions, create_bundle  # noqa: PLC0415  (see cli.ingest)
    from forensics.case.store import Case  # noqa: PLC0415

    if also and not redact:
        raise typer.BadParameter("it names words for --redact", param_hint="--also")
    if redact and (only or evidence):
        voice.note("a bundle with pseudonyms holds no raw evidence: --only and --evidence change nothing")
    options = BundleOptions(
        ticket=ticket,
        only=frozenset(kind.value for kind in only or ()),
        places=tuple(evidence or ()),
        redact=redact,
        also=tuple(also or ()),
        key=sign,
    )
    with Case.open(case, write=True) as opened:
        # A signature may need a passphrase to be typed: nothing moves on the terminal meanwhile.
        if sign is None:
            with voice.busy("making the bundle"):
                done = create_bundle(opened, output, options)
        else:
            done = create_bundle(opened, output, options)
    _tell(case, output, done)
    if done.lacking:
        raise typer.Exit(3)


@bundle_app.command("verify")
def verify(
    bundle: Bundle,
    *,
    allowed_signers: Signers = None,
    form: OutputFormat = Format.TABLE,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Check a bundle: its files, its signature, and the audit of the case in it.

    Lists what is missing, added, altered or does not fit; then the exit code is 3. Nothing of it is unpacked.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from forensics.bundle.verify import verify_bundle  # noqa: PLC0415  (see cli.ingest)

    with voice.busy("checking the bundle"):
        done = verify_bundle(bundle, allowed_signers)
    emit_rows(map(fault_row, done.faults), fields=FIELDS, columns=COLUMNS, form=form)
    _tell_check(done)
    if done.faults:
        raise typer.Exit(3)


def fault_row(fault: BundleFault) -> Row:
    """One fault with the fields of the machine formats."""
    return {"kind": str(fault.kind), "path": fault.path, "detail": fault.detail}


def _tell(case: Path, output: Path, done: BundleAccount) -> None:
    from forensics.redact.key import key_path  # noqa: PLC0415  (see cli.ingest)
    from forensics.redact.review import review_path  # noqa: PLC0415

    emit_line(f"{output}: {counted(done.files, 'file')}, {done.size:,} bytes")
    emit_line(f"SHA-256 {done.sha256}")
    for piece in done.lacking[:_NAMED]:
        why = "what lies there now is not what was read" if piece.inclusion == "altered" else "it was not found"
        voice.warn(f"{piece.row.path}: not in the bundle: {why}")
    if len(done.lacking) > _NAMED:
        more = counted(len(done.lacking) - _NAMED, "more piece of evidence is", "more pieces of evidence are")
        voice.warn(f"{more} not in the bundle")
    if done.lacking:
        voice.note("data/evidence.csv in the bundle lists all of them; --evidence names where they lie now")
    if done.beside:
        what = counted(done.beside, "file of another kind is", "files of other kinds are")
        voice.warn(f"{what} in it too: an archive goes in whole, for any of its files")
    if done.redaction is not None:
        _tell_redaction(done.redaction)
        emit_line(f"The key to the pseudonyms, not to be given away: {key_path(case)}")
        emit_line(f"To be looked through before the bundle is: {review_path(case)}")


def _tell_redaction(redaction: Redaction) -> None:
    replaced = [name for name in redaction.names if name.pseudonym]
    emit_line(
        f"{counted(len(replaced), 'recognised name')} replaced by pseudonyms. Names that nothing told as such may still"
        " be there."
    )
    for name in redaction.unreplaced[:_NAMED]:
        where = "replaced only where it stands as a user" if name.pseudonym else "not replaced"
        why = (
            "a number"
            if name.text.isdecimal()
            else "an ordinary word; --also replaces it, if ccrf does not write it itself"
        )
        voice.warn(f"{name.text} ({name.how}): {where}, because it is {why}")


def _tell_check(done: BundleCheck) -> None:
    if not done.faults:
        voice.note(f"the bundle of ticket {done.ticket} is whole: {counted(done.files, 'file')}")
    if done.redacted:
        voice.note("names in it were replaced by pseudonyms")
    voice.note(f"signature: {done.signature or 'none, so somebody may have made it anew'}")
    voice.note(f"SHA-256 {done.sha256}")
    voice.note("compare that with the audit of the case that it was made of")
