"""JSON Lines as Timesketch takes them: https://timesketch.org/guides/user/import-from-json-csv/.

Mandatory there: `message`, `datetime`, `timestamp_desc`; `timestamp` is Unix time in microseconds. A row without a time
gets the beginning of 1970 and the words that plaso has for it ("Not a time"), because a row without one is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from forensics.text import printable_json
from parsers.times import UNIX_EPOCH_AS_FILETIME, iso_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from forensics.export.rows import ExportRow
    from forensics.forms import Json

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_encode = msgspec.json.Encoder().encode


def timesketch_lines(rows: Iterable[ExportRow]) -> Iterator[str]:
    """A line of JSON for each row; fields that a row does not have are left out.

    A lone surrogate is written as six visible characters: JSON could hold it, the index behind Timesketch could not.
    """
    for row in rows:
        yield _line(_document(row))


def _document(row: ExportRow) -> dict[str, Json]:
    ticks = UNIX_EPOCH_AS_FILETIME if row.time is None else row.time
    document: dict[str, Json] = {
        "message": row.message,
        "datetime": (iso_utc(ticks) or "").replace("Z", "+00:00"),
        "timestamp": ticks // 10 - UNIX_EPOCH_AS_FILETIME // 10,
        "timestamp_desc": row.what,
        "data_type": row.sort.data_type,
        "parser": row.sort.parser,
        "source_short": row.sort.source,
        "source_long": row.sort.source_long,
        "hostname": row.node,
        "user_sid": row.user,
        "filename": row.filename,
        "display_name": row.filename,
        "tag": row.tags or None,
        **row.fields,
    }
    return {name: value for name, value in document.items() if value is not None}


def _line(document: dict[str, Json]) -> str:
    try:
        text = _encode(document).decode("utf-8")
    except UnicodeEncodeError:
        text = _encode({name: _visible(value) for name, value in document.items()}).decode("utf-8")
    return printable_json(text) + "\n"


def _visible(value: Json) -> Json:
    if isinstance(value, str):
        return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", value)
    return [_visible(item) for item in value] if isinstance(value, list) else value
