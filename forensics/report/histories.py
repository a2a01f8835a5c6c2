"""What became of each file, line by line, and the letters by which the page calls their contents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.files.telling import KIND_WORDS
from forensics.report.model import HistoryPart, HistoryRow, Some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from forensics.files.analyse import FileAnalysis
    from forensics.files.model import FileEvidence, FileHistory

_MOST: Final = 60
_DONE: Final = {
    "edit": "saved",
    "install": "installed",
    "rebuild": "rebuilt",
    "restore": "restored",
    "copy": "copied",
    "unknown": "changed",
}
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def letters_of(files: FileEvidence | None, losses: FileAnalysis | None) -> dict[tuple[str, str], str]:
    """(file, hash) -> a letter, in the order in which the contents of that file came into being; then those of sets."""
    found: dict[tuple[str, str], str] = {}
    number: dict[str, int] = {}
    for name, sha256 in _contents(files, losses):
        if sha256 is not None and (name, sha256) not in found:
            found[name, sha256] = _letter(number.get(name, 0))
            number[name] = number.get(name, 0) + 1
    return found


def _contents(files: FileEvidence | None, losses: FileAnalysis | None) -> Iterator[tuple[str, str | None]]:
    for history in losses.histories if losses else ():
        for edit in history.edits:
            yield history.name, edit.version.sha256
    for one in losses.findings if losses else ():
        yield one.file, one.lost.sha256
        if one.current is not None:
            yield one.file, one.current.sha256
    for one_set in files.sets if files else ():
        for name, file in sorted(one_set.files.items()):
            yield name, file.version.sha256
    for _, live in sorted(files.live.items()) if files else ():
        for name, file in sorted(live.items()):
            yield name, file.version.sha256


def _letter(number: int) -> str:
    """A, B, ... Z, AA, AB ..."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, len(_ALPHABET))
        letters = _ALPHABET[rest] + letters
    return letters


def history_parts(losses: FileAnalysis | None, words: tuple[str, ...]) -> tuple[HistoryPart, ...]:
    """The history of every file, changes and losses in their order; of a long one the last lines."""
    return tuple(_part(one, words) for one in (losses.histories if losses else ()))


def _part(history: FileHistory, words: tuple[str, ...]) -> HistoryPart:
    rows = sorted(_rows(history), key=lambda row: (row.time or 0, row.finding is not None))
    return HistoryPart(history.name, Some(tuple(rows[-_MOST:]), max(0, len(rows) - _MOST), words), history.notes)


def _rows(history: FileHistory) -> Iterable[HistoryRow]:
    for edit in history.edits:
        yield HistoryRow(edit.time, edit.node, _DONE.get(edit.how, edit.how), edit, None, edit.why)
    for one in history.findings:
        what = f"{KIND_WORDS[one.kind]}, mended since" if one.mended else KIND_WORDS[one.kind]
        yield HistoryRow(one.latest, one.node, what, None, one, one.why)


def letter(letters: Mapping[tuple[str, str], str], name: str, sha256: str | None) -> str:
    """The letter of a content; "" where its bytes are not known."""
    return "" if sha256 is None else letters.get((name, sha256), "")
