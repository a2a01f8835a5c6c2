"""The pages that are made from the program itself: commands, case file, exit codes, and what is not known."""

from __future__ import annotations

import enum
import inspect
import types
import typing
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from cli.app import app
from forensics import errors
from forensics.case import schema
from forensics.profile import load_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_PREFACE = "<!-- Made from the program by docs/generated.py: change it there. -->\n\n"


class Option(NamedTuple):
    """One argument or option: how it is written, what it takes, and its help."""

    names: tuple[str, ...]
    takes: str
    help: str
    required: bool


class Command(NamedTuple):
    """One command: its words behind `ccrf`, the text of its help, its arguments, and its options."""

    name: str
    text: str
    arguments: tuple[Option, ...]
    options: tuple[Option, ...]


def commands() -> list[Command]:
    """Every command of the program, in the order of its help."""
    return list(_commands(app, ""))


def _commands(group: typer.Typer, before: str) -> Iterator[Command]:
    for one in group.registered_commands:
        callback = one.callback
        assert callback is not None  # noqa: S101 - a command has one
        name = one.name or callback.__name__.rstrip("_").replace("_", "-")
        yield _command(f"{before}{name}", callback)
    for inner in group.registered_groups:
        assert inner.typer_instance is not None  # noqa: S101 - so is a group
        yield from _commands(inner.typer_instance, f"{before}{inner.name} ")


def _command(name: str, callback: Callable[..., Any]) -> Command:
    arguments, options = [], []
    hints = typing.get_type_hints(callback, include_extras=True)
    for parameter in inspect.signature(callback).parameters.values():
        kind, *extras = typing.get_args(hints[parameter.name])
        info = next(e for e in extras if isinstance(e, typer.models.ParameterInfo))
        required = parameter.default is inspect.Parameter.empty
        if isinstance(info, typer.models.ArgumentInfo):
            arguments.append(Option((info.metavar or parameter.name.upper(),), "", info.help or "", required))
        else:
            # Inside Annotated the first name stands where the default would.
            first = [info.default] if isinstance(info.default, str) and info.default.startswith("-") else []
            names = [*first, *(info.param_decls or ())] or [f"--{parameter.name.replace('_', '-')}"]
            options.append(Option(tuple(names), _takes(kind, info), info.help or "", required))
    return Command(name, inspect.cleandoc(callback.__doc__ or ""), tuple(arguments), tuple(options))


def _takes(kind: Any, info: Any) -> str:
    plain = [one for one in typing.get_args(kind) if one is not types.NoneType] if typing.get_args(kind) else [kind]
    inner = plain[0]
    if inner is bool:
        return ""
    if isinstance(inner, type) and issubclass(inner, enum.Enum):
        return "|".join(str(one.value) for one in inner)
    return info.metavar or getattr(inner, "__name__", "VALUE").upper()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("[default", "\\[default")


def commands_page() -> str:
    """Every command with its arguments and options."""
    parts = [_PREFACE, "# Commands\n\n"]
    for one in commands():
        words = " ".join(["ccrf", one.name, *(argument.names[0] for argument in one.arguments)])
        parts += [f"## ccrf {one.name}\n\n", f"```\n{words}\n```\n\n", f"{one.text}\n\n"]
        rows = [*one.arguments, *one.options]
        if rows:
            parts.append("| | |\n|---|---|\n")
        for row in rows:
            names = ", ".join(f"`{name}`" for name in row.names)
            takes = f" `{row.takes}`".replace("|", "\\|") if row.takes else ""
            parts.append(f"| {names}{takes} | {_cell(row.help)}{' Required.' if row.required else ''} |\n")
        parts.append("\n")
    return "".join(parts)


def case_page() -> str:
    """The tables of a case, with their columns."""
    words = {int: "integer", str: "text", float: "real", bytes: "blob"}
    parts = [
        _PREFACE,
        "# The case file\n\n",
        f"A case is one SQLite file: application id `{schema.APPLICATION_ID:#x}`, version {schema.SCHEMA_VERSION}.\n",
        "Times are text, `2008-01-10T12:00:35.000000Z`; columns that end in `_filetime` are the same exactly, in\n",
        "units of 100 ns since 1601. Lists and objects are JSON. Full-text search over strings and messages\n",
        "of events is in `events_fts`.\n\n",
    ]
    for name, columns in schema.TABLES.items():
        listed = ", ".join(f"`{column}` {words[kind]}" for column, kind in columns.items())
        parts.append(f"## {name}\n\n{listed}.\n\n")
    return "".join(parts)


def exit_codes_page() -> str:
    """The exit codes, as the tree of errors has them."""
    text = inspect.cleandoc(errors.__doc__ or "")
    table = [line for line in text.splitlines() if line.startswith("|")]
    return "".join(
        [
            _PREFACE,
            "# Exit codes\n\n",
            "0 is done; 10, with `--exit-code`, is done and there are findings; 3 goes before 10.\n\n",
            "\n".join(table),
            "\n",
        ]
    )


def unknown_page() -> str:
    """What is not known about the product, as the profile has it."""
    profile = load_profile()
    rows = "".join(f"| {row.topic} | {_cell(row.note)} |\n" for row in profile.unknowns)
    return (
        f"{_PREFACE}# What is not known about the product\n\n"
        "Looked for, and not found in any public page. The program does not guess at any of it: where it matters, the\n"
        "answer is `unknown`, and a profile can supply what an analyst knows ([profile](../profile.md)).\n\n"
        f"| topic | what is not known |\n|---|---|\n{rows}"
    )


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "case.md": case_page,
    "exit-codes.md": exit_codes_page,
    "unknown.md": unknown_page,
}


def write(folder: Path) -> None:
    """Write all pages into `folder`; what is the same already stays."""
    folder.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        path, text = folder / name, make()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
