"""The page: templates, style and script in one file that needs no network and lets nothing else run.

The policy allows exactly the style sheet and the script that are in the page, by their hashes, and nothing from
anywhere. Every expression of every template is escaped (autoescape is always on), whatever it holds.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from forensics import __version__
from forensics.files.telling import KIND_WORDS, listed
from forensics.report import words
from forensics.report.histories import letter
from forensics.report.markup import Marker, anchor, command, moment, safe, short_moment, size
from forensics.text import counted
from parsers.times import TICKS_PER_SECOND, iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forensics.report.model import Report

FILE_NAME: Final = "report.html"
"""What the page is called in the folder that the user names."""


def render(report: Report) -> bytes:
    """The page, UTF-8. The same report gives the same bytes."""
    marker = Marker(frozenset(_places(report)))
    style, script = _asset("report.css"), _asset("report.js")
    environment = _environment()
    template = environment.get_template("report.html.j2")
    page = template.render(
        report=report,
        style=Markup(style),  # noqa: S704 - a file of this package
        script=Markup(script),  # noqa: S704 - likewise
        policy=_policy(style, script),
        version=__version__,
        mark=marker,
        words=words,
        kind_words=KIND_WORDS,
        events={one.ref: one for one in report.events},
        prose=marker.prose,
        ref=marker.ref,
    )
    # Lone surrogates, which no encoding can write, were made visible by `safe`.
    return page.encode("utf-8")


def _policy(style: str, script: str) -> str:
    """https://www.w3.org/TR/CSP3/: nothing is loaded, sent or framed; two inline blocks are known by their hashes."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    # A parser of HTML reads a line end of Windows as a line feed, and hashes that.
    return (files("forensics.report") / "templates" / name).read_text(encoding="utf-8").replace("\r\n", "\n")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("forensics.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=safe,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Any] = {
        "moment": moment,
        "short": short_moment,
        "iso": iso_utc,
        "size": size,
        "command": command,
        "anchor": anchor,
        "counted": counted,
        "listed": listed,
        "num": _number,
        "fraction": _fraction,
        "seconds": _seconds,
    }
    environment.filters |= filters
    environment.globals["letter"] = letter
    return environment


def _number(value: float) -> str:
    """A length of the drawing, as short as it is exact to a thousandth."""
    return f"{value:.3f}".rstrip("0").rstrip(".") or "0"


def _fraction(value: float) -> str:
    """A place in time as a fraction, exact to a millisecond in a month."""
    return f"{value:.10f}".rstrip("0").rstrip(".") or "0"


def _seconds(ticks: int) -> str:
    """A duration in words: `21.0 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = ticks / TICKS_PER_SECOND
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _places(report: Report) -> Iterator[str]:
    """The references that the page has a place for."""
    for rows in (report.moves, report.intervals, report.conflicts, report.sets, report.checkpoints):
        yield from (one.id for one in rows.rows)
    yield from (one.finding.id for one in report.findings.rows)
    yield from (f"check:{one.id}" for one in report.checks)
    yield from (one.ref for one in report.events)
    yield from (one.ref for one in report.files)
