"""What `cluster res /check` and `Get-ClusterCheckpoint` print, read tolerantly: their output is not documented.

What is relied on: a row has the path of a key (in quotes, or to the end of its line), and the resource's name before
it, cut to the width of its column or wrapped; above the rows stand dashes, and often a line that has the name in
quotes. Words are not, since they are in the machine's language. Transcripts may hold several listings, with the
commands that asked for them; what follows a command that adds or removes is no listing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from parsers.checkpoints.commands import CURLY, Command, command_in
from parsers.codepages import likely_text
from parsers.problems import Problem, ProblemKind
from parsers.textlines import text_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from parsers.textlines import Line

ROWS_MAX: Final = 10_000
_LINE_MAX: Final = 4000
_HEAD_LINES: Final = 2000
_KEY: Final = (
    r"(?P<key>(?:(?:\\?(?:HKEY_LOCAL_MACHINE|HKLM)\\)?(?:SOFTWARE|SYSTEM|HARDWARE|SECURITY|SAM|Cluster|COMPONENTS)"
    r"|\d{1,4})\\%s)"
)
_QUOTED_KEY: Final = re.compile("'" + _KEY % "[^']{1,2000}" + r"'?\s*\Z", re.IGNORECASE)
_BARE_KEY: Final = re.compile(r"(?:^|(?<=\s))" + _KEY % r"\S.{0,2000}?" + r"\s*\Z", re.IGNORECASE)
_DASHES: Final = re.compile(r"(?P<first>-{3,})(?P<gap> +)-{3,}\s*\Z")
_NAMED: Final = re.compile(rf"['\"{CURLY}](?P<name>[^'\"{CURLY}\\]{{1,500}})['\"{CURLY}]")
_FIELD: Final = re.compile(r"(?P<field>Resource|Name)\s*: ?(?P<value>.*)\Z", re.IGNORECASE)
_UNDERLINED: Final = len("Resource")


class ListedCheckpoint(NamedTuple):
    """One row.

    Attributes:
        line: its number, from 1 on.
        resource: the name before the key, or the one that the listing was asked for; "" where there is none.
        cut: the name may go on behind what is shown.
        key: as it stands there, without quotes.
        key_cut: the key goes on behind what is shown.
        crypto: a crypto checkpoint.
        form: `check`, `cmdlet_table` or `cmdlet_list`.
    """

    line: int
    resource: str
    cut: bool
    key: str
    key_cut: bool
    crypto: bool
    form: str


class Listing(NamedTuple):
    """What one listing of a text covers. `resource` is None for all; `crypto` None for checkpoints of both kinds."""

    resource: str | None
    crypto: bool | None


@dataclass(slots=True)
class ListingAccount:
    """What reading found beside the rows; complete when they are used up.

    Attributes:
        listings: those of the text, in their order, empty ones too.
        rows: how many there were.
        problems: limits that were met.
    """

    listings: list[Listing] = field(default_factory=list)
    rows: int = 0
    problems: list[Problem] = field(default_factory=list)


def looks_like_listing(text: str) -> bool:
    """Whether the beginning of a text is a listing, or a transcript with one; a script that asks for one is none."""
    lines = [line.rstrip()[:_LINE_MAX] for line in islice(text.splitlines(), _HEAD_LINES)]
    if any(command.prompted and command.verb == "list" for command in filter(None, map(command_in, lines))):
        return True
    account = ListingAccount()
    rows = list(_read(enumerate(lines, start=1), account))
    # An empty table tells what it is by its words only.
    return bool(account.listings) and (bool(rows) or "checkpoint" in "\n".join(lines[:50]).lower())


def read_listing(stream: BinaryIO, account: ListingAccount) -> Iterator[ListedCheckpoint]:
    """The rows of all listings of a text, in its order. OSError where it cannot be read."""
    for row in _read(map(_decoded, text_lines(stream)), account):
        account.rows += 1
        if account.rows > ROWS_MAX:
            detail = f"more than {ROWS_MAX:,} rows; the others were not read"
            account.problems.append(Problem(ProblemKind.LIMIT, 0, 0, detail))
            return
        yield row


def _decoded(line: Line) -> tuple[int, str]:
    text = likely_text(line.text.encode("latin-1")) if line.assumed else line.text
    return line.number, text.rstrip()[:_LINE_MAX]


def _read(lines: Iterable[tuple[int, str]], account: ListingAccount) -> Iterator[ListedCheckpoint]:
    reader = _Reader(account)
    for number, line in chain(lines, [(0, "")]):
        yield from reader.take(number, line)


@dataclass(slots=True)
class _Table:
    """A table that is being read.

    Attributes:
        width: of the column of names.
        fixed: that column is as wide whatever is in it, so that a name that fills it may be cut.
        before: parts of a name that stand above the line of its key.
        wraps: whether the lines with keys come first, and the rest of a long name below; None: not known yet.
    """

    width: int
    fixed: bool
    before: list[str] = field(default_factory=list)
    wraps: bool | None = None
    name: str = ""
    cut: bool = False


class _Reader:
    def __init__(self, account: ListingAccount) -> None:
        self._account = account
        self._asked: Command | None = None
        self._named: str | None = None  # by the command, or a line above the table
        self._crypto = False
        self._table: _Table | None = None
        self._waiting: ListedCheckpoint | None = None  # the rest of its name may follow
        self._fields: dict[str, str] = {}
        self._field: str | None = None

    def take(self, number: int, line: str) -> Iterator[ListedCheckpoint]:
        """Read a line, and give the rows that are whole now."""
        command = command_in(line)
        if command is not None:
            yield from self._flush()
            self._asked, self._named, self._crypto, self._table = command, command.resource, bool(command.crypto), None
            return
        if self._asked is not None and self._asked.verb != "list":
            return
        if self._takes_field(line):
            yield from self._flush()
            return
        yield from self._field_row(number)
        dashes = _DASHES.match(line)
        if dashes is not None:
            yield from self._flush()
            self._begin(dashes)
        elif not line.strip():
            yield from self._flush()
        elif self._table is not None and (found := self._key_in(line, self._table)) is not None:
            yield from self._flush()
            self._row(number, line[: found.start()].strip(), found["key"], self._table)
        elif self._table is not None and len(line) <= self._table.width + 1:
            self._name_part(line.strip(), self._table)
        else:
            yield from self._flush()
            self._other(line)

    def _begin(self, dashes: re.Match[str]) -> None:
        # PowerShell underlines the words of its heading; the columns begin where its dashes do, and fit the names.
        fixed = len(dashes["first"]) > _UNDERLINED
        self._table = _Table(len(dashes["first"]) + len(dashes["gap"]) - 1, fixed)
        crypto = self._crypto
        if self._asked is not None and self._asked.crypto is None:
            self._account.listings.append(Listing(self._named, None))
        else:
            self._account.listings.append(Listing(self._named, crypto if fixed or self._asked is not None else None))

    @staticmethod
    def _key_in(line: str, table: _Table) -> re.Match[str] | None:
        return _QUOTED_KEY.search(line) or _BARE_KEY.search(line, min(table.width, len(line)))

    def _row(self, number: int, name: str, key: str, table: _Table) -> None:
        shown, cut = _without_ellipsis(name)
        if table.before:
            shown, table.before = _joined(*table.before, shown), []
        else:
            cut = cut or (table.fixed and len(name) >= table.width - 1)
            table.wraps = True if table.wraps is None else table.wraps
        # A row without a name is of the resource of the one above.
        if shown:
            table.name, table.cut = shown, cut
        key, key_cut = _without_ellipsis(key)
        form = "check" if table.fixed else "cmdlet_table"
        self._waiting = ListedCheckpoint(number, table.name, table.cut, key, key_cut, key[:1].isdigit(), form)

    def _name_part(self, part: str, table: _Table) -> None:
        if self._waiting is not None and table.wraps:
            table.name, table.cut = _joined(self._waiting.resource, part), False
            self._waiting = self._waiting._replace(resource=table.name, cut=False)
        else:
            table.wraps = False
            table.before.append(part)

    def _other(self, line: str) -> None:
        """A line that belongs to no table; it may name the resource of the next one."""
        if self._table is not None and self._asked is None:
            self._named, self._crypto = None, False
        self._table = None
        named = _NAMED.search(line)
        if named is not None:
            self._named = named["name"].strip()
        self._crypto = self._crypto or "crypt" in line.lower()

    def _flush(self) -> Iterator[ListedCheckpoint]:
        """The row that was waiting, with the whole name where a command or a line above tells it."""
        row, self._waiting = self._waiting, None
        if row is None:
            return
        whole = self._named
        if whole is not None and (not row.resource or _begins(whole, row.resource)):
            row = row._replace(resource=whole, cut=False)
        yield row

    # --- Format-List --------------------------------------------------------------------------------------------------

    def _takes_field(self, line: str) -> bool:
        """Whether a line is a field of a list, or goes on with one."""
        found = _FIELD.match(line)
        if found is not None:
            self._field = found["field"].lower()
            if self._field == "resource":
                self._fields = {}
            self._fields[self._field] = found["value"].strip()
            return True
        if self._field is not None and line.startswith("    ") and line.strip():
            before = self._fields[self._field]
            self._fields[self._field] = before + ("" if before.endswith("\\") else " ") + line.strip()
            return True
        return False

    def _field_row(self, number: int) -> Iterator[ListedCheckpoint]:
        """The row of the fields so far, where they make one."""
        fields, self._fields, self._field = self._fields, {}, None
        name, key = fields.get("resource"), fields.get("name")
        if name and key and _BARE_KEY.match(key):
            self._account.listings.append(Listing(self._named, None))
            yield ListedCheckpoint(max(number - 1, 0), name, False, key, False, key[:1].isdigit(), "cmdlet_list")  # noqa: FBT003


def _begins(whole: str, start: str) -> bool:
    """Whether a name begins so, whatever blanks a wrap has eaten."""
    return "".join(whole.split()).casefold().startswith("".join(start.split()).casefold())


def _without_ellipsis(text: str) -> tuple[str, bool]:
    text = text.strip()
    if text.endswith(("...", "\u2026")):
        return text.rstrip("\u2026").removesuffix("...").rstrip(), True
    return text, False


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
