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


def command_line(words: Sequence[str]) -> str:
    """The words as the shell of this system takes them."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
