"""Where the evidence of a case lay, as seen from the case: kept so that a bundle finds the originals again.

Relative to the case's folder, so that a folder with a case and its evidence can move; never an absolute path, and never
part of a bundle.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from parsers.containers.folders import own_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forensics.case.store import Case

PLACES_SETTING: Final = "evidence_places"
_MOST: Final = 1000

Place = tuple[str, Path]
"""The name with which the logical paths of a piece of evidence begin, and where it lies."""


def keep_places(case: Case, paths: Iterable[Path]) -> None:
    """Remember where these PATHs of an ingest lie; part of the caller's transaction. What was known stays."""
    home = os.path.realpath(case.path.parent)
    places = set(_stored(case))
    for path in paths:
        try:
            places.add((own_name(path), Path(os.path.relpath(os.path.realpath(path), home)).as_posix()))
        except ValueError:  # another drive of Windows
            continue
    if places and len(places) <= _MOST:
        case.set_setting(PLACES_SETTING, json.dumps(sorted(places)))


def known_places(case: Case) -> list[Place]:
    """Where the evidence of a case lay when it was read; it need not be there any more."""
    home = os.path.realpath(case.path.parent)
    return [(name, Path(os.path.normpath(os.path.join(home, place)))) for name, place in _stored(case)]  # noqa: PTH118


def _stored(case: Case) -> list[tuple[str, str]]:
    try:
        return msgspec.convert(json.loads(case.setting(PLACES_SETTING) or "[]"), list[tuple[str, str]])
    except ValueError:
        return []
