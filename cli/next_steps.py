"""What to do next, as commands that a user can type as they stand."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.output import Row
    from forensics.next_steps import Step


def step_row(step: Step) -> Row:
    """A step with the fields `why` and `command`."""
    return {"why": step.why, "command": command_line(step.words)}


def has_command(name: str) -> bool:
    """Whether the program has a command: no step names one that there is not."""
    from cli.app import app  # noqa: PLC0415  (it imports the commands, which import this)

    return any(name == (one.name or getattr(one.callback, "__name__", None)) for one in app.registered_commands)


def command_line(words: Sequence[str]) -> str:
    """The words as the shell of this system takes them."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
