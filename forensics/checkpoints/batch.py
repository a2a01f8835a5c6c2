"""The text of `cleanup.cmd` and `undo.cmd`: what to do with a plan by hand, on Windows Server 2003 and 2008.

Both hold nothing but ASCII and end their lines with CR LF, so that no code page matters and none is set. Names stand in
them only as `scripts.name_fault` and `key_fault` let them through, between straight quotes, with delayed expansion off;
it is on only where a message is said, which may hold an ampersand. Output of commands, which may hold anything, is only
ever expanded between quotes, after its own were taken out. `call` is for a `cluster` that is itself a batch file, which
would else not come back.

The same plan gives the same bytes: nothing in them is of today or of the analyst's machine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from forensics import __version__
from forensics.checkpoints.scripts import add_command, listing_command, remove_command, state_command, status_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from forensics.checkpoints.scripts import Plan, Removal

HEADS: Final = {"cleanup.cmd": "@rem ccrf checkpoint cleanup", "undo.cmd": "@rem ccrf checkpoint undo"}
"""The names of the scripts, and how the first line of each begins: what does not begin so is not ours."""

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.() -]", re.ASCII)

_TAIL: Final = r"""
:failed
set "TEXT=STOPPED: the last command failed, with code %CODE%. Nothing after it was done."
call :say
set "RESULT=1"
goto finish

:unlisted
set "TEXT=Nothing was changed: none of these checkpoints is listed."
call :say
set "TEXT=They are gone already, or the listing above has a form that this script cannot read."
call :say
set "RESULT=3"
goto finish

:finish
set "TEXT=Exit code %RESULT%. What was done stands in '%LOG%'."
call :say
del "%BASE%.*.out" >nul 2>&1
exit /b %RESULT%

:usage
echo Read the first lines of this script: it takes {usage}.
exit /b 2

:nolog
echo STOPPED: the log "%LOG%" cannot be written. Copy this script into a folder where it can.
exit /b 1

:say
setlocal EnableDelayedExpansion
echo !TEXT!
echo !TEXT!>>"!LOG!"
endlocal
goto :eof

:next
set /a STEP+=1
set "OUT=%BASE%.%STEP%.out"
if exist "%OUT%" del "%OUT%"
goto :eof

:show
type "%OUT%"
type "%OUT%" >>"%LOG%"
goto :eof

:look
set "SEEN="
for /f "usebackq tokens=* delims=" %%l in ("%OUT%") do (
    set "LINE=.%%l"
    call :match
)
goto :eof

:match
set "LINE=%LINE:"=%"
goto match_%WANTED%
"""

_STATE: Final = r"""
:words
set "ONLINE="
set "OFFLINE="
for /f "usebackq tokens=* delims=" %%l in ("%OUT%") do (
    set "LINE=.%%l"
    call :word
)
goto :eof

:word
set "LINE=%LINE:"=%"
:trim
if "%LINE:~-1%"==" " set "LINE=%LINE:~0,-1%" & goto trim
if /i "%LINE:~-7%"==" Online" set "ONLINE=yes"
if /i "%LINE:~-8%"==" Pending" set "ONLINE=yes"
if /i "%LINE:~-8%"==" Offline" set "OFFLINE=yes"
goto :eof

:online
set "TEXT=STOPPED, nothing was changed: the resource is online, or about to be."
call :say
set "TEXT=Take it offline yourself, then run this again."
call :say
set "RESULT=4"
goto finish

:doubt
set "TEXT=STOPPED, nothing was changed: this script cannot tell that the resource is offline."
call :say
set "TEXT=Look at the state above. If the resource is offline, run this again as: %~n0 offline-confirmed"
call :say
set "RESULT=4"
goto finish
"""

_CLEANUP_HEAD: Final = """
It removes registry checkpoints that a product left behind: with them the
cluster brings old registry keys back when the resource comes online. So run
it while the resource is offline, before the mailbox server is brought online.
It takes nothing offline or online, and stops where the resource is online.

Run it on one node of the cluster, in a command prompt of an administrator:
    cleanup.cmd
The cluster keeps checkpoints once for all its nodes. On the other node too it
does no harm: it removes what is listed, and nothing else. It asks WMI for the
state, then takes the words Online and Offline of cluster.exe. Where it can
tell neither, it stops; if you see that the resource is offline:
    cleanup.cmd offline-confirmed
What it did stands in cleanup.log beside it. It is plain ASCII and leaves the
code page alone. Exit codes: 0 done, 1 a command failed, 2 wrong argument,
3 a checkpoint is still listed or none was, 4 stopped, nothing was changed.
"""

_UNDO_HEAD: Final = """
It adds the checkpoints again that cleanup.cmd removes. The keys are those of
the registry as it then is: do not expect what the removed checkpoints had
saved to come back with it. It takes nothing offline or online.

Run it on one node of the cluster, in a command prompt of an administrator:
    undo.cmd
What it did stands in undo.log beside it. It is plain ASCII and leaves the
code page alone. Exit codes: 0 done, 1 a command failed, 2 wrong argument,
3 a checkpoint is not listed afterwards.
"""


def cleanup_script(plan: Plan, case: str) -> bytes:
    """`cleanup.cmd` for a plan that removes something. `case`: what the case is called."""
    lines = [*_head("cleanup.cmd", _CLEANUP_HEAD, plan, case), *_start("offline-confirmed or nothing")]
    for number, resource in enumerate(plan.resources, start=1):
        lines += ["", f"rem ---- {number}. {resource}: what there is, and whether it is offline"]
        lines += [*_listing(resource, ""), 'set "HERE="']
        for key, _ in _numbered(plan, number, resource):
            lines += [*_look(key), f'set "DO_{key}=%SEEN%"', 'if defined SEEN set "HERE=yes"']
        lines += [f"if not defined HERE goto asked_{number}", 'set "ANY=yes"', *_state(resource), f":asked_{number}"]
    lines += ["", "if not defined ANY goto unlisted"]
    for number, resource in enumerate(plan.resources, start=1):
        lines += ["", f"rem ---- {number}. {resource}: removed is what is listed"]
        for key, one in _numbered(plan, number, resource):
            lines += _step(one, key, remove_command, "Removing", "Not listed, so not removed:")
    for number, resource in enumerate(plan.resources, start=1):
        lines += ["", f"rem ---- {number}. {resource}: what is there now"]
        lines += _listing(resource, " after the removal")
        for key, one in _numbered(plan, number, resource):
            lines += [*_look(key), "if defined SEEN (", f"    set \"TEXT=STILL THERE: '{one.key}'\""]
            lines += ["    call :say", '    set "RESULT=3"', ")"]
    lines += ["goto finish"]
    return _bytes((*lines, *_STATE.splitlines(), *_tail("offline-confirmed or nothing"), "", *_matches(plan)))


def undo_script(plan: Plan, case: str) -> bytes:
    """`undo.cmd` for the same plan: it adds what `cleanup.cmd` removes."""
    lines = [*_head("undo.cmd", _UNDO_HEAD, plan, case), *_start("")]
    for number, resource in enumerate(plan.resources, start=1):
        lines += ["", f"rem ---- {number}. {resource}: what there is"]
        lines += _listing(resource, "")
        for key, _ in _numbered(plan, number, resource):
            lines += [*_look(key), f'set "DO_{key}="', f'if not defined SEEN set "DO_{key}=yes"']
    for number, resource in enumerate(plan.resources, start=1):
        lines += ["", f"rem ---- {number}. {resource}: added is what is not listed"]
        for key, one in _numbered(plan, number, resource):
            lines += _step(one, key, add_command, "Adding", "Listed already, so not added:")
    for number, resource in enumerate(plan.resources, start=1):
        lines += ["", f"rem ---- {number}. {resource}: what is there now"]
        lines += _listing(resource, " after the additions")
        for key, one in _numbered(plan, number, resource):
            lines += [*_look(key), "if not defined SEEN (", f"    set \"TEXT=NOT LISTED: '{one.key}'\""]
            lines += ["    call :say", '    set "RESULT=3"', ")"]
    lines += ["goto finish"]
    return _bytes((*lines, *_tail("no argument"), "", *_matches(plan)))


def _numbered(plan: Plan, number: int, resource: str) -> Iterator[tuple[str, Removal]]:
    of = [one for one in plan.removals if one.resource == resource]
    return ((f"{number}_{position}", one) for position, one in enumerate(of, start=1))


def _head(name: str, text: str, plan: Plan, case: str) -> Iterator[str]:
    yield f"{HEADS[name]}, made by ccrf {__version__}"
    yield f"@rem Case: {_UNSAFE.sub('_', case)[:80]}. Nodes: {', '.join(_UNSAFE.sub('_', n) for n in plan.nodes)}."
    for line in text.splitlines():
        yield f"@rem {line}".rstrip()
    yield "@rem"
    yield "@rem Resources, their keys, and the checkpoints of the case that say so:"
    for resource in plan.resources:
        yield f"@rem   {resource}"
        for one in plan.removals:
            if one.resource == resource:
                yield f"@rem     {one.key} ({', '.join(one.checkpoints)})"


def _start(argument: str) -> Iterator[str]:
    yield from ("@echo off", "setlocal EnableExtensions DisableDelayedExpansion")
    yield from ('set "BASE=%~dpn0"', 'set "LOG=%~dpn0.log"', "set STEP=0", 'set "RESULT=0"', 'set "ANY="')
    if argument:
        yield from ('set "CONFIRMED="', 'if /i "%~1"=="offline-confirmed" set "CONFIRMED=yes"')
        yield 'if not "%~1"=="" if not defined CONFIRMED goto usage'
    else:
        yield 'if not "%~1"=="" goto usage'
    yield from ("call :next", 'echo ---- %DATE% %TIME% on "%COMPUTERNAME%">"%OUT%"')
    yield from ('if not exist "%OUT%" goto nolog', 'type "%OUT%" >>"%LOG%"')


def _run(command: str) -> Iterator[str]:
    """A command, its output shown and logged, its code checked; output that cannot be kept is a failure."""
    yield from ("call :next", f'echo {command}>>"%LOG%"')
    yield f'call {command} >"%OUT%" 2>&1'
    yield from ('set "CODE=%ERRORLEVEL%"', 'if not exist "%OUT%" set "CODE=none, its output was not kept"')
    yield from ("call :show", 'if not "%CODE%"=="0" goto failed')


def _listing(resource: str, when: str) -> Iterator[str]:
    yield from (f"set \"TEXT=Checkpoints of '{resource}'{when}:\"", "call :say")
    yield from _run(listing_command(resource))


def _look(key: str) -> Iterator[str]:
    yield from (f'set "WANTED={key}"', "call :look")


def _matches(plan: Plan) -> Iterator[str]:
    """For each key a place that tells whether it stands in a line; `cmd` compares without case here."""
    for number, resource in enumerate(plan.resources, start=1):
        for key, one in _numbered(plan, number, resource):
            yield from (f":match_{key}", f'set "REST=%LINE:{one.key}=%"')
            yield from ('if not "%REST%"=="%LINE%" set "SEEN=yes"', "goto :eof", "")


def _state(resource: str) -> Iterator[str]:
    yield from (f"set \"TEXT=State of '{resource}':\"", "call :say")
    yield from _run(status_command(resource))
    yield from ("call :words", 'set "STATE="')
    # wmic waits for its standard input, and ends its lines with CR CR LF: the second loop takes that CR away.
    asked = f"{state_command(resource)} ^<nul 2^>nul"
    yield f'for /f "tokens=2 delims==" %%s in (\'{asked}\') do for /f %%t in ("%%s") do set "STATE=%%t"'
    yield from ('echo State by WMI: "%STATE%">>"%LOG%"', "if defined ONLINE goto online")
    # https://learn.microsoft.com/windows/win32/api/clusapi/ne-clusapi-cluster_resource_state
    for code in (0, 1, 2, 128, 129, 130):
        yield f'if "%STATE%"=="{code}" goto online'
    yield 'set "KNOWN="'
    yield 'if "%STATE%"=="3" set "KNOWN=yes"'
    yield 'if not defined STATE if defined OFFLINE set "KNOWN=yes"'
    yield "if not defined KNOWN if not defined CONFIRMED goto doubt"


def _step(one: Removal, key: str, command: Callable[[str, str], str], doing: str, otherwise: str) -> Iterator[str]:
    yield f"if defined DO_{key} goto do_{key}"
    yield from (f"set \"TEXT={otherwise} '{one.key}'\"", "call :say", f"goto next_{key}", f":do_{key}")
    yield from (f"set \"TEXT={doing} '{one.key}' ...\"", "call :say")
    yield from _run(command(one.resource, one.key))
    yield f":next_{key}"


def _tail(usage: str) -> Sequence[str]:
    return _TAIL.replace("{usage}", usage).splitlines()


def _bytes(lines: Iterable[str]) -> bytes:
    """ASCII with CR LF; an error would be a bug: everything that comes from evidence was let through as ASCII."""
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")
