"""One command at a time on another machine, through whatever takes a command line: `ssh admin@node`, `winrs -r:NODE`.

The transport is a program with arguments; the command is its last argument, as one. No shell of this machine sees it.
Output is bounded, time is bounded, and what a command said is text whatever its bytes are.
"""

from __future__ import annotations

import codecs
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from forensics.errors import UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

NODE: Final = "{node}"
"""What stands in a transport for the name of the node."""
TIMEOUT: Final = 120.0
"""Seconds that one command may take, unless asked for otherwise."""
OUTPUT_MAX: Final = 64 * 1024
"""Bytes of one command's output that are kept; the rest is read and counted."""

_BLOCK: Final = 64 * 1024
_WAIT_FOR_OUTPUT: Final = 2.0
_NODE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
# How passwords are given to winrs, plink and sshpass: a record of what was done must not keep them.
_PASSWORD: Final = re.compile(r"([-/](?:p|password):).+", re.IGNORECASE | re.DOTALL)
_PASSWORD_NEXT: Final = {"-pw"}


@dataclass(frozen=True, slots=True)
class Ran:
    """One command that was run, or was to be.

    Attributes:
        node: whose checkpoints it concerns.
        command: the command line, as the other machine was given it.
        code: the exit code; None where the transport could not be started or did not end in time.
        output: what it said, both streams in their order, at most `OUTPUT_MAX` bytes of it.
        left_off: bytes of output beyond that.
        problem: what went wrong with the transport itself, as a clause; "" where nothing did.
    """

    node: str
    command: str
    code: int | None
    output: str
    left_off: int = 0
    problem: str = ""

    @property
    def done(self) -> bool:
        """Whether it ran to its end and said that it succeeded."""
        return self.code == 0

    @property
    def fault(self) -> str:
        """What went wrong, as a clause; "" where nothing did."""
        if self.problem or self.done:
            return self.problem
        return f"it ended with code {self.code}"


class Transport:
    """A way to another machine, made by `parse`.

    Attributes:
        arguments: the program and what stands before the command.
        timeout: seconds that one command may take.
    """

    def __init__(self, arguments: Sequence[str], timeout: float = TIMEOUT) -> None:
        self.arguments = tuple(arguments)
        self.timeout = timeout

    @classmethod
    def parse(cls, text: str, timeout: float = TIMEOUT, *, windows: bool = os.name == "nt") -> Transport:
        """The transport that a user typed, split as the system's shell would split it.

        Raises:
            UsageError: nothing in it, quotes that do not end, or a program that is not there.
        """
        try:
            arguments = split_windows(text) if windows else shlex.split(text)
        except ValueError:
            raise UsageError(f"--runner {text!r}: a quote is not closed") from None
        if not arguments or not arguments[0]:
            raise UsageError("--runner is empty: name a program that runs a command, such as 'ssh admin@{node}'")
        program = shutil.which(arguments[0])
        if program is None:
            raise UsageError(f"--runner: there is no program {arguments[0]!r}; check its name and the PATH")
        if windows and program.lower().endswith((".cmd", ".bat")):
            # cmd would read the command once more, by its own rules: https://flatt.tech/research/posts/batbadbut-you-cant-securely-execute-commands-on-windows/
            raise UsageError(f"--runner: {arguments[0]!r} is a batch file; name the program that it calls")
        return cls(arguments, timeout)

    @property
    def by_node(self) -> bool:
        """Whether it leads to a node that it is told."""
        return any(NODE in argument for argument in self.arguments)

    @property
    def shown(self) -> tuple[str, ...]:
        """The arguments as they may be kept: without what looks like a password."""
        kept: list[str] = []
        for argument in self.arguments:
            if kept and (kept[-1].lower() in _PASSWORD_NEXT or _is_sshpass(kept)):
                kept.append("***")
            else:
                kept.append(_PASSWORD.sub(r"\1***", argument))
        return tuple(kept)

    def run(self, node: str, command: str) -> Ran:
        """Run one command and wait for it, at most the time limit; never raises for what goes wrong there."""
        if self.by_node and _NODE_NAME.fullmatch(node) is None:
            return Ran(node, command, None, "", problem="the node's name is none that can be put into a command line")
        arguments = [argument.replace(NODE, node) for argument in self.arguments]
        try:
            process = subprocess.Popen(  # noqa: S603 - what the user named, without a shell
                [*arguments, command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=os.name != "nt",
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            return Ran(node, command, None, "", problem=f"{arguments[0]} could not be started: {one_line(reason)}")
        return self._watched(process, node, command)

    def _watched(self, process: subprocess.Popen[bytes], node: str, command: str) -> Ran:
        assert process.stdout is not None  # noqa: S101 - asked for above
        reader = _Reader(process.stdout)
        problem, code = "", None
        try:
            reader.start()
            code = process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            problem = f"it did not end within {self.timeout:g} seconds, and was stopped on this side"
        finally:
            # What it started may live on and hold the pipe: after its end it is asked for no more.
            if code is None:
                _kill(process)
            reader.join(_WAIT_FOR_OUTPUT)
        kept, total = reader.taken()
        return Ran(node, command, code, text_of(kept), max(total - len(kept), 0), problem)


def _is_sshpass(before: Sequence[str]) -> bool:
    """Whether what follows belongs to sshpass alone: its own option, or what that option is."""
    return any(re.fullmatch(r"(?:.*[/\\\\])?sshpass(?:\.exe)?", word) for word in before[-2:])


class _Reader(threading.Thread):
    """Reads a pipe to its end, so that the other side never waits, and keeps the beginning."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._lock = threading.Lock()
        self._kept = bytearray()
        self._total = 0

    def run(self) -> None:
        with suppress(OSError, ValueError), self._pipe:
            while part := os.read(self._pipe.fileno(), _BLOCK):
                with self._lock:
                    self._kept += part[: OUTPUT_MAX - len(self._kept)]
                    self._total += len(part)

    def taken(self) -> tuple[bytes, int]:
        """What was kept so far, and how many bytes there were."""
        with self._lock:
            return bytes(self._kept), self._total


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and, where the system can, what it started."""
    if os.name == "nt":
        process.kill()
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def text_of(data: bytes) -> str:
    r"""Output as text: UTF-16 where it begins so, else UTF-8, with what is no UTF-8 as `\xNN`. Never raises.

    A console program writes in the code page of its console, which nothing in its output names.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data[: len(data) & ~1].decode("utf-16", "replace")
    if len(data) > 3 and data[1:4:2] == b"\0\0" and data[0]:
        return data[: len(data) & ~1].decode("utf-16-le", "replace")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "backslashreplace")


def split_windows(text: str) -> list[str]:
    r"""A command line cut as programs of Windows cut theirs; ValueError where a quote is not closed.

    Backslashes are themselves, unless they stand before a quote: then two are one, and an odd one makes the quote a
    character. Source: the "Parsing C command-line arguments" page of the Microsoft C runtime.
    """
    found: list[str] = []
    current, inside, started, position = "", False, False, 0
    while position < len(text):
        char = text[position]
        if char == "\\":
            run = len(text[position:]) - len(text[position:].lstrip("\\"))
            position += run
            started = True
            if text[position : position + 1] != '"':
                current += "\\" * run
                continue
            current += "\\" * (run // 2)
            if run % 2:
                current += '"'
                position += 1
            continue
        if char == '"':
            inside, started = not inside, True
        elif char in " \t" and not inside:
            if started:
                found.append(current)
            current, started = "", False
        else:
            current, started = current + char, True
        position += 1
    if inside:
        raise ValueError("a quote is not closed")
    return [*found, current] if started else found
