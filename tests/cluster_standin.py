"""Stand-ins for the programs of a cluster node, which keep their state in files: for wine, and for a shell over ssh.

Both take what is documented of `cluster res`, answer in the form that administrators know, and note every command line
as they got it. Beside them lie `checkpoints.txt` (RESOURCE, tab, KEY in each line), `status.txt` (the word that the
status shows), `state.txt` (the number that WMI tells; empty: no WMI) and `failing.txt` (the key
whose removal fails, or with a second line does nothing and says that it succeeded).
"""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# The command line goes on as it came, in a variable: arguments would have to be quoted anew.
_LAUNCHER = """
    .section .rdata
name: .short {name}, 0
line: .short {line}, 0
    .text
    .globl start
start:
    subq $40, %rsp
    call GetCommandLineW
    leaq name(%rip), %rcx
    movq %rax, %rdx
    call SetEnvironmentVariableW
    leaq line(%rip), %rcx
    call _wsystem
    movl %eax, %ecx
    call ExitProcess
"""
_IMPORTS = {"kernel32": ("GetCommandLineW", "SetEnvironmentVariableW", "ExitProcess"), "msvcrt": ("_wsystem",)}
_SCRIPT = r"""
var files = new ActiveXObject("Scripting.FileSystemObject");
var folder = files.GetParentFolderName(WScript.ScriptFullName);
var line = new ActiveXObject("WScript.Shell").ExpandEnvironmentStrings("%STANDIN_LINE%");
while (line.charAt(line.length - 1) <= " ") line = line.substring(0, line.length - 1);

function lines(name) {
    var path = files.BuildPath(folder, name), kept = [];
    if (!files.FileExists(path)) return kept;
    var file = files.OpenTextFile(path, 1);
    while (!file.AtEndOfStream) {
        var text = file.ReadLine();
        if (text != "") kept[kept.length] = text;
    }
    file.Close();
    return kept;
}
function write(name, texts, mode) {
    var file = files.OpenTextFile(files.BuildPath(folder, name), mode, true);
    for (var i = 0; i < texts.length; i++) file.WriteLine(texts[i]);
    file.Close();
}
function cut(text) {
    return (text + "                    ").substring(0, 20);
}
function end(text, code) {
    WScript.Echo(text);
    WScript.Quit(code);
}
write("lines.txt", [line], 8);

if (line.match(/^wmic/)) {
    var told = lines("state.txt");
    if (told.length == 0) end("Invalid namespace", 1);
    end("\r\r\n\r\r\nState=" + told[0] + "\r\r\n\r\r", 0);
}
var asked = line.match(/^cluster res "([^"]*)" \/(\w+)(?::"([^"]*)")?$/);
if (!asked) end("Incorrect usage: " + line.replace(/"/g, ""), 87);
var resource = asked[1], action = asked[2], key = asked[3], held = lines("checkpoints.txt"), kept = [], found = false;
for (var i = 0; i < held.length; i++) {
    if (held[i].toLowerCase() == (resource + "\t" + key).toLowerCase()) found = true;
    else kept[kept.length] = held[i];
}
if (action == "checkpoints") {
    WScript.Echo("Listing registry checkpoints for resource '" + resource + "'...\r\n");
    WScript.Echo("Resource             Registry Checkpoint\r\n-------------------- -------------------");
    for (i = 0; i < held.length; i++) {
        var row = held[i].split("\t");
        if (row[0] == resource) WScript.Echo(cut(resource) + " '" + row[1] + "'");
    }
    WScript.Quit(0);
}
if (action == "status") {
    WScript.Echo("Listing status for resource '" + resource + "':\r\n");
    WScript.Echo("Resource             Group  Node    Status\r\n-------------------- ------ ------- ------");
    end(cut(resource) + " CMS1   EXNODE1 " + lines("status.txt")[0], 0);
}
if (action == "removecheckpoints") {
    var failing = lines("failing.txt");
    if (failing.length && failing[0] == key) end("Special.", failing.length > 1 ? 0 : 5);
    if (!found) end("System error 2 has occurred.", 2);
    write("checkpoints.txt", kept, 2);
    WScript.Quit(0);
}
if (action == "addcheckpoints") {
    if (found) end("System error 183 has occurred.", 183);
    write("checkpoints.txt", [resource + "\t" + key], 8);
    WScript.Quit(0);
}
end("Incorrect usage", 87);
"""
TOOLS = ("wine", "x86_64-w64-mingw32-as", "x86_64-w64-mingw32-ld", "x86_64-w64-mingw32-dlltool")


def _units(text: str) -> str:
    return ", ".join(str(ord(char)) for char in text)


def build_windows(folder: Path) -> None:
    """Put `cluster.exe`, `wmic.exe` and the script behind them into a folder. Needs `TOOLS`."""
    source = _LAUNCHER.format(name=_units("STANDIN_LINE"), line=_units('cscript //nologo "%STANDIN%"'))
    (folder / "launcher.s").write_text(source)
    command = ["x86_64-w64-mingw32-ld", "-e", "start", "--subsystem", "console", "-o", "cluster.exe", "launcher.o"]
    subprocess.run(["x86_64-w64-mingw32-as", "-o", "launcher.o", "launcher.s"], cwd=folder, check=True)
    for library, names in _IMPORTS.items():
        (folder / f"{library}.def").write_text("\n".join((f"LIBRARY {library}.dll", "EXPORTS", *names, "")))
        tool = ["x86_64-w64-mingw32-dlltool", "-d", f"{library}.def", "-l", f"{library}.a"]
        subprocess.run(tool, cwd=folder, check=True)
        command.append(f"{library}.a")
    subprocess.run(command, cwd=folder, check=True)
    shutil.copy(folder / "cluster.exe", folder / "wmic.exe")
    (folder / "standin.js").write_bytes(_SCRIPT.replace("\n", "\r\n").encode())


def set_state(folder: Path, checkpoints: list[tuple[str, str]], *, status: str = "Offline", state: str = "3") -> None:
    """What the cluster is like: its checkpoints, the word of its status, the number that WMI tells ("": none)."""
    folder.joinpath("checkpoints.txt").write_bytes("".join(f"{a}\t{b}\r\n" for a, b in checkpoints).encode())
    folder.joinpath("status.txt").write_text(status + "\r\n")
    folder.joinpath("state.txt").write_text(state + "\r\n" if state else "")
    for name in ("lines.txt", "failing.txt", "special.txt"):
        folder.joinpath(name).unlink(missing_ok=True)


def held(folder: Path) -> set[tuple[str, str]]:
    """The checkpoints that are there."""
    lines = folder.joinpath("checkpoints.txt").read_text().split("\n")
    return {(a, b) for a, _, b in (line.rstrip("\r").partition("\t") for line in lines) if a}


def asked(folder: Path) -> list[str]:
    """The command lines that the stand-ins got, in their order."""
    path = folder / "lines.txt"
    return [line.rstrip() for line in path.read_text().splitlines()] if path.exists() else []


_PROGRAM = r'''#!{python} -IS
"""The same for a shell: `cluster` and `wmic`."""
import os, sys

folder, name = os.path.split(os.path.realpath(__file__))
arguments = sys.argv[1:]


def lines(name):
    path = os.path.join(folder, name)
    return [line for line in open(path).read().splitlines() if line] if os.path.exists(path) else []


def keep(rows):
    with open(os.path.join(folder, "checkpoints.txt"), "w") as file:
        file.write("".join(f"{row}\n" for row in rows))


with open(os.path.join(folder, "lines.txt"), "a") as log:
    log.write(repr([name, *arguments]) + "\n")
if name == "wmic":
    told = lines("state.txt")
    print(f"\r\n\r\nState={told[0]}\r\n\r\n" if told else "Invalid namespace")
    sys.exit(0 if told else 1)
if len(arguments) != 3 or arguments[0] != "res":
    sys.exit(87)
resource, (action, _, key) = arguments[1], arguments[2].partition(":")
held = lines("checkpoints.txt")
same = [row for row in held if row.casefold() == f"{resource}\t{key}".casefold()]
special = lines("special.txt")
if special and special[0] in arguments[2]:
    exec("\n".join(special[1:]))
if action == "/checkpoints":
    print(f"Listing registry checkpoints for resource '{resource}'...\r\n\r")
    print("Resource             Registry Checkpoint\r\n-------------------- -------------------\r")
    for row in held:
        if row.split("\t")[0] == resource:
            print(f"{resource:20.20} '{row.split(chr(9))[1]}'\r")
elif action == "/status":
    print(f"Listing status for resource '{resource}':\r\n\r")
    print("Resource             Group  Node    Status\r\n-------------------- ------ ------- ------\r")
    print(f"{resource:20.20} CMS1   EXNODE1 {lines('status.txt')[0]}\r")
elif action == "/removecheckpoints" and same:
    keep(row for row in held if row not in same)
elif action == "/addcheckpoints" and not same:
    keep([*held, f"{resource}\t{key}"])
else:
    print("System error 2 has occurred.")
    sys.exit(2)
'''


def build_unix(folder: Path) -> None:
    """Put the programs `cluster` and `wmic` into a folder. `special.txt`: part of an option, then what comes first."""
    for name in ("cluster", "wmic"):
        program = folder / name
        program.write_text(_PROGRAM.replace("{python}", sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
