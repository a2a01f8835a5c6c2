"""On a real terminal: colour where it is wanted, nothing that acts, and lines that fit."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from forensics.case.schema import EVENT_COLUMNS
from forensics.case.store import Case, NewEvidence
from forensics.case.values import json_text, sql_text
from samples.builders.evt import EvtEvent, build
from samples.incident import Setting
from samples.incident import build as incident
from samples.incident.evidence import write_folder

fcntl = pytest.importorskip("fcntl", reason="terminals of POSIX")
pty = pytest.importorskip("pty", reason="terminals of POSIX")
termios = pytest.importorskip("termios", reason="terminals of POSIX")

CCRF = str(Path(sys.executable).with_name("ccrf"))
# What rich may write: colours and attributes, nothing that moves the cursor.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LONG = "word " * 60


@pytest.fixture
def case(tmp_path):
    """A case with one hostile event and one with a long text."""
    path = tmp_path / "case.db"
    with Case.create(path) as made:
        name = "EXNODE1/\x1b[2J[/x]\u202e.evtx"
        log = made.add_evidence(NewEvidence(path=name, kind="evtx", status="partial", problem="cut off", live=2))
        for strings, level in ((["\x1b]0;owned\x07", "[/x]", "\x9b2J"], 2), ([LONG], 4)):
            row = {
                "evidence_id": log,
                "time_generated": "2008-01-10T12:00:00.000000Z",
                "source": sql_text("Source\x1b[1A"),
                "event_id": 1,
                "level": level,
                "node": "EXNODE1",
                "strings": json_text(strings),
                "recovered": 0,
            }
            made.add_events([tuple(row.get(column) for column in EVENT_COLUMNS)])
        made.finish_load()
    return path


def on_terminal(*arguments, width=80, **environment):
    """What the program writes to a terminal of that width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    inherited = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLUMNS", "FORCE_COLOR"}}
    program = subprocess.Popen(
        [CCRF, *map(str, arguments)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=inherited | {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | environment,
    )
    os.close(slave)
    written = b""
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        written += block
    os.close(master)
    assert program.wait(60) == 0
    return written.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("command", ["events", "evidence"])
def test_evidence_cannot_act_on_a_terminal(case, command, width):
    """Whatever the evidence holds, the terminal gets text, line feeds and the colours of the program."""
    text = COLOUR.sub("", on_terminal(command, case, width=width))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "[/x]" in text.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("width", [80, 160])
def test_lines_fit_the_terminal(case, width):
    """No line is longer than the terminal is wide, and no word of a long text is lost."""
    lines = COLOUR.sub("", on_terminal("events", case, width=width)).splitlines()
    assert max(map(len, lines)) <= width
    assert sum(line.split().count("word") for line in lines) == 60


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A case of a simulated incident in which the group moves."""
    folder = tmp_path_factory.mktemp("moved")
    write_folder(incident(Setting("one-way", "2008", 1)).items, folder / "evidence")
    subprocess.run([CCRF, "ingest", "-q", folder / "case.db", folder / "evidence"], check=True)
    return folder / "case.db"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_roles_fit_the_terminal(moved, width):
    """Bars, moves, intervals and what they rest on stay within the terminal, at any common width."""
    for arguments in (("roles",), ("roles", "--explain", "transition:1"), ("timeline",)):
        text = COLOUR.sub("", on_terminal(arguments[0], moved, *arguments[1:], width=width))
        lines = [line for line in text.splitlines() if "\x1b" not in line]  # the sign of work that goes on
        assert max(map(len, lines)) <= width
        assert "EXNODE1" in text


def test_roles_are_coloured_unless_unwanted(moved):
    """The roles over time are in colour on a terminal, and without with NO_COLOR; the letters are the same."""

    def bars(**environment):
        lines = on_terminal("roles", moved, "-q", **environment).splitlines()
        return [line for line in lines if COLOUR.sub("", line).startswith("EXNODE") and "AAAA" in line]

    coloured, plain = bars(), bars(NO_COLOR="1")
    assert any("\x1b[1;32m" in line for line in coloured)
    assert not any("\x1b[1;32m" in line or "\x1b[32m" in line for line in plain)
    assert [COLOUR.sub("", line) for line in coloured] == [COLOUR.sub("", line) for line in plain]


def test_a_wide_terminal_gets_a_table(case):
    """With room for it, rows stand side by side under a heading; without, text stands below its row."""
    wide = COLOUR.sub("", on_terminal("events", case, width=160)).splitlines()
    narrow = COLOUR.sub("", on_terminal("events", case, width=80)).splitlines()
    assert wide[0].split() == ["time", "node", "source", "id", "level", "text"]
    assert narrow[1].startswith("    ")


def test_errors_are_coloured_unless_unwanted(case):
    """A terminal gets colour; with NO_COLOR it gets none."""
    assert re.search(r"\x1b\[[0-9;]*31", on_terminal("events", case))
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", on_terminal("events", case, NO_COLOR="1"))


def test_away_from_a_terminal_there_is_no_colour(case):
    """A pipe gets neither colour nor boxes, even where colour is forced on terminals."""
    done = subprocess.run(
        [CCRF, "events", case], capture_output=True, text=True, check=True, env=os.environ | {"FORCE_COLOR": "1"}
    )
    assert "\x1b" not in done.stdout
    assert not re.search("[\u2500-\u257f]", done.stdout)


def test_csv_on_a_terminal_is_harmless(case):
    """A CSV that is looked at cannot act on the terminal either."""
    text = on_terminal("events", case, "--format", "csv")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_an_ingest_shows_how_far_it_is(tmp_path):
    """On a terminal an ingest shows a bar that is gone at the end, with hostile names made safe; -q shows none."""
    name = "a\x1b[1Ab.evt"
    (tmp_path / name).write_bytes(build([EvtEvent(1, 1_199_966_400, 1_199_966_400, 1, "ClusSvc", "EXNODE1")]))
    shown = on_terminal("ingest", tmp_path / "case.db", tmp_path / name, width=100)
    assert r"a\x1b[1Ab.evt" in shown
    assert name not in shown
    assert shown.endswith("1 file; 1 event added\n")
    assert on_terminal("ingest", tmp_path / "quiet.db", tmp_path / name, "-q") == ""
