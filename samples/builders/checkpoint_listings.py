"""What commands on checkpoints print, as far as it is known: headings, columns of a width, names cut or wrapped.

The output of `cluster res /check` is not documented; these are the forms that a tolerant reader has to take.
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple

WIDTH = 20


class Words(NamedTuple):
    """The words of a machine's language."""

    listing: str
    everything: str
    resource: str
    registry: str
    crypto: str


ENGLISH = Words(
    "Listing {kind} checkpoints for resource '{name}'...",
    "Listing {kind} checkpoints for all resources...",
    "Resource",
    "Registry Checkpoint",
    "Crypto Checkpoint",
)
GERMAN = Words(
    "Die {kind}-Pr\u00fcfpunkte der Ressource \u201e{name}\u201c werden aufgelistet...",
    "Die {kind}-Pr\u00fcfpunkte aller Ressourcen werden aufgelistet...",
    "Ressource",
    "Registrierungspr\u00fcfpunkt",
    "Kryptopr\u00fcfpunkt",
)


def check(
    rows: list[tuple[str, str]],
    *,
    name: str | None = None,
    crypto: bool = False,
    words: Words = ENGLISH,
    form: str = "cut",
    heading: bool = True,
    width: int = WIDTH,
) -> str:
    """What `cluster res ["NAME"] /check` prints of (resource, key).

    `form`: `cut` at the column's width; `wrapped` with the key on the first line; `stacked` with it on the last one;
    `bare`: cut, and the key without quotes.
    """
    kind = "crypto" if crypto else "registry"
    lines = [""]
    if heading:
        lines += [(words.everything if name is None else words.listing).format(kind=kind, name=name), ""]
    lines += [f"{words.resource.ljust(width)} {words.crypto if crypto else words.registry}"]
    lines += [f"{'-' * width} {'-' * 56}"]
    for resource, key in rows:
        parts = textwrap.wrap(resource, width) if form in {"wrapped", "stacked"} else [resource[:width]]
        shown = key if form == "bare" else f"'{key}'"
        at = len(parts) - 1 if form == "stacked" else 0
        lines += [f"{part.ljust(width)} {shown}" if one == at else part for one, part in enumerate(parts)]
    return "\r\n".join([*lines, ""])


def cmdlet(rows: list[tuple[str, str]], *, form: str = "table", width: int = 0) -> str:
    """What `Get-ClusterCheckpoint` prints: a table (cut to `width` with dots, where one is given) or a list."""
    if form == "list":
        return "\r\n" + "".join(f"\r\nResource : {resource}\r\nName     : {key}\r\n" for resource, key in rows)
    names = max([len("Resource"), *(len(resource) for resource, _ in rows)])
    names = min(names, width // 2) if width else names

    def cell(text: str, room: int) -> str:
        return text if not room or len(text) <= room else text[: room - 3] + "..."

    lines = ["", f"{'Resource'.ljust(names)} Name", f"{'--------'.ljust(names)} ----"]
    lines += [
        f"{cell(resource, names).ljust(names)} {cell(key, width - names - 1 if width else 0)}" for resource, key in rows
    ]
    return "\r\n".join([*lines, "", ""])


def transcript(*parts: tuple[str, str], prompt: str = "C:\\>") -> str:
    """A console's transcript: commands, each with what it printed."""
    return "".join(f"{prompt}{command}\r\n{output}\r\n" for command, output in parts) + prompt
