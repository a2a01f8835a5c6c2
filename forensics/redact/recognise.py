"""Which names a case shows: those that its conclusions know, those of certain fields, those of a name's form."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from forensics.case.values import strings_from_json
from forensics.redact.columns import is_json, pieces, rows_with_text, text_columns
from forensics.redact.model import NameKind, Names
from forensics.redact.patterns import accounts, hosts, is_account, is_address, readings, signs
from forensics.redact.wellknown import DOMAINS, FIELDS, KEY_ROOTS, LABELS, PLACES, USERS
from forensics.redact.words import own_phrase, own_words
from forensics.roles.analyse import analyse
from forensics.roles.groups import group_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forensics.case.store import Case

_LEAST: Final = 2
_MOST: Final = 320
_REMEMBERED: Final = 500_000
_CANDIDATES: Final = 200_000
# Names that this program makes for nodes it does not know; accounts that Windows makes for each session; logons.
_NOBODY: Final = re.compile(r"(?:UNKNOWN|DWM|UMFD)-\d+|\(0x[0-9a-fx, ]+\)", re.IGNORECASE)
# `Exchange Information Store Instance (CMS1)`: resources carry the name of what they belong to.
_RESOURCE: Final = re.compile(
    r"\b(?:exchange [\w ]{1,60}|network name|ip(?:v[46])?[\w ]{0,20} address|cluster name)[^()]{0,40}"
    r"\(([A-Za-z0-9][\w-]{0,62})\)",
    re.IGNORECASE,
)
_PSEUDONYM: Final = re.compile(rf"(?<![^\W_])(?:{'|'.join(NameKind)})-\d+(?![^\W_])", re.IGNORECASE)
_NETBIOS: Final = 15
_NUMBER_LEAST: Final = 5


class Recognised:
    """What was found.

    Attributes:
        names: all of them.
        like_pseudonyms: texts of the evidence that look like pseudonyms, casefolded: these are not given.
    """

    def __init__(self) -> None:
        self.names = Names()
        self.like_pseudonyms: set[str] = set()


def recognise(case: Case, also: Iterable[str] = ()) -> Recognised:
    """The names that are to be replaced in a case. `also`: words that the analyst names.

    Raises:
        FailedError: the case cannot be read.
        ProfileError: its profile cannot be used.
    """
    return _Recognition(case).run(also)


def _trimmed(kind: NameKind, text: str) -> tuple[NameKind, str]:
    """A name without what stands around it; the account of a machine (`NAME$`) is the machine."""
    text = text.strip().strip("\0")
    if kind is NameKind.USER and text.endswith("$"):
        kind = NameKind.HOST
    if kind in {NameKind.HOST, NameKind.DOMAIN, NameKind.USER}:
        text = text.removesuffix("$").strip(".").lstrip("\\")
    return kind, text


class _Recognition:
    def __init__(self, case: Case) -> None:
        self._case = case
        self._found = Recognised()
        self._accounts: Counter[tuple[str, str]] = Counter()
        self._hosts: set[str] = set()
        self._seen: set[int] = set()

    def run(self, also: Iterable[str]) -> Recognised:
        self._concluded()
        self._columns()
        self._events()
        for table, columns in text_columns(self._case.connection):
            if table != "events":
                self._table(table, columns)
        self._candidates()
        names = self._found.names
        ordinary = own_words()
        for name in names:
            name.bare = name.kind is NameKind.SID or not (
                name.text.isdecimal()
                or name.text.casefold() in ordinary
                or (" " in name.text and own_phrase(name.text))
            )
        for word in also:
            names.add(NameKind.WORD, word, "named by the analyst").bare = True
        return self._found

    def _add(self, kind: NameKind, text: str, how: str, before: str | None = None) -> None:
        """Note a name, taken apart where it is several."""
        kind, text = _trimmed(kind, text)
        if "\\" in text and kind is NameKind.USER:
            domain, _, text = text.partition("\\")
            before = f"{domain}\\"
            self._add(NameKind.DOMAIN, domain, how)
        folded = text.casefold()
        if not _LEAST <= len(text) <= _MOST or not any(char.isalnum() for char in text):
            return
        if kind is NameKind.ADDRESS or is_address(text):
            self._found.names.add(NameKind.ADDRESS, text, how)
        elif folded in USERS or folded in DOMAINS or _NOBODY.fullmatch(text):
            return
        elif text.isdecimal():
            # Numbers of staff are names of users; short numbers are too much else.
            if kind is NameKind.USER and len(text) >= _NUMBER_LEAST:
                self._found.names.add(kind, text, how, before)
        elif kind is NameKind.HOST:
            self._host(text, how)
        elif kind is NameKind.DOMAIN:
            self._domain(text, how)
        elif how.startswith("local part") and folded in LABELS:
            return
        else:
            self._found.names.add(kind, text, how, before)

    def _host(self, text: str, how: str) -> None:
        label, dot, domain = text.partition(".")
        if not (label.casefold() in LABELS and dot) and not label.isdecimal():
            self._found.names.add(NameKind.HOST, label, how)
            if len(label) > _NETBIOS:
                self._found.names.add(NameKind.HOST, label[:_NETBIOS], f"{how}, cut as NetBIOS does")
        if dot:
            self._domain(domain, how)

    def _domain(self, text: str, how: str) -> None:
        if text.casefold() in KEY_ROOTS | {"com", "local", "localhost", "net", "org"}:
            return
        self._found.names.add(NameKind.DOMAIN, text, how)
        labels = text.split(".")
        for label in labels[:-1] if len(labels) > 1 else ():
            if label.casefold() not in LABELS and len(label) > _LEAST and not label.isdecimal():
                self._found.names.add(NameKind.DOMAIN, label, f"part of a domain; {how}")

    # --- what is known ------------------------------------------------------------------------------------------------

    def _concluded(self) -> None:
        """Nodes, names that look like nodes, groups."""
        analysis = analyse(self._case)
        evidence = analysis.evidence
        well_known = {row.name.casefold() for row in analysis.catalogue.profile.cluster_groups}
        for node in evidence.nodes:
            self._found.names.add(NameKind.NODE, node, "node")
        mailbox = (analysis.roles().group or "").casefold()
        for group in group_names(evidence.observations):
            if group.casefold() not in well_known:
                kind = NameKind.CMS if group.casefold() == mailbox else NameKind.GROUP
                self._add(kind, group, "cluster group")
        for alias in evidence.aliases:
            self._add(NameKind.HOST, alias, "computer of events, and no node")

    def _columns(self) -> None:
        """Columns that hold names of computers."""
        for table, column in (
            ("events", "computer"),
            ("events", "node"),
            ("evidence", "node"),
            ("file_versions", "node"),
        ):
            sql = f"SELECT DISTINCT [{column}] FROM [{table}] WHERE typeof([{column}]) = 'text'"  # noqa: S608
            for (text,) in self._case.rows(sql):
                self._add(NameKind.HOST, text, "computer of events")
        for name, text in self._case.rows("SELECT DISTINCT name, value FROM registry_values"):
            kind = FIELDS.get(str(name).casefold())
            if kind is not None and isinstance(text, str):
                self._add(kind, text, "value in the registry")
        sql = r"SELECT DISTINCT value FROM registry_values WHERE name = 'Name' AND key LIKE '%\Cluster\Groups\%'"
        for (text,) in self._case.rows(sql):
            if isinstance(text, str) and not own_phrase(text):
                self._add(NameKind.GROUP, text, "group in the registry")
        for (resource,) in self._case.rows(
            "SELECT resource FROM checkpoints UNION SELECT resource FROM checkpoint_sightings"
        ):
            if isinstance(resource, str):
                self._resource(resource)

    def _resource(self, text: str) -> None:
        for found in _RESOURCE.finditer(text):
            self._add(NameKind.CMS, found[1], "resource of the cluster")

    # --- events -------------------------------------------------------------------------------------------------------

    def _events(self) -> None:
        """Fields that hold names, and names by their form."""
        columns = ["source", "event_id", "names", "strings", "message", "user_sid", "payload", "log"]
        for batch in rows_with_text(self._case.connection, "events", columns):
            for _, (source, event_id, names, strings, message, *others) in batch:
                key = (source, event_id, names, strings)
                if isinstance(strings, str) and hash(key) not in self._seen:
                    self._remember(hash(key))
                    self._fields(str(source), event_id, names, strings)
                versions = str(source).casefold() == "msiinstaller"
                for text in (message, *others):
                    if isinstance(text, str):
                        self._text(text, versions=versions)

    def _remember(self, key: int) -> None:
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen.add(key)

    def _fields(self, source: str, event_id: object, names: object, strings: str) -> None:
        values = strings_from_json(strings)
        folded = source.casefold()
        places = PLACES.get((folded, event_id), {}) if isinstance(event_id, int) else {}
        labels = strings_from_json(names) if isinstance(names, str) else []
        for at, value in enumerate(values, 1):
            if not value:
                continue
            kind = places.get(at)
            label = labels[at - 1] if at <= len(labels) else None
            if kind is None and label:
                kind = FIELDS.get(label.replace(" ", "").casefold())
            if kind is not None and len(value) <= _MOST and "\n" not in value:
                self._add(kind, value, f"field of {source}")
            elif (account := is_account(value)) is not None:
                self._account(*account, "account of an event")
            self._text(value, versions=folded == "msiinstaller")

    def _account(self, domain: str, user: str, how: str) -> None:
        if domain.casefold() not in KEY_ROOTS | DOMAINS and not user.casefold().endswith((".exe", ".dll", ".sys")):
            self._add(NameKind.DOMAIN, domain, how)
            self._add(NameKind.USER, user, how, f"{domain}\\")

    # --- any text -----------------------------------------------------------------------------------------------------

    def _table(self, table: str, columns: list[str]) -> None:
        for batch in rows_with_text(self._case.connection, table, columns):
            for _, values in batch:
                for column, value in zip(columns, values, strict=True):
                    if isinstance(value, str):
                        for text in pieces(value, as_json=is_json(table, column)):
                            self._text(text)

    def _text(self, text: str, *, versions: bool = False) -> None:
        key = hash((text, versions))
        if len(text) <= _LEAST or key in self._seen:
            return
        self._remember(key)
        for reading in readings(text):
            for sign in signs(reading, versions=versions):
                self._add(sign.kind, sign.text, sign.how, sign.before)
            if "\\" in reading and len(self._accounts) < _CANDIDATES:
                self._accounts.update(accounts(reading))
        if "-" in text:
            self._found.like_pseudonyms.update(found.casefold() for found in _PSEUDONYM.findall(text))
        if "(" in text:
            self._resource(text)
        if "." in text and len(self._hosts) < _CANDIDATES:
            self._hosts.update(hosts(text))

    def _candidates(self) -> None:
        r"""Hosts of domains that are known, and accounts of them, in any text."""
        names = self._found.names
        domains = {name.text.casefold() for name in names if name.kind is NameKind.DOMAIN}
        for host in sorted(self._hosts):
            labels = host.casefold().split(".")
            # A suffix of two labels or more: `x.local` alone makes nothing a host.
            if any(".".join(labels[at:]) in domains for at in range(1, len(labels) - 1)):
                self._add(NameKind.HOST, host, "host of a known domain")
        domains |= {name.text.casefold() for name in names if name.kind in {NameKind.NODE, NameKind.HOST}}
        for domain, user in sorted(self._accounts):
            if domain.casefold() in domains:
                self._add(NameKind.USER, user, "account of a known domain", f"{domain}\\")
        for name in names:
            # `C:\Users\jdoe.CONTOSO`, `jdoe.000`: a second profile of the same name.
            user, _, rest = name.text.rpartition(".")
            if name.how == "profile path" and (rest.casefold() in domains or re.fullmatch(r"\d{3}", rest)):
                self._add(NameKind.USER, user, name.how)
