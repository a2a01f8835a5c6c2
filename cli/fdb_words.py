"""What is said of .fdb files, in words and tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.output import Column, Format, Row, emit_heading, emit_line, emit_rows
from forensics.text import counted, shortened

if TYPE_CHECKING:
    from cli.options import Clock

# Strings that the sentence of a comparison names, and their characters.
_NAMED, _NAMED_WIDTH = 5, 60
_TEXT_WIDTH = 200
_LEVELS = {
    "constant": "one value only",
    "low": "low",
    "middle": "middle",
    "high": "high, as of compressed or encrypted data",
}
_KIND_STYLES = {"changed": "yellow", "moved": "cyan", "unchanged": "dim"}


def tell_survey(row: dict[str, Any] | Row, clock: Clock, most: int) -> None:
    """Print what `cli.fdb.survey_row` holds; of each list at most `most` rows, but all the strings that it has."""
    data: Any = row
    container = data["container"]
    emit_line(f"{data['file']}: {counted(data['size'], 'byte')}, {container['name']}")
    if data["warning"]:
        emit_line(f"Warning: {data['warning']}")
    if data["path"]:
        emit_line(f"in the evidence: {data['path']}" + (f", node {data['node']}" if data["node"] else ""))
    if data["modified"]:
        emit_line(f"last modified: {clock.show(data['modified'])}")
    emit_line(f"SHA-256: {data['sha256']}")
    for name, value in container["facts"].items():
        emit_line(f"{name.replace('_', ' ')}: {value}")
    for problem in data["problems"]:
        emit_line(f"Problem at {problem['offset']:,}: {problem['detail']}")
    if data["size"]:
        _tell_entropy(data["entropy"], most)
        _tell_strings(data["strings"])
        _tell_times(data["time_candidates"], clock, most)
    emit_line("")
    emit_line(data["note"])


def _tell_entropy(entropy: Any, most: int) -> None:
    emit_heading("Entropy")
    sampled = ", measured on the beginning of each" if entropy["sampled"] else ""
    size = f"{entropy['block_size']:,}"
    emit_line(f"{entropy['bits_per_byte']:.2f} bits a byte; by blocks of {size} bytes{sampled}:")
    columns = [
        Column("offset", lambda area: f"{area['offset']:,}", right=True),
        Column("bytes", lambda area: f"{area['length']:,}", right=True),
        Column("bits", lambda area: _span(area["min"], area["max"]), right=True),
        Column("level", lambda area: _LEVELS[str(area["level"])], long=True),
    ]
    _listed(entropy["areas"], columns, most)


def _span(least: Any, most: Any) -> str:
    return f"{least:.2f}" if least == most else f"{least:.2f} to {most:.2f}"


def _tell_strings(strings: Any) -> None:
    emit_heading("Strings")
    found, items = strings["found"], strings["items"]
    shown = f", the first {len(items):,} of them" if 0 < len(items) < found else ""
    emit_line(f"{found:,} of at least {counted(strings['min_length'], 'character')}{shown}")
    _listed(items, _string_columns(), len(items))


def _string_columns() -> list[Column]:
    return [
        Column("offset", lambda one: f"{one['offset']:,}", right=True),
        Column("encoding", lambda one: str(one["encoding"])),
        Column("text", lambda one: shortened(str(one["text"]), _TEXT_WIDTH), long=True),
    ]


def _tell_times(times: Any, clock: Clock, most: int) -> None:
    emit_heading("Values that could be times (candidates, not times)")
    told = [
        f"{form.replace('_', ' ')}: {number:,}, {times['expected_by_chance'][form]:,} expected by chance"
        for form, number in times["found"].items()
        if number
    ]
    emit_line("; ".join(told) or "none")
    # What random bytes have as well says nothing, and would fill the screen.
    telling = [one for one in times["items"] if _beyond_chance(times, one["as"])]
    columns = [
        Column("offset", lambda one: f"{one['offset']:,}", right=True),
        Column("read as", lambda one: str(one["as"]).replace("_", " ")),
        Column("would be", lambda one: clock.show(one["time"])),
    ]
    _listed(telling, columns, most)
    if len(telling) < len(times["items"]):
        emit_line("Those that chance explains are not listed.")


def _beyond_chance(times: Any, form: str) -> bool:
    return bool(times["found"][form] > 2 * times["expected_by_chance"][form])


def tell_difference(row: dict[str, Any] | Row, clock: Clock, most: int) -> None:
    """Print what `cli.fdb.difference_row` holds; of the ranges at most `most`, the changed and moved ones."""
    data: Any = row
    for name in ("a", "b"):
        one = data[name]
        parts = [one["path"] or one["file"], one["node"], counted(one["size"], "byte"), one["sha256"][:12]]
        when = f"modified {clock.show(one['modified'])}" if one["modified"] else None
        emit_line(f"{name.upper()}: " + ", ".join(part for part in (*parts, when) if part))
    if data["warning"]:
        emit_line(f"Warning: {data['warning']}")
    emit_line(in_words(data))
    if data["identical"]:
        return
    if data["summary"]["coarse"]:
        emit_line("There was more to search than is worth it: some of what is called changed may stand elsewhere.")
    _tell_ranges(data["ranges"], most)
    for name, title in (("gone", "Strings that went"), ("new", "Strings that appeared")):
        items, found = data["strings"][name], data["strings"][f"{name}_found"]
        if not found:
            continue
        emit_heading(title)
        _listed(items, _string_columns(), len(items))
        if len(items) < found:
            emit_line(f"... {found - len(items):,} more, use --strings")
    if not data["strings"]["complete"]:
        emit_line("There are more strings in what changed than were compared.")
    emit_line("")
    emit_line(data["note"])


def in_words(data: Any) -> str:
    """The comparison in one sentence or two."""
    size = counted(data["b"]["size"], "byte")
    if data["identical"]:
        return f"The same {size}: the contents are identical."
    summary = data["summary"]
    changed, moved = summary["changed"], summary["moved"]
    amounts = (
        f"{size}, {counted(changed['ranges'], 'changed range')}"
        f" ({summary['removed_bytes']:,} bytes gone, {summary['new_bytes']:,} new), {moved['ranges']:,} moved"
        f" ({moved['bytes']:,} bytes), {summary['unchanged']['bytes']:,} bytes unchanged"
    )
    strings = [
        f"strings {name}: {_named(data['strings'], name)}"
        for name in ("gone", "new")
        if data["strings"][f"{name}_found"]
    ]
    return "; ".join([amounts, *strings]) + "."


def _named(strings: Any, name: str) -> str:
    items, found = strings[name][:_NAMED], strings[f"{name}_found"]
    if not items:
        return f"{found:,}"
    shown = ", ".join(f'"{shortened(one["text"], _NAMED_WIDTH)}"' for one in items)
    return shown + (f" and {found - len(items):,} more" if found > len(items) else "")


def _tell_ranges(ranges: Any, most: int) -> None:
    emit_heading("Ranges that changed or moved")
    columns = [
        Column("what", _what, style=lambda one: _KIND_STYLES[str(one["kind"])]),
        Column("in A", lambda one: _place(one, "a")),
        Column("in B", lambda one: _place(one, "b")),
        Column("bytes", _bytes, long=True),
    ]
    _listed([one for one in ranges if one["kind"] != "unchanged"], columns, most)


def _what(one: Any) -> str:
    if one["kind"] == "changed":
        return "removed" if not one["b_length"] else "inserted" if not one["a_length"] else "changed"
    return "moved, reordered" if one["reordered"] else "moved"


def _place(one: Any, side: str) -> str:
    return f"{one[side + '_offset']:,} +{one[side + '_length']:,}"


def _bytes(one: Any) -> str:
    if one["kind"] != "changed":
        return f"shifted by {one['b_offset'] - one['a_offset']:+,}"
    return f"{_hex(one, 'a')} -> {_hex(one, 'b')}"


def _hex(one: Any, side: str) -> str:
    digits = one[side + "_bytes"][:24]
    if not digits:
        return "nothing"
    pairs = " ".join(digits[i : i + 2] for i in range(0, len(digits), 2))
    return pairs + (" ..." if 2 * one[side + "_length"] > len(digits) else "")


def _listed(rows: Any, columns: list[Column], most: int) -> None:
    emit_rows(rows[:most], fields=(), columns=columns, form=Format.TABLE)
    if len(rows) > most:
        emit_line(f"... {len(rows) - most:,} more, in --format json")
