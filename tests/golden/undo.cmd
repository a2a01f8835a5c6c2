@rem ccrf checkpoint undo, made by ccrf VERSION
@rem Case: case.db. Nodes: EXNODE1, EXNODE2.
@rem
@rem It adds the checkpoints again that cleanup.cmd removes. The keys are those of
@rem the registry as it then is: do not expect what the removed checkpoints had
@rem saved to come back with it. It takes nothing offline or online.
@rem
@rem Run it on one node of the cluster, in a command prompt of an administrator:
@rem     undo.cmd
@rem What it did stands in undo.log beside it. It is plain ASCII and leaves the
@rem code page alone. Exit codes: 0 done, 1 a command failed, 2 wrong argument,
@rem 3 a checkpoint is not listed afterwards.
@rem
@rem Resources, their keys, and the checkpoints of the case that say so:
@rem   Exchange Information Store Instance (CMS1)
@rem     SOFTWARE\Microsoft\Forefront Server Security\Exchange Server (checkpoint:1, checkpoint:3)
@rem     SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan (checkpoint:2)
@echo off
setlocal EnableExtensions DisableDelayedExpansion
set "BASE=%~dpn0"
set "LOG=%~dpn0.log"
set STEP=0
set "RESULT=0"
set "ANY="
if not "%~1"=="" goto usage
call :next
echo ---- %DATE% %TIME% on "%COMPUTERNAME%">"%OUT%"
if not exist "%OUT%" goto nolog
type "%OUT%" >>"%LOG%"

rem ---- 1. Exchange Information Store Instance (CMS1): what there is
set "TEXT=Checkpoints of 'Exchange Information Store Instance (CMS1)':"
call :say
call :next
echo cluster res "Exchange Information Store Instance (CMS1)" /checkpoints>>"%LOG%"
call cluster res "Exchange Information Store Instance (CMS1)" /checkpoints >"%OUT%" 2>&1
set "CODE=%ERRORLEVEL%"
if not exist "%OUT%" set "CODE=none, its output was not kept"
call :show
if not "%CODE%"=="0" goto failed
set "WANTED=1_1"
call :look
set "DO_1_1="
if not defined SEEN set "DO_1_1=yes"
set "WANTED=1_2"
call :look
set "DO_1_2="
if not defined SEEN set "DO_1_2=yes"

rem ---- 1. Exchange Information Store Instance (CMS1): added is what is not listed
if defined DO_1_1 goto do_1_1
set "TEXT=Listed already, so not added: 'SOFTWARE\Microsoft\Forefront Server Security\Exchange Server'"
call :say
goto next_1_1
:do_1_1
set "TEXT=Adding 'SOFTWARE\Microsoft\Forefront Server Security\Exchange Server' ..."
call :say
call :next
echo cluster res "Exchange Information Store Instance (CMS1)" /addcheckpoints:"SOFTWARE\Microsoft\Forefront Server Security\Exchange Server">>"%LOG%"
call cluster res "Exchange Information Store Instance (CMS1)" /addcheckpoints:"SOFTWARE\Microsoft\Forefront Server Security\Exchange Server" >"%OUT%" 2>&1
set "CODE=%ERRORLEVEL%"
if not exist "%OUT%" set "CODE=none, its output was not kept"
call :show
if not "%CODE%"=="0" goto failed
:next_1_1
if defined DO_1_2 goto do_1_2
set "TEXT=Listed already, so not added: 'SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan'"
call :say
goto next_1_2
:do_1_2
set "TEXT=Adding 'SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan' ..."
call :say
call :next
echo cluster res "Exchange Information Store Instance (CMS1)" /addcheckpoints:"SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan">>"%LOG%"
call cluster res "Exchange Information Store Instance (CMS1)" /addcheckpoints:"SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan" >"%OUT%" 2>&1
set "CODE=%ERRORLEVEL%"
if not exist "%OUT%" set "CODE=none, its output was not kept"
call :show
if not "%CODE%"=="0" goto failed
:next_1_2

rem ---- 1. Exchange Information Store Instance (CMS1): what is there now
set "TEXT=Checkpoints of 'Exchange Information Store Instance (CMS1)' after the additions:"
call :say
call :next
echo cluster res "Exchange Information Store Instance (CMS1)" /checkpoints>>"%LOG%"
call cluster res "Exchange Information Store Instance (CMS1)" /checkpoints >"%OUT%" 2>&1
set "CODE=%ERRORLEVEL%"
if not exist "%OUT%" set "CODE=none, its output was not kept"
call :show
if not "%CODE%"=="0" goto failed
set "WANTED=1_1"
call :look
if not defined SEEN (
    set "TEXT=NOT LISTED: 'SOFTWARE\Microsoft\Forefront Server Security\Exchange Server'"
    call :say
    set "RESULT=3"
)
set "WANTED=1_2"
call :look
if not defined SEEN (
    set "TEXT=NOT LISTED: 'SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan'"
    call :say
    set "RESULT=3"
)
goto finish

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
echo Read the first lines of this script: it takes no argument.
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

:match_1_1
set "REST=%LINE:SOFTWARE\Microsoft\Forefront Server Security\Exchange Server=%"
if not "%REST%"=="%LINE%" set "SEEN=yes"
goto :eof

:match_1_2
set "REST=%LINE:SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan=%"
if not "%REST%"=="%LINE%" set "SEEN=yes"
goto :eof

