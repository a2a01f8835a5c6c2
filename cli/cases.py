"""Opening a case for a command."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from forensics.case.store import Case


@contextmanager
def open_case(path: Path, *, write: bool = False) -> Iterator[Case]:
    """The case at `path`, for reading or also for writing; raises the errors of `forensics.case.store.Case.open`."""
    from forensics.case.store import Case  # noqa: PLC0415  (its libraries cost 0.2 s, and help does not need them)

    case = Case.open(path, write=write)
    try:
        yield case
    except BaseException as error:
        # A search that broke off in the middle (`... | head`) hangs on the frames of the error; it has to end before
        # its connection is closed, or the interpreter complains about it.
        traceback.clear_frames(error.__traceback__)
        raise
    finally:
        case.close()
