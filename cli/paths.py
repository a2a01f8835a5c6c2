"""What a command checks about the paths that it was given, before it makes or reads anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.errors import CaseExistsError, CaseInsideEvidenceError, CcrfError, FailedError, MissingPathError

if TYPE_CHECKING:
    from collections.abc import Sequence


class NoEvidenceError(CcrfError):
    """The paths hold no file: done, and nothing was found."""

    exit_code = 3

    def __str__(self) -> str:
        """One line for people."""
        return f"{super().__str__()}: there are no files here"


def require_evidence(paths: Sequence[Path]) -> None:
    """Raise `MissingPathError` for the first path that is not there, `FailedError` for one that cannot be looked at."""
    for path in paths:
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise MissingPathError(path) from None
        except OSError as error:
            raise FailedError(f"{path}: {error.strerror}") from error


def refuse_case_in_evidence(case: Path, paths: Sequence[Path]) -> None:
    """Raise `CaseInsideEvidenceError` where the case is, or would lie in, one of the paths.

    Decided on the real files, not on their names: symbolic links, other spellings and mounts of a folder are seen
    through. The paths exist; the case need not.
    """
    real = Path(os.path.realpath(case))
    places = [place for place in (real, *real.parents) if place.exists()]
    for path in paths:
        if any(os.path.samefile(place, path) for place in places):  # noqa: PTH121  (both may be anything)
            raise CaseInsideEvidenceError(case, path)


def require_files(paths: Sequence[Path]) -> None:
    """Raise `NoEvidenceError` where there is no file at or below any of the paths: nothing need be made for that."""
    for path in paths:
        if not path.is_dir() or any(files for _, _, files in os.walk(path)):
            return
    raise NoEvidenceError(", ".join(map(str, paths)))


def refuse_existing_case(case: Path) -> None:
    """Raise `CaseExistsError` where anything, be it a dangling link, has the name of a case that is to be made."""
    if os.path.lexists(case):
        raise CaseExistsError(case)
