@rem ccrf checkpoint cleanup, made by ccrf VERSION
@rem Case: case.db. Nodes: EXNODE1, EXNODE2.
@rem
@rem It removes registry checkpoints that a product left behind: with them the
@rem cluster brings old registry keys back when the resource comes online. So run
@rem it while the resource is offline, before the mailbox server is brought online.
@rem It takes nothing offline or online, and stops where the resource is online.
@rem
@rem Run it on one node of the cluster, in a command prompt of an administrator:
@rem     cleanup.cmd
@rem The cluster keeps checkpoints once for all its nodes. On the other node too it
@rem does no harm: it removes what is listed, and nothing else. It asks WMI for the
@rem state, then takes the words Online and Offline of cluster.exe. Where it can
@rem tell neither, it stops; if you see that the resource is offline:
@rem     cleanup.cmd offline-confirmed
@rem What it did stands in cleanup.log beside it. It is plain ASCII and leaves the
@rem code page alone. Exit codes: 0 done, 1 a command failed, 2 wrong argument,
@rem 3 a checkpoint is still listed or none was, 4 stopped, nothing was changed.
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
set "CONFIRMED="
if /i "%~1"=="offline-confirmed" set "CONFIRMED=yes"
if not "%~1"=="" if not defined CONFIRMED goto usage
call :next
echo ---- %DATE% %TIME% on "%COMPUTERNAME%">"%OUT%"
if not exist "%OUT%" goto nolog
type "%OUT%" >>"%LOG%"

rem ---- 1. Exchange Information Store Instance (CMS1): what there is, and whether it is offline
set "TEXT=Checkpoints of 'Exchange Information Store Instance (CMS1)':"
call :say
call :next
echo cluster res "Exchange Information Store Instance (CMS1)" /checkpoints>>"%LOG%"
call cluster res "Exchange Information Store Instance (CMS1)" /checkpoints >"%OUT%" 2>&1
set "CODE=%ERRORLEVEL%"
if not exist "%OUT%" set "CODE=none, its output was not kept"
call :show
if not "%CODE%"=="0" goto failed
set "HERE="
set "WANTED=1_1"
call :look
set "DO_1_1=%SEEN%"
if defined SEEN set "HERE=yes"
set "WANTED=1_2"
call :look
set "DO_1_2=%SEEN%"
if defined SEEN set "HERE=yes"
if not defined HERE goto asked_1
set "ANY=yes"
set "TEXT=State of 'Exchange Information Store Instance (CMS1)':"
call :say
call :next
echo cluster res "Exchange Information Store Instance (CMS1)" /status>>"%LOG%"
call cluster res "Exchange Information Store Instance (CMS1)" /status >"%OUT%" 2>&1
set "CODE=%ERRORLEVEL%"
if not exist "%OUT%" set "CODE=none, its output was not kept"
call :show
if not "%CODE%"=="0" goto failed
call :words
set "STATE="
for /f "tokens=2 delims==" %%s in ('wmic /namespace:\\root\mscluster path MSCluster_Resource where "Name='Exchange Information Store Instance (CMS1)'" get State /value ^<nul 2^>nul') do for /f %%t in ("%%s") do set "STATE=%%t"
echo State by WMI: "%STATE%">>"%LOG%"
if defined ONLINE goto online
if "%STATE%"=="0" goto online
if "%STATE%"=="1" goto online
if "%STATE%"=="2" goto online
if "%STATE%"=="128" goto online
if "%STATE%"=="129" goto online
if "%STATE%"=="130" goto online
set "KNOWN="
if "%STATE%"=="3" set "KNOWN=yes"
if not defined STATE if defined OFFLINE set "KNOWN=yes"
if not defined KNOWN if not defined CONFIRMED goto doubt
:asked_1

if not defined ANY goto unlisted

rem ---- 1. Exchange Information Store Instance (CMS1): removed is what is listed
if defined DO_1_1 goto do_1_1
set "TEXT=Not listed, so not removed: 'SOFTWARE\Microsoft\Forefront Server Security\Exchange Server'"
call :say
goto next_1_1
:do_1_1
set "TEXT=Removing 'SOFTWARE\Microsoft\Forefront Server Security\Exchange Server' ..."
call :say
call :next
echo cluster res "Exchange Information Store Instance (CMS1)" /removecheckpoints:"SOFTWARE\Microsoft\Forefront Server Security\Exchange Server">>"%LOG%"
call cluster res "Exchange Information Store Instance (CMS1)" /removecheckpoints:"SOFTWARE\Microsoft\Forefront Server Security\Exchange Server" >"%OUT%" 2>&1
set "CODE=%ERRORLEVEL%"
if not exist "%OUT%" set "CODE=none, its output was not kept"
call :show
if not "%CODE%"=="0" goto failed
:next_1_1
if defined DO_1_2 goto do_1_2
set "TEXT=Not listed, so not removed: 'SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan'"
call :say
goto next_1_2
:do_1_2
set "TEXT=Removing 'SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan' ..."
call :say
call :next
echo cluster res "Exchange Information Store Instance (CMS1)" /removecheckpoints:"SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan">>"%LOG%"
call cluster res "Exchange Information Store Instance (CMS1)" /removecheckpoints:"SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan" >"%OUT%" 2>&1
set "CODE=%ERRORLEVEL%"
if not exist "%OUT%" set "CODE=none, its output was not kept"
call :show
if not "%CODE%"=="0" goto failed
:next_1_2

rem ---- 1. Exchange Information Store Instance (CMS1): what is there now
set "TEXT=Checkpoints of 'Exchange Information Store Instance (CMS1)' after the removal:"
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
if defined SEEN (
    set "TEXT=STILL THERE: 'SOFTWARE\Microsoft\Forefront Server Security\Exchange Server'"
    call :say
    set "RESULT=3"
)
set "WANTED=1_2"
call :look
if defined SEEN (
    set "TEXT=STILL THERE: 'SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan'"
    call :say
    set "RESULT=3"
)
goto finish

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
echo Read the first lines of this script: it takes offline-confirmed or nothing.
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

