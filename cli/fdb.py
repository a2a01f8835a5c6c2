"""`ccrf fdb`: what can honestly be said of a .fdb file, and of two versions of one."""

from __future__ import annotations

import hashlib
import io
import stat
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple

import typer

from cli.cases import open_case
from cli.fdb_words import tell_difference, tell_survey
from cli.options import Clock, OutputFormat, Quiet, ScreenZone, Verbose, parse_zone
from cli.output import Format, Json, Row, emit_object, emit_rows
from cli.voice import voice
from forensics.errors import FailedError, MissingPathError, UsageError

if TYPE_CHECKING:
    from parsers.fdb.containers import Container
    from parsers.fdb.diff import Difference, Range, RangeKind
    from parsers.fdb.strings import FoundString
    from parsers.fdb.survey import Survey
    from parsers.fdb.times import Candidates
    from parsers.fdb.wording import StringChanges

fdb_app = typer.Typer(
    help="What can be said of a .fdb file, whose format is not public, without pretending to read it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_WHAT = "A file; with --case also `file:45` or `sha256:0123abcd`: a content that CASE holds."
OneFile = Annotated[str, typer.Argument(metavar="FILE", help=_WHAT, show_default=False)]
Older = Annotated[str, typer.Argument(metavar="A", help=_WHAT, show_default=False)]
Newer = Annotated[str, typer.Argument(metavar="B", help="The version to compare it with.", show_default=False)]
FromCase = Annotated[
    Path | None, typer.Option("--case", metavar="CASE", help="The case that holds the content.", show_default=False)
]
StringsShown = Annotated[
    int | None,
    typer.Option("--strings", metavar="N", min=0, help="At most so many strings. [default: 20 in a table, else 1000]"),
]
LeastLength = Annotated[int, typer.Option("--min-length", metavar="N", min=2, max=4096, help="Characters of a string.")]
# What is shown for people, and what a machine format holds: a file of any size gets an answer of bounded size.
TABLE_LIMIT, LIST_LIMIT = 20, 1000
# Bytes of a changed range that are shown.
_BYTES_SHOWN = 32
_BLOCK = 1 << 20
NOTE = (
    "The format of the product's .fdb files is not public: nothing here is decoded, strings and times are what bytes"
    " look like, and no setting can be read from them."
)


class Opened(NamedTuple):
    """A content to look at.

    Attributes:
        stream: at its start, seekable.
        name: what a user reads: never a folder of the analyst's machine.
        path: in the evidence, of a content that the case holds; else None.
        node: whose it is, where the case says so.
        modified: last-modified time, ISO 8601; None where it is not known.
    """

    stream: BinaryIO
    name: str
    path: str | None
    node: str | None
    modified: str | None


@fdb_app.command("show")
def show_file(
    file: OneFile,
    *,
    case: FromCase = None,
    strings: StringsShown = None,
    min_length: LeastLength = 4,
    form: OutputFormat = Format.TABLE,
    tz: ScreenZone = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Tell what FILE is: size, hash, container if it is a known one, entropy, strings, values that could be times.

    The format of the product's .fdb files is not public, so nothing is decoded.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from parsers.fdb.survey import survey  # noqa: PLC0415  (see cli.ingest)

    clock = Clock(parse_zone(tz, "--tz"))
    limit = _limit(strings, form)
    with ExitStack() as stack:
        opened = _open(stack, file, case)
        with voice.busy(f"reading {opened.name}"):
            found = survey(opened.stream, least=min_length)
    row = survey_row(opened, found, limit, min_length)
    if form is Format.TABLE:
        tell_survey(row, clock, TABLE_LIMIT)
    else:
        _emit(row, form)


@fdb_app.command("diff")
def diff_files(  # noqa: PLR0913  (one for each option)
    a: Older,
    b: Newer,
    *,
    case: FromCase = None,
    strings: StringsShown = None,
    min_length: LeastLength = 4,
    form: OutputFormat = Format.TABLE,
    tz: ScreenZone = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare two versions of a file: what is unchanged, moved and changed, and which strings appeared and went.

    Found by content: what was inserted or removed does not make everything behind it look changed.
    """
    voice.adjust(quiet=quiet, verbose=verbose)
    from parsers.fdb.diff import compare  # noqa: PLC0415  (see cli.ingest)
    from parsers.fdb.wording import compare_strings  # noqa: PLC0415

    clock = Clock(parse_zone(tz, "--tz"))
    limit = _limit(strings, form)
    with ExitStack() as stack:
        older, newer = _open(stack, a, case), _open(stack, b, case)
        with voice.busy(f"comparing {older.name} and {newer.name}"):
            found = compare(older.stream, newer.stream)
            texts = compare_strings(older.stream, newer.stream, found, least=min_length)
            row = difference_row((older, newer), found, texts, limit)
    if form is Format.TABLE:
        tell_difference(row, clock, TABLE_LIMIT)
    else:
        _emit(row, form)


def _emit(row: Row, form: Format) -> None:
    if form is Format.JSON:
        emit_object(row)
    else:
        emit_rows([row], fields=tuple(row), columns=(), form=form)


def _limit(strings: int | None, form: Format) -> int:
    if strings is not None:
        return strings
    return TABLE_LIMIT if form is Format.TABLE else LIST_LIMIT


# -- what is looked at -------------------------------------------------------------------------------------------------


def _open(stack: ExitStack, named: str, case: Path | None) -> Opened:
    """A file, or with a case one of its contents; open until the stack is closed.

    Raises:
        MissingPathError: no such file.
        UsageError: a folder, or a reference without a case.
        FailedError: it cannot be read.
    """
    from forensics.case.contents import REFERENCE, stored_content  # noqa: PLC0415  (see cli.ingest)

    if REFERENCE.fullmatch(named.strip()):
        if case is not None:
            stored = stored_content(stack.enter_context(open_case(case)), named)
            name = stored.name or stored.reference
            return Opened(io.BytesIO(stored.content), name, stored.path, stored.node, stored.modified)
        if not Path(named).exists():
            raise UsageError(f"{named} is a content of a case: name the case with --case")
    path = Path(named)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UsageError(f"{path} is a folder; name a file")
        if not stat.S_ISREG(status.st_mode):
            raise FailedError(f"{path} is no regular file")
        stream = stack.enter_context(path.open("rb"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise MissingPathError(path) from None
    except OSError as error:
        raise FailedError(f"{path}: {error.strerror or error}") from error
    from parsers.times import filetime_from_unix, iso_utc  # noqa: PLC0415

    modified = iso_utc(filetime_from_unix(0, status.st_mtime_ns))
    return Opened(stream, path.name, None, None, modified)


# -- rows --------------------------------------------------------------------------------------------------------------


def survey_row(opened: Opened, found: Survey, limit: int, least: int) -> Row:
    """What is said of one file, with the fields of the machine formats; at most `limit` strings."""
    container = found.container
    entropy = found.entropy
    areas: list[Row] = [
        {"offset": area.offset, "length": area.length, "level": str(area.level), "min": area.least, "max": area.most}
        for area in entropy.areas
    ]
    return {
        **_identity(opened),
        "size": found.size,
        "sha256": found.sha256,
        "container": {"kind": str(container.kind), "name": container.name, "facts": dict(container.facts)},
        "opaque": container.kind == "opaque",
        "warning": warning_of(container.name) if container.foreign else None,
        "problems": [
            {"kind": str(one.kind), "offset": one.offset, "length": one.length, "detail": one.detail}
            for one in found.problems
        ],
        "entropy": {
            "bits_per_byte": entropy.whole,
            "block_size": entropy.block_size,
            "sampled": entropy.sampled,
            "blocks": list(entropy.blocks),
            "areas": areas,
        },
        "strings": {
            "min_length": least,
            "found": found.strings_found,
            "items": [string_row(one) for one in found.strings[:limit]],
        },
        "time_candidates": _times(found.times),
        "note": NOTE,
    }


def warning_of(name: str) -> str:
    """What is said of a database that only shares the extension with the product's files."""
    return f"This is a {name}: it has the same extension, and is no file of the product."


def _identity(opened: Opened) -> dict[str, Json]:
    return {"file": opened.name, "path": opened.path, "node": opened.node, "modified": opened.modified}


def string_row(found: FoundString) -> Row:
    """A string with its place."""
    return {"offset": found.offset, "size": found.size, "encoding": str(found.encoding), "text": found.text}


def _times(times: Candidates) -> Row:
    from parsers.times import iso_utc  # noqa: PLC0415  (see cli.ingest)

    return {
        "looked_at": times.looked_at,
        "found": {str(form): number for form, number in times.found.items()},
        "expected_by_chance": {str(form): number for form, number in times.by_chance.items()},
        "items": [
            {"offset": one.offset, "as": str(one.form), "time": iso_utc(one.filetime)}
            for one in times.items[:LIST_LIMIT]
        ],
    }


def difference_row(versions: tuple[Opened, Opened], found: Difference, texts: StringChanges, limit: int) -> Row:
    """How two versions differ, with the fields of the machine formats; at most `limit` strings each way."""
    from parsers.fdb.diff import RangeKind  # noqa: PLC0415  (see cli.ingest)

    identities: list[Row] = []
    warnings: list[str] = []
    for opened, size in zip(versions, (found.a_size, found.b_size), strict=True):
        identity, container = _hash_and_container(opened.stream, size)
        identities.append({**_identity(opened), "size": size, "sha256": identity, "container": container.kind.value})
        if container.foreign and (text := warning_of(container.name)) not in warnings:
            warnings.append(text)
    changed = found.of(RangeKind.CHANGED)
    return {
        "a": identities[0],
        "b": identities[1],
        "identical": found.identical,
        "summary": {
            **{str(kind): _amount(found, kind) for kind in RangeKind},
            "removed_bytes": sum(one.a_length for one in changed),
            "new_bytes": sum(one.b_length for one in changed),
            "coarse": found.coarse,
        },
        "ranges": [_range_row(one, versions) for one in found.ranges],
        "strings": {
            "gone_found": len(texts.gone),
            "new_found": len(texts.new),
            "complete": texts.whole,
            "gone": [string_row(one) for one in texts.gone[:limit]],
            "new": [string_row(one) for one in texts.new[:limit]],
        },
        "warning": " ".join(warnings) or None,
        "note": NOTE,
    }


def _amount(found: Difference, kind: RangeKind) -> Row:
    return {"ranges": len(found.of(kind)), "bytes": found.size_of(kind)}


def _range_row(one: Range, versions: tuple[Opened, Opened]) -> Row:
    row: dict[str, Json] = {
        "kind": str(one.kind),
        "a_offset": one.a_offset,
        "a_length": one.a_length,
        "b_offset": one.b_offset,
        "b_length": one.b_length,
        "reordered": one.reordered,
    }
    if one.kind == "changed":
        sides = ((one.a_offset, one.a_length), (one.b_offset, one.b_length))
        for name, opened, (offset, length) in zip(("a_bytes", "b_bytes"), versions, sides, strict=True):
            opened.stream.seek(offset)
            row[name] = opened.stream.read(min(length, _BYTES_SHOWN)).hex()
    return row


def _hash_and_container(stream: BinaryIO, size: int) -> tuple[str, Container]:
    from parsers.fdb.containers import HEAD_SIZE, identify  # noqa: PLC0415  (see cli.ingest)

    stream.seek(0)
    head = stream.read(HEAD_SIZE)
    digest = hashlib.sha256(head)
    while block := stream.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest(), identify(head, size)
