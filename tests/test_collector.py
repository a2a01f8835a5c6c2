"""`collect.cmd`: to the letter, without the traps of `cmd`, under another `cmd`, and understood by an ingest."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from forensics import __version__
from forensics.case.store import Case
from forensics.collector.script import both_views, collector_script
from forensics.errors import ProfileError
from forensics.profile import load_profile, parse_profile
from parsers.listings.model import CREATED_HEADING, WRITTEN_HEADING
from samples.incident import Setting, build
from samples.incident.evidence import write_folder

GOLDEN = Path(__file__).with_name("golden") / "collect.cmd"
PRODUCT = "C/Program Files (x86)/Microsoft Forefront Security/Exchange Server"


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def script():
    return collector_script(load_profile()).decode("ascii")


@pytest.fixture(scope="module")
def lines(script):
    return script.removesuffix("\r\n").split("\r\n")


def test_it_is_the_script_that_was_looked_at(script):
    """Word for word the script that was read through and run: a change of it is a change of that file too."""
    text = script.replace("\r\n", "\n").replace(__version__, "VERSION")
    assert text == GOLDEN.read_text(encoding="ascii")


def test_the_command_writes_it_once(script, tmp_path):
    """`ccrf collector -o DIR` makes the folder and the script; a script that is there stays: exit code 4."""
    result = run("collector", "-o", tmp_path / "new")
    assert result.exit_code == 0
    assert "collect.cmd" in result.stdout
    assert (tmp_path / "new" / "collect.cmd").read_bytes() == script.encode("ascii")
    (tmp_path / "new" / "collect.cmd").write_bytes(b"mine")
    assert run("collector", "-o", tmp_path / "new").exit_code == 4
    assert (tmp_path / "new" / "collect.cmd").read_bytes() == b"mine"
    assert run("collector", "-o", tmp_path / "no" / "folder").exit_code == 1


def test_lines_end_as_cmd_wants_them(script):
    """Every line ends in CR LF, and no character is beyond ASCII: with other ends cmd misses labels."""
    assert "\n" not in script.replace("\r\n", "")
    assert script.endswith("\r\n")
    assert "\t" not in script
    assert "@@" not in script
    assert max(map(len, script.split("\r\n"))) < 8191


def code(lines):
    """The lines that do something."""
    return [line for line in lines if line and not line.startswith(("rem", "::", ":"))]


def test_blocks_are_balanced_and_hold_no_variable(lines):
    """A parenthesis opens a block only after `do`, closes it on its own line, and no variable stands in between.

    A variable is put in before the block is read: the parenthesis of "Program Files (x86)" would end it.
    """
    inside = False
    for line in lines:
        if line == ")":
            assert inside
            inside = False
        elif inside:
            assert re.search(r"(?<!%)%(?!%)", line) is None, line
        bare = re.sub(r'"[^"]*"', "", line)
        if not line.startswith("rem") and bare.rstrip().endswith("("):
            assert re.search(r" do \($", line), line
            assert not inside
            inside = True
    assert not inside


def test_quotes_are_straight_and_paired(lines):
    """Each line has an even number of quotation marks, but for those that take them out of a text."""
    odd = [line for line in lines if line.count('"') % 2]
    assert odd == ['if defined DATES set "DATES=%DATES:"=%"', 'set "VALUE=%VALUE:"=%"']


def test_every_label_is_there_and_every_subroutine_ends(lines):
    """What is called or gone to exists once, and nothing runs on into a subroutine."""
    labels = [line[1:].split()[0].lower() for line in lines if re.match(r":[a-z]", line)]
    assert len(labels) == len(set(labels))
    used = set(re.findall(r"(?:goto|call) :([a-z0-9_]+)", "\n".join(lines)))
    assert used == set(labels)
    called = set(re.findall(r"call :([a-z0-9_]+)", "\n".join(lines)))
    real = [line for line in lines if line and not line.startswith("rem")]
    for label in called:
        before = real[real.index(f":{label}") - 1]
        assert re.match(r"exit /b|goto :", before), f"{label} is run into from {before!r}"


def test_nothing_is_passed_by_call(lines):
    """`call` reads its line twice: no call has arguments, but for the one that expands a value on purpose."""
    calls = [line for line in code(lines) if re.search(r"\bcall\b", line)]
    assert {line for line in calls if not re.search(r"\bcall :[a-z0-9_]+$", line)} == {
        line for line in calls if line.startswith(('call set "VALUE=', "wmic "))
    }


def test_an_exit_code_is_read_before_set_clears_it(lines):
    """In a .cmd file `set` makes the exit code 0: what asks for it stands right behind what gave it."""
    real = code(lines)
    for before, line in pairwise(real):
        if "errorlevel" in line.lower():
            assert not before.startswith(("set ", "if ")), (before, line)


def test_nothing_waits_and_nothing_is_changed(lines):
    """No prompt, no pause, nothing that deletes, writes the registry, or touches a service or a resource."""
    commands = {re.split(r"[\s(]", line.strip().removeprefix(">>").lstrip('"'))[0].lower() for line in code(lines)}
    text = "\n".join(code(lines)).lower()
    forbidden = (
        r"\b(pause|choice|del|erase|rd|rmdir|move|ren|attrib|format|net|powershell|shutdown|taskkill|cacls|icacls)\b"
    )
    assert not {command for command in commands if re.fullmatch(forbidden, command)}
    assert not re.search(r"set /p|reg (add|delete|import|restore|load|copy)|sc (start|stop|config|delete|create)", text)
    assert not re.search(r"/(on|off)(line)?\b|/move|/fail|removecheck|addcheck|wevtutil (cl|sl)|cleareventlog", text)
    assert not re.search(r"robocopy .*(/mir|/mov|/purge)", text)
    outside = [
        line for line in code(lines) if re.match(r"(copy|xcopy|robocopy|mkdir|reg (export|save)|wevtutil epl)", line)
    ]
    assert len(outside) > 8
    assert [line for line in outside if "%OUT%" not in line and "%INTO%" not in line] == []
    asks = [line for line in code(lines) if re.match(r"(copy|xcopy|robocopy|reg|wevtutil|wmic|%RUN%)\b", line)]
    assert [line for line in asks if "<nul" not in line] == []


def test_what_the_profile_knows_is_asked_for(lines):
    """Keys in both registry views, logs, replicated files and event sources come from the profile."""
    profile = load_profile()
    for row in (*profile.checkpoint_keys, *profile.collected_keys):
        for key in both_views(row.key):
            assert f'set "KEY={key}"' in lines
    for row in profile.replicated_files:
        assert f'set "MASK=*{row.name.removesuffix(".fdb")}*"' in lines
    assert {f'set "LOGNAME={row.log}"' for row in profile.logs} <= set(lines)
    assert 'set "EVTX=Microsoft-Windows-FailoverClustering%%4Operational.evtx"' in lines
    more = '[[collected_keys]]\nkey = \'SOFTWARE\\Mine\'\nmark = "common"\nsource = "me"\n'
    mine = collector_script(parse_profile(more, "mine")).decode("ascii")
    assert 'set "KEY=SOFTWARE\\Wow6432Node\\Mine"' in mine


@pytest.mark.parametrize("mask", ['x" & calc & "', "a|b", "%x%<y", "caf\u00e9"])
def test_a_profile_cannot_bring_commands_in(mask):
    """A name of a profile that could end its quotes, or that ASCII does not have, is refused."""
    own = f'[[collected_files]]\nmask = {json.dumps(mask)}\nmark = "common"\nsource = "me"\n'
    with pytest.raises(ProfileError, match="cannot stand in a command"):
        collector_script(parse_profile(own, "mine"))


# --- what it lays out, ingested ---------------------------------------------------------------------------------------


def dir_text(items, root):
    """What `dir /s /a /-c /4 /tw` of Server 2003 prints, of the files below a folder, in UTC."""
    folders = {}
    for path, size, modified in items:
        folder, _, name = path.rpartition("/")
        moment = datetime.fromtimestamp(modified, UTC)
        folders.setdefault(folder, []).append(f"{moment:%m/%d/%Y  %I:%M %p} {size:>17} {name}")
    text = " Volume in drive C has no label.\n Volume Serial Number is 1234-ABCD\n"
    for folder, entries in sorted(folders.items()):
        text += (
            f"\n Directory of C:\\{root}\\{folder}".replace("/", "\\").rstrip("\\") + "\n\n" + "\n".join(entries) + "\n"
        )
        text += f"{len(entries):>16} File(s)\n"
    return text


def collected(incident, folder, lines):
    """The incident's evidence as `collect.cmd` lays it out, under the names that stand in it."""
    write_folder(incident.items, folder / "plain")
    logs = {
        re.fullmatch(r'set "(?:EVTX?)=(.+)"', line)[1].replace("%%", "%")
        for line in lines
        if 'set "EVT' in line and line[-2] != "="
    }
    for node in sorted((folder / "plain").iterdir()):
        target = folder / "collected" / node.name
        for source in sorted(node.rglob("*")):
            inner = source.relative_to(node)
            if source.is_file() and inner.parts[0] == "Logs":
                assert source.name in logs
            elif inner.parts[0] == "Data":
                inner = Path("Files", PRODUCT, inner)
            if source.is_dir():
                (target / inner).mkdir(parents=True, exist_ok=True)
            else:
                (target / inner).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target / inner)
        for source in sorted(node.rglob("*"), reverse=True):
            if source.is_dir() and source.relative_to(node).parts[0] == "Data":
                shutil.copystat(source, target / "Files" / PRODUCT / source.relative_to(node))
        files = [
            (path.relative_to(node).as_posix(), path.stat().st_size, path.stat().st_mtime)
            for path in sorted((node / "Data").rglob("*")) if path.is_file()
        ]  # fmt: skip
        listing = dir_text(files, PRODUCT.partition("/")[2])
        for name, text in {
            "Listings/1-installed-written.txt": f'{WRITTEN_HEADING} "MM/dd/yyyy"\n{listing}',
            "Listings/1-installed-created.txt": f'{CREATED_HEADING} "MM/dd/yyyy"\n{listing}',
            "System/systeminfo.txt": "Host Name: x\n",
            "collect.log": 'success  "Logs"  "wevtutil epl"\n',
            "commands.log": "10 file(s) copied\n",
        }.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(text.replace("\n", "\r\n"), encoding="ascii", newline="")
    return folder


def conclusions(case):
    """Roles, sets and losses without what names a place or an id."""
    losses = json.loads(run("overwrites", case, "--format", "json").stdout)
    sets = json.loads(run("backups", "list", case, "--format", "json").stdout)
    moves = json.loads(run("roles", case, "--format", "json").stdout)["transitions"]
    return (
        [
            (row["file"], row["node"], row["kind"], row["cause"], row["confidence"], row["recoverable_from"])
            for row in losses
        ],
        [(row["node"], row["made"], row["files"], row["recommended"]) for row in sets],
        [(row["from"], row["to"], row["time"], row["confidence"]) for row in moves],
    )


@pytest.mark.parametrize("system", ["2003", "2008"])
def test_an_ingest_understands_what_it_lays_out(system, lines, tmp_path):
    """Logs, live files and backup sets of both nodes are found where it puts them, and tell what plain folders tell."""
    folder = collected(build(Setting("failover-in-window", system, 1, backup_scheme="folder-stamp")), tmp_path, lines)
    for name in ("plain", "collected"):
        result = run("ingest", folder / f"{name}.db", folder / name, "--source-tz", "UTC")
        assert result.exit_code == 0, result.output
    assert conclusions(folder / "collected.db") == conclusions(folder / "plain.db")
    with Case.open(folder / "collected.db") as case:
        kinds = dict(case.rows("SELECT replace(path, 'collected/', ''), kind FROM evidence"))
        live = case.rows("SELECT node, count(*) FROM file_versions WHERE role = 'live' GROUP BY node ORDER BY node")
        assert [node for node, count in live if count >= 5] == ["EXNODE1", "EXNODE2"]
        listed = "SELECT count(*) FROM file_versions WHERE path LIKE '%installed-created%'"
        assert next(case.rows(listed))[0] == 0
        timed = "SELECT count(*), count(modified) FROM file_versions WHERE path LIKE '%installed-written%'"
        count, dated = next(case.rows(timed))
        assert count == dated > 10
        whose = case.rows("SELECT DISTINCT node FROM evidence WHERE path LIKE 'collected/EXNODE2/%'")
        assert [node for (node,) in whose] == ["EXNODE2"]
    for node in ("EXNODE1", "EXNODE2"):
        assert kinds[f"{node}/Listings/1-installed-written.txt"] == "file_listing"
        assert kinds[f"{node}/Listings/1-installed-created.txt"] == "file_listing"


# --- under another cmd ------------------------------------------------------------------------------------------------

WINE = shutil.which("wine")


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    """Run something under Wine, in a Windows of its own."""
    if WINE is None:
        pytest.skip("Wine, the other cmd, is not installed")
    place = tmp_path_factory.mktemp("wine")
    environment = os.environ | {
        "WINEPREFIX": str(place / "prefix"), "WINEDEBUG": "-all", "DISPLAY": "", "HOME": str(place),
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
    }  # fmt: skip

    def under_wine(*arguments, check=True):
        command = ["timeout", "300", WINE, *map(str, arguments)]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=check, stdin=subprocess.DEVNULL
        )

    under_wine("cmd", "/c", "ver", check=False)
    if not (place / "prefix" / "drive_c" / "windows").is_dir():
        pytest.skip("Wine cannot make a Windows here")
    yield under_wine, place / "prefix" / "drive_c"
    subprocess.run(["wineserver", "-k"], env=environment, check=False, capture_output=True)


@pytest.mark.long
def test_it_runs_under_another_cmd(script, wine, tmp_path):
    """Under Wine it ends well: what is there is copied with its times, what is not is logged as missing.

    Folders have spaces and parentheses, the registry value ends in a backslash, a file has an ampersand in its name.
    """
    under_wine, drive = wine
    product = drive / PRODUCT.partition("/")[2]
    backup = product / "Data" / "Backup" / "20080110120035"
    others = ("Data/ScanJobs.fdb", "Old/ScanJobs (1) & 2.fdb.bak", "ProgramLog.txt", "FSECCRService.exe")
    for path in (backup / "ScanJobs.fdb", *(product / other for other in others)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.as_posix().encode())
        os.utime(path, (1_199_966_435, 1_199_966_435))
    folder = "C:\\" + PRODUCT.partition("/")[2].replace("/", "\\")
    key = "HKLM\\SOFTWARE\\Wow6432Node\\Microsoft\\Forefront Server Security\\Exchange Server"
    source = "HKLM\\SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\FSECCRService"
    for name in ("InstalledPath", "DatabasePath"):
        under_wine("reg", "add", key, "/v", name, "/d", folder + "\\", "/f")
    value = f"%SystemDrive%{folder[2:]}\\FSECCRService.exe;C:\\nowhere\\no.dll"
    under_wine("reg", "add", source, "/v", "EventMessageFile", "/t", "REG_EXPAND_SZ", "/d", value, "/f")
    (tmp_path / "collect.cmd").write_bytes(script.encode("ascii"))
    target = tmp_path / "out (x86) and more"
    target.mkdir()
    windows = ["Z:" + str(path).replace("/", "\\") for path in (tmp_path / "collect.cmd", target)]
    done = under_wine("cmd", "/c", *windows)
    assert "Done." in done.stdout
    (node,) = target.iterdir()
    said = (node / "collect.log").read_text("ascii").splitlines()
    assert [line.split()[0] for line in said if line.split()][-1] == "end"
    outcomes = {
        line.split('"')[1]: line.split()[0] for line in said if line.startswith(("success", "failure", "missing"))
    }
    below = "Files\\" + PRODUCT.replace("/", "\\")
    for name in ("Data", "Old\\ScanJobs (1) & 2.fdb.bak", "ProgramLog.txt", "FSECCRService.exe"):
        assert outcomes[f"{below}\\{name}"] == "success"
        assert (node / f"{below}\\{name}".replace("\\", "/")).exists()
    assert outcomes["Files\\C\\nowhere\\no.dll"] == "missing"
    assert outcomes["Cluster\\checkpoints.txt"] == "missing"
    assert outcomes["Logs\\Application.evtx"] == "missing"
    copied = node / "Files" / PRODUCT / "Data"
    assert (copied / "ScanJobs.fdb").stat().st_mtime == 1_199_966_435
    assert (copied / backup.relative_to(product / "Data") / "ScanJobs.fdb").stat().st_mtime == 1_199_966_435
    exported = [path.name for path in (node / "Registry").iterdir()]
    assert "SOFTWARE_Wow6432Node_Microsoft_Forefront Server Security_Exchange Server.reg" in exported
    assert under_wine("cmd", "/c", *windows).stdout.count("Done.") == 1
    assert len(list(target.iterdir())) == 2
