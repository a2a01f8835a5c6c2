"""What text becomes in the page: times, references and commands marked up, everything else escaped.

Text from evidence goes through `printable`, so that no character hides or turns round what stands beside it, and
through the escaping of `markupsafe`. Only what this module writes itself is markup.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from forensics.text import printable
from parsers.times import iso_utc

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
_REFERENCE = r"\b(?:event|file|backup|overwrite|transition|role|conflict|checkpoint):[1-9]\d{0,17}\b"
_MARKED: Final = re.compile(f"(?P<time>{_ISO})|(?P<ref>{_REFERENCE})|`(?P<code>[^`]{{1,200}})`", re.ASCII)
_ANCHOR: Final = re.compile(r"[a-z]+:[A-Za-z0-9]{1,20}", re.ASCII)


def safe(value: Any) -> Any:
    """What an expression of a template gives, made safe to show; the template escapes it then. Markup stays."""
    if value is None:
        return ""
    if isinstance(value, Markup):
        return value
    return printable(value) if isinstance(value, str) else printable(str(value))


def anchor(ref: str) -> str:
    """The id of the element that a reference is; "" for what is no reference."""
    return ref.replace(":", "-") if _ANCHOR.fullmatch(ref) else ""


def moment(value: int | str | None) -> Markup:
    """A time as the program writes it, whole and to be copied, with its fraction in the background; "" for none."""
    text = iso_utc(value) if isinstance(value, int) else value
    if not text:
        return Markup("")
    if not re.fullmatch(_ISO, text, re.ASCII):
        return escape(safe(text))
    parts = text, text[:10], text[11:19], text[19:]
    return Markup('<time datetime="{}">{}<span class="q">T</span>{}<span class="q">{}</span></time>').format(*parts)


def short_moment(value: int | str | None) -> Markup:
    """A time to the second, for sentences; the element has all of it."""
    text = iso_utc(value) if isinstance(value, int) else value
    if not text:
        return Markup("")
    return Markup('<time datetime="{}">{} {}</time>').format(text, text[:10], text[11:19])


def size(value: int | None) -> str:
    """`1,024 bytes`."""
    return "" if value is None else f"{value:,} byte{'' if value == 1 else 's'}"


def command(words: Sequence[str]) -> Markup:
    """A command line as it is typed."""
    return Markup("<code>{}</code>").format(printable(shlex.join(words)))


class Marker:
    """Marks up sentences of this program; knows which references the page has a place for."""

    def __init__(self, places: Collection[str]) -> None:
        self._places = places

    def ref(self, ref: str) -> Markup:
        """A reference, as a link where the page has a place for it."""
        if ref in self._places and (name := anchor(ref)):
            return Markup('<a class="ref" href="#{}">{}</a>').format(name, ref)
        return Markup('<span class="ref">{}</span>').format(printable(ref))

    def has(self, ref: str) -> bool:
        """Whether the page has a place for it."""
        return ref in self._places

    def prose(self, text: str) -> Markup:
        """A sentence with its times, references and `commands` marked up."""
        parts, end = [], 0
        for found in _MARKED.finditer(text):
            parts.append(escape(printable(text[end : found.start()])))
            if found["time"]:
                parts.append(short_moment(found["time"]))
            elif found["ref"]:
                parts.append(self.ref(found["ref"]))
            else:
                parts.append(Markup("<code>{}</code>").format(printable(found["code"])))
            end = found.end()
        parts.append(escape(printable(text[end:])))
        return Markup("").join(parts)
