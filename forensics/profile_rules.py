"""The rows of a profile that only the checks of guidelines read."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from forensics.profile_rows import Fact, Position, Text


class StoreResource(Fact, frozen=True, kw_only=True):
    """A glob over names of cluster resources, without case: those without which the store does not run."""

    key_field: ClassVar[str] = "pattern"
    pattern: Text


class ProductOption(Fact, frozen=True, kw_only=True):
    """An option of the product that a guideline speaks of, as a value of the product's registry key.

    `name` is the value's, "" where it is not known; `cleared` are the contents by which it is off, as text, without
    case; a number is written in decimals.
    """

    key_field: ClassVar[str] = "option"
    option: Literal["redistribution_server"]
    name: str = ""
    cleared: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("0",)


class LogonEvent(Fact, frozen=True, kw_only=True):
    """An event by which somebody logged on to a machine.

    `type` is the insertion string with the type of the logon, `console` the types that are sessions at the console,
    `sid` the string with the account's SID, where the event itself does not carry it.
    """

    key_field: ClassVar[str] = "key"
    key: Text
    event_sources: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    id: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
    type: Position
    console: tuple[str, ...]
    sid: Position | None = None


class Guideline(Fact, frozen=True, kw_only=True):
    """A rule of the vendor: its words. What looks at it is the program's, by its `id`.

    `remedy` is what to do where it was not followed, `decided_by` which evidence tells whether it was.
    """

    key_field: ClassVar[str] = "id"
    id: Text
    title: Text
    remedy: Text
    decided_by: Text
