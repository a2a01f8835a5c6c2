"""Lines of listings, whatever their encoding, and the paths in them."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_MAX: Final = 64 << 10
"""No honest line is longer."""


def lines(stream: BinaryIO) -> Iterator[tuple[int, str]]:
    """Offset and text of each line; of one beyond any honest length the rest comes as a further line."""
    start = stream.read(2)
    wide = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(start)
    if wide is not None:
        reader = codecs.getreader(wide)(stream, "replace")
        while line := reader.readline(LINE_MAX):
            yield stream.tell(), line
        return
    stream.seek(0)
    at = 0
    while raw := stream.readline(LINE_MAX):
        try:
            yield at, raw.decode("utf-8-sig" if at == 0 else "utf-8")
        except UnicodeDecodeError:
            yield at, raw.decode("latin-1")
        at += len(raw)


def logical_path(name: str) -> str:
    """A path with slashes, a drive as a folder, and without parts that lead elsewhere."""
    parts = name.replace("\\", "/").split("/")
    clean = [part.rstrip(":") if at == 0 else part for at, part in enumerate(parts)]
    return "/".join(part for part in clean if part not in {"", ".", ".."})
