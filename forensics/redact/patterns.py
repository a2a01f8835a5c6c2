r"""Names that show by their form, wherever they stand: addresses, SIDs, paths, distinguished names.

What a form promises is not always there: four numbers with dots can be a version, `Files\Microsoft` is no account. What
needs other names to be told is given as a candidate.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from forensics.redact.model import NameKind
from forensics.redact.wellknown import CONTAINERS, PUBLIC, SHARES

if TYPE_CHECKING:
    from collections.abc import Iterator

_SMTP: Final = re.compile(r"(?<![\w.+-])([\w.+'=-]{1,64})@((?:[\w-]{1,63}\.){1,8}[A-Za-z][\w-]{1,62})(?![\w-])")
_IPV4: Final = re.compile(r"(?<![^\W_])(?<!\.)(?:\d{1,3}\.){3}\d{1,3}(?![^\W_]|\.\d)", re.ASCII)
_VERSION: Final = re.compile(r"(?:version|ver\.?|build|v)[\s:=\"']*\Z", re.IGNORECASE)
_IPV6: Final = re.compile(r"(?<![0-9A-Fa-f:.])[0-9A-Fa-f:]{2,41}(?:(?:\d{1,3}\.){3}\d{1,3})?(?![^\W_]|:)", re.ASCII)
_SID: Final = re.compile(r"(?<![^\W_])S-1-5-21(?:-\d{1,10}){3,5}(?![^\W_]|-\d)", re.ASCII | re.IGNORECASE)
_UNC: Final = re.compile(
    r"(?<![\\:\w])\\\\(?:\?\\UNC\\|(?![.?]\\))(\w[\w.-]{0,253})(?:\\([^\\/:*?\"<>|\x00-\x1f]{1,80}))?",
    re.IGNORECASE,
)
_URL: Final = re.compile(
    r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,15}://(?:[^\s/@]{0,80}@)?([A-Za-z0-9][\w.-]{0,253})"
)
# German systems of 2003 have a folder of their own name; `DOCUME~1` is the short one, as in TEMP.
_PROFILES: Final = r"(?:documents and settings|docume~\d|dokumente und einstellungen|dokume~\d|users|profiles)"
_PROFILE: Final = re.compile(rf"({_PROFILES}[\\/])([^\\/:*?\"<>|\x00-\x1f]{{1,64}})(?=[\\/])", re.IGNORECASE)
_PROFILE_END: Final = re.compile(
    rf"(?<=[\\/])({_PROFILES}[\\/])(?:([^\\/:*?\"<>|\x00-\x1f]{{1,64}})(?=[\"\r\n]|\Z)|([\w.$-]{{1,64}})(?![\w\\/.$-]))",
    re.IGNORECASE,
)
_DN: Final = re.compile(
    r"(?<![A-Za-z])(cn|ou|dc|o|uid)=(?:\"([^\"\r\n\x00]{1,100})\"|((?:[^,/;\"\\=<>+\r\n\x00]|\\[^\r\n]){1,100}))",
    re.IGNORECASE,
)
_ACCOUNT: Final = re.compile(r"(?<![\w\\.:/-])([A-Za-z0-9][\w.-]{0,63})\\([\w.$'-]{1,64})(?![\w\\])")
_WHOLE_ACCOUNT: Final = re.compile(r"([A-Za-z0-9][\w.-]{0,63})\\([^\\/\"\[\]:;|=,+*?<>@\x00-\x1f]{1,64})")
_HOST: Final = re.compile(r"(?<![\w.@-])(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8}[A-Za-z][A-Za-z0-9-]{1,62}(?![\w-])")
_DN_KINDS: Final = {"cn": NameKind.NAME, "uid": NameKind.USER, "ou": NameKind.ORG, "o": NameKind.ORG}


class Sign(NamedTuple):
    """A name that its form shows.

    Attributes:
        kind: what it names.
        text: it.
        how: which form.
        before: what stands before it there, for a name that is an ordinary word.
    """

    kind: NameKind
    text: str
    how: str
    before: str | None = None


def readings(text: str) -> Iterator[str]:
    """A text, and what it says where names in it are escaped: backslashes doubled, letters as `%5C`."""
    yield text
    if "\\\\" in text:
        yield text.replace("\\\\", "\\")
    if "%" in text and (plain := unquote(text)) != text:
        yield plain


def signs(text: str, *, versions: bool = False) -> Iterator[Sign]:
    """The names that a text shows; `versions`: four numbers with dots are a version there."""
    if "@" in text:
        for found in _SMTP.finditer(text):
            yield Sign(NameKind.MAILBOX, found[0], "SMTP address")
            yield Sign(NameKind.MAILBOX, found[1], "local part of an SMTP address")
            yield Sign(NameKind.DOMAIN, found[2], "domain of an SMTP address")
    if "1-5-21" in text:
        for found in _SID.finditer(text):
            yield Sign(NameKind.SID, found[0], "SID")
    yield from _addresses(text, versions=versions)
    if "\\" in text or "/" in text:
        yield from _in_paths(text)
    if "=" in text:
        yield from _in_names(text)


def _addresses(text: str, *, versions: bool) -> Iterator[Sign]:
    if not versions and "." in text:
        for found in _IPV4.finditer(text):
            if is_address(found[0]) and not _VERSION.search(text, max(0, found.start() - 12), found.start()):
                yield Sign(NameKind.ADDRESS, found[0], "IPv4 address")
    if text.count(":") > 1:
        for found in _IPV6.finditer(text):
            # `Address:fd00::1`, `fd00::1: no answer`
            for address in dict.fromkeys((found[0], found[0].removeprefix(":"), found[0].removesuffix(":"))):
                if is_address(address):
                    yield Sign(NameKind.ADDRESS, address, "IPv6 address")


def accounts(text: str) -> Iterator[tuple[str, str]]:
    r"""What may be a domain and an account: `CONTOSO\name`."""
    for found in _ACCOUNT.finditer(text):
        yield found[1], found[2].rstrip(".'")


def hosts(text: str) -> Iterator[str]:
    """What may be a host name with its domain, and is more often the name of a file."""
    for found in _HOST.finditer(text):
        yield found[0]


def is_account(text: str) -> tuple[str, str] | None:
    """Domain and account of a text that is nothing else."""
    found = _WHOLE_ACCOUNT.fullmatch(text)
    return (found[1], found[2]) if found else None


def is_address(text: str) -> bool:
    """Whether a text is the address of a machine somewhere, and not of every machine or of none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not (address.is_loopback or address.is_unspecified or int(address) >> 24 in {0, 255})
    # What is in use: global, unique local, link and site local, mapped. A process and a date (`a1c::2008`) look like
    # others.
    first = int(address) >> 112
    used = first >> 13 == 1 or first >> 9 == 0x7E or first >> 7 == 0x1FD
    return used or (address.ipv4_mapped is not None and is_address(str(address.ipv4_mapped)))


def _in_paths(text: str) -> Iterator[Sign]:
    for found in _UNC.finditer(text):
        yield Sign(NameKind.HOST, found[1], "server of a UNC path")
        share = (found[2] or "").strip()
        if share and share.casefold() not in SHARES and not re.fullmatch(r"[A-Za-z]\$", share):
            yield Sign(NameKind.SHARE, share, "share of a UNC path")
    for found in _URL.finditer(text):
        if not f".{found[1]}".rstrip(".").casefold().endswith(PUBLIC):
            yield Sign(NameKind.HOST, found[1], "host of a URL")
    for found in _PROFILE.finditer(text):
        yield Sign(NameKind.USER, found[2].strip(), "profile path", found[1])
    for found in _PROFILE_END.finditer(text):
        # `C:\Users\Anna Bell` is a path to its end, `the path C:\Users\anna was not found` is not.
        whole = found[2] if found.start() <= len("C:\\") or text[found.end() :][:1] == '"' else None
        user = whole or re.split(r"[\s,;)]", found[2] or found[3])[0].rstrip(".'")
        yield Sign(NameKind.USER, user.strip(), "profile path", found[1])


def _in_names(text: str) -> Iterator[Sign]:
    labels: list[str] = []
    end = -2
    for found in _DN.finditer(text):
        value = (found[2] or found[3]).strip()
        kind = found[1].lower()
        if kind == "dc":
            # The labels of one domain stand beside each other.
            labels = [*labels, value] if found.start() <= end + 2 and labels else [value]
            end = found.end()
            if re.match(r"\s*,\s*dc=", text[end : end + 8], re.IGNORECASE) is None:
                yield Sign(NameKind.DOMAIN, ".".join(labels), "distinguished name")
                labels = []
        elif value.casefold() not in CONTAINERS:
            yield Sign(_DN_KINDS[kind], value, "distinguished name")
            plain = re.sub(r"\\(.)", r"\1", value)
            last, comma, first = plain.partition(",")
            if plain != value:
                yield Sign(_DN_KINDS[kind], plain, "distinguished name")
            if comma and last.strip() and first.strip():
                yield Sign(_DN_KINDS[kind], f"{first.strip()} {last.strip()}", "distinguished name, turned round")
