"""The one tree of errors, each with the exit code that the command line gives for it.

| class                     | exit | means                                                               |
|---------------------------|------|---------------------------------------------------------------------|
| `FailedError`             | 1    | the work could not be done: full disk, I/O error, locked case       |
| `UsageError`              | 2    | wrong usage; nothing was changed                                    |
| `  MissingPathError`      | 2    | a path that was named does not exist                                |
| `  NotACaseError`         | 2    | no case at the place where one was expected                         |
| `  CaseVersionError`      | 2    | a case of another version of the program                            |
| `  ProfileError`          | 2    | a profile that cannot be read, with the line and the field          |
| `StrictDamageError`       | 3    | `ingest --strict` met the first damage                              |
| `RefusedError`            | 4    | a safety guard said no; nothing was changed                         |
| `  CaseExistsError`       | 4    | a new case was asked for where something is already                 |
| `  CaseInsideEvidenceError` | 4  | the case would be written into the evidence                         |

Every message is one line, names the path and says what to do. All can be pickled, so a worker process can raise them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


def one_line(value: object) -> str:
    """`value` as text without line breaks, control, bidirectional or undecodable characters: they become escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(value))


class CcrfError(Exception):
    """What the program says to its user instead of a traceback. `str()` is the sentence, `exit_code` the code."""

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        """One line for people."""
        return one_line(" ".join(map(str, self.args)))


class FailedError(CcrfError):
    """The work could not be done, though it was asked for rightly."""

    exit_code = 1


class UsageError(CcrfError):
    """The command cannot mean what was typed."""

    exit_code = 2


class MissingPathError(UsageError):
    """A path that the user named does not exist."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        """One line for people."""
        return f"{one_line(self.path)}: there is no such file or folder; check the path"


class NotACaseError(UsageError):
    """The file named as a case is none. `reason` completes the sentence "it ...", such as "is a folder"."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        """One line for people."""
        return f"{one_line(self.path)} is not a case: it {one_line(self.reason)}; 'ccrf ingest CASE PATH' makes a case"


class CaseVersionError(UsageError):
    """The case was made by a newer program, or by one too old for this one. `found`, `supported`: schema versions."""

    def __init__(self, path: Path | str, found: int, supported: int) -> None:
        super().__init__(path, found, supported)
        self.path = path
        self.found = found
        self.supported = supported

    def __str__(self) -> str:
        """One line for people."""
        head = f"{one_line(self.path)} has case format {self.found}, this program reads {self.supported}"
        if self.found > self.supported:
            return f"{head}: a newer ccrf made it; update ccrf"
        return f"{head}: an older ccrf made it; ingest the evidence into a new case"


class ProfileError(UsageError):
    """A profile that cannot be used. `where`: file, line and field as far as they are known."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        """One line for people."""
        return f"{one_line(self.where)}: {one_line(self.reason)}"


class StrictDamageError(CcrfError):
    """`ingest --strict` stopped at the first damage."""

    exit_code = 3


class RefusedError(CcrfError):
    """A safety guard refused; nothing was changed."""

    exit_code = 4


class CaseExistsError(RefusedError):
    """A new case was asked for at a path where something is already."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        """One line for people."""
        return f"{one_line(self.path)} exists already; name another file with --case, or move it away"


class CaseInsideEvidenceError(RefusedError):
    """The case would lie inside the evidence, which is never written to."""

    def __init__(self, case: Path | str, evidence: Path | str) -> None:
        super().__init__(case, evidence)
        self.case = case
        self.evidence = evidence

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"{one_line(self.case)} would lie inside the evidence {one_line(self.evidence)},"
            " which is never written to; name a case elsewhere"
        )
