@echo off
rem collect.cmd: copies what an investigation needs from a node of the cluster, and changes nothing on it.
rem
rem   collect.cmd [FOLDER] [raw]
rem
rem FOLDER: where to; without it, beside this script. A folder named after the computer is made there.
rem raw: on Server 2003 do not ask WMI for the event logs, copy their files as they are (see "wmic" below).
rem
rem Run it on each node, as an administrator (Server 2008: "Run as administrator"), from a local disk or a share.
rem It asks nothing. What came and what did not is in collect.log: success, failure, or missing (it is not there).
rem Written by ccrf VERSION from the profile fse-ccr.
setlocal EnableExtensions DisableDelayedExpansion

rem A 32-bit shell of a 64-bit Windows is shown another registry and other system files.
if defined PROCESSOR_ARCHITEW6432 if exist "%SystemRoot%\sysnative\cmd.exe" goto :native

set "ROOT=%~1"
if not defined ROOT set "ROOT=%~dp0."
for %%R in ("%ROOT%") do set "ROOT=%%~fR"
if "%ROOT:~-1%"=="\" set "ROOT=%ROOT:~0,-1%"
set "RAW="
if /i "%~2"=="raw" set "RAW=1"
set "NODE=%COMPUTERNAME%"
if not defined NODE set "NODE=NODE"
set "OUT=%ROOT%\%NODE%"
if not exist "%OUT%" goto :begin
for /l %%I in (99,-1,2) do if not exist "%ROOT%\%NODE%-%%I" set "OUT=%ROOT%\%NODE%-%%I"
if exist "%OUT%" goto :no_folder

:begin
mkdir "%OUT%" 2>nul
if not exist "%OUT%\" goto :no_folder
set "LOG=%OUT%\collect.log"
set "SAID=%OUT%\commands.log"
for %%D in (Cluster Files Listings Logs Registry System) do mkdir "%OUT%\%%D"
set "COUNT=0"
set "PRODUCT_FOUND="
rem Four digits of a year, where dir knows how to be asked for them.
set "YEARS=/4"
dir /4 "%SystemRoot%\*.exe" <nul >nul 2>&1
if errorlevel 1 set "YEARS="
rem How dir writes dates is the user's choice: 01/02/2008 is a day of January or of February.
set "DATES="
for /f "tokens=1,2,*" %%A in ('reg query "HKCU\Control Panel\International" /v sShortDate 2^>nul') do set "DATES=%%C"
if defined DATES set "DATES=%DATES:"=%"
>>"%LOG%" echo ccrf VERSION collect.cmd, profile fse-ccr
>>"%LOG%" echo begin    "%NODE%"  "%DATE% %TIME%" (local time)
>>"%LOG%" ver
if defined PROCESSOR_ARCHITEW6432 echo note     "a 32-bit shell: the registry is that of 32-bit programs">>"%LOG%"
echo Collecting into "%OUT%"

rem --- the machine --------------------------------------------------------------------------------------------------

set "TOOL=systeminfo"
set "RUN=systeminfo"
set "WHAT=System\systeminfo.txt"
call :capture
set "TOOL=w32tm"
set "RUN=w32tm /tz"
set "WHAT=System\timezone.txt"
call :capture
set "RUN=w32tm /query /status"
set "WHAT=System\clock-status.txt"
call :capture
set "RUN=w32tm /query /configuration"
set "WHAT=System\clock-configuration.txt"
call :capture
set "TOOL=sc"
set "RUN=sc query state= all"
set "WHAT=System\services.txt"
call :capture
set "TOOL=tasklist"
set "RUN=tasklist /svc"
set "WHAT=System\processes.txt"
call :capture
set "TOOL=whoami"
set "RUN=whoami /all"
set "WHAT=System\whoami.txt"
call :capture

rem --- event logs ---------------------------------------------------------------------------------------------------

set "LOGNAME=Application"
set "EVTX=Application.evtx"
set "EVT=AppEvent.Evt"
call :event_log
set "LOGNAME=System"
set "EVTX=System.evtx"
set "EVT=SysEvent.Evt"
call :event_log
set "LOGNAME=Security"
set "EVTX=Security.evtx"
set "EVT=SecEvent.Evt"
call :event_log
set "LOGNAME=Microsoft-Windows-FailoverClustering/Operational"
set "EVTX=Microsoft-Windows-FailoverClustering%%4Operational.evtx"
set "EVT="
call :event_log

rem --- the cluster --------------------------------------------------------------------------------------------------

set "TOOL=cluster"
set "RUN=cluster res /check"
set "WHAT=Cluster\checkpoints.txt"
call :capture
set "RUN=cluster res"
set "WHAT=Cluster\resources.txt"
call :capture
set "RUN=cluster group"
set "WHAT=Cluster\groups.txt"
call :capture
set "RUN=cluster node"
set "WHAT=Cluster\nodes.txt"
call :capture
set "RUN=cluster /prop"
set "WHAT=Cluster\properties.txt"
call :capture
set "RUN=cluster /ver"
set "WHAT=Cluster\version.txt"
call :capture

rem Server 2008 has no cluster.log until it is asked for one; Windows writes it into its own Reports folder.
set "TOOL=wevtutil"
call :have
if errorlevel 1 goto :cluster_log_2003
set "TOOL=cluster"
set "RUN=cluster log /g"
set "WHAT=Cluster\cluster-log-g.txt"
call :capture
set "SRC=%SystemRoot%\Cluster\Reports\cluster.log"
goto :cluster_log
:cluster_log_2003
set "SRC=%SystemRoot%\Cluster\cluster.log"
if defined ClusterLog set "SRC=%ClusterLog%"
:cluster_log
set "WHAT=Cluster\cluster.log"
call :copy_to

rem The cluster service holds its hive open; where it cannot be copied, Windows saves it.
set "WHAT=Cluster\CLUSDB"
set "SRC=%SystemRoot%\Cluster\CLUSDB"
copy /b /y "%SRC%" "%OUT%\%WHAT%" <nul >>"%SAID%" 2>&1
if exist "%OUT%\%WHAT%" goto :clusdb_copied
reg query "HKLM\Cluster" <nul >nul 2>&1
if errorlevel 1 goto :clusdb_missing
reg save "HKLM\Cluster" "%OUT%\%WHAT%" <nul >>"%SAID%" 2>&1
set "HOW=saved by reg save, the file itself is held open"
if exist "%OUT%\%WHAT%" call :success
if not exist "%OUT%\%WHAT%" call :failure
goto :clusdb_done
:clusdb_copied
set "HOW=copied"
call :success
goto :clusdb_done
:clusdb_missing
set "HOW=no cluster here"
call :missing
:clusdb_done
set "SRC=%SystemRoot%\Cluster"
set "MASK=*.cpt"
call :matching
set "NAME=cluster"
call :listing

rem --- registry -----------------------------------------------------------------------------------------------------

set "KEY=SOFTWARE\Microsoft\Forefront Server Security\Exchange Server"
set "NAME=SOFTWARE_Microsoft_Forefront Server Security_Exchange Server"
call :key
set "KEY=SOFTWARE\Wow6432Node\Microsoft\Forefront Server Security\Exchange Server"
set "NAME=SOFTWARE_Wow6432Node_Microsoft_Forefront Server Security_Exchange Server"
call :key
set "KEY=SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan"
set "NAME=SYSTEM_CurrentControlSet_Services_MSExchangeIS_VirusScan"
call :key
set "KEY=Cluster"
set "NAME=Cluster"
call :key
set "KEY=SYSTEM\CurrentControlSet\Services\ClusSvc"
set "NAME=SYSTEM_CurrentControlSet_Services_ClusSvc"
call :key
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog"
set "NAME=SYSTEM_CurrentControlSet_Services_EventLog"
call :key
set "KEY=SYSTEM\CurrentControlSet\Services\W32Time"
set "NAME=SYSTEM_CurrentControlSet_Services_W32Time"
call :key
set "KEY=SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
set "NAME=SYSTEM_CurrentControlSet_Control_TimeZoneInformation"
call :key
set "KEY=SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
set "NAME=SOFTWARE_Microsoft_Windows_CurrentVersion_Uninstall"
call :key
set "KEY=SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall"
set "NAME=SOFTWARE_Wow6432Node_Microsoft_Windows_CurrentVersion_Uninstall"
call :key

rem --- the product: where the registry says, and where it is by default ---------------------------------------------

set "KEY=SOFTWARE\Microsoft\Forefront Server Security\Exchange Server"
call :product
set "KEY=SOFTWARE\Wow6432Node\Microsoft\Forefront Server Security\Exchange Server"
call :product
set "SRC=%SystemDrive%\Program Files\Microsoft Forefront Security\Exchange Server"
if not defined PRODUCT_FOUND call :installed
set "SRC=%SystemDrive%\Program Files (x86)\Microsoft Forefront Security\Exchange Server"
if not defined PRODUCT_FOUND call :installed
set "WHAT=the product's folders"
set "HOW=neither in the registry nor in the default places"
if not defined PRODUCT_FOUND call :missing

rem --- message files of event sources: without them most events of a log have no text -------------------------------

set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\Application\FSECCRService"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\Application\FSCController"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\Application\FSEIMC"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\Application\Microsoft Forefront Security"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\Application\StatisticsManager"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\Application\GetEngineFiles"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\Application\MSExchangeRepl"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\Application\MSExchangeIS"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\Application\MSExchangeIS Mailbox Store"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\Application\MSExchangeSA"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\Application\MsiInstaller"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\System\ClusSvc"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\System\EventLog"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\System\USER32"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\System\Service Control Manager"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\System\W32Time"
call :source
set "KEY=SYSTEM\CurrentControlSet\Services\EventLog\Security\Security"
call :source

>>"%LOG%" echo end      "%NODE%"  "%DATE% %TIME%" (local time)
echo Done. What came and what did not is in "%LOG%"
exit /b 0

:native
"%SystemRoot%\sysnative\cmd.exe" /c ""%~f0" %*"
exit /b %ERRORLEVEL%

:no_folder
echo "%OUT%" cannot be made: name a folder that can be written, as in  collect.cmd D:\evidence
exit /b 1

rem ==================================================================================================================
rem Everything below is called. Names and paths travel in variables and never as arguments: "call" would read them
rem twice. No block in parentheses holds a variable: a path like "C:\Program Files (x86)" would end it.

rem An outcome, WHAT it is of, and HOW or why.
:success
>>"%LOG%" echo success  "%WHAT%"  "%HOW%"
exit /b 0
:failure
>>"%LOG%" echo failure  "%WHAT%"  "%HOW%"
exit /b 0
:missing
>>"%LOG%" echo missing  "%WHAT%"  "%HOW%"
exit /b 0

rem Whether there is a program TOOL.
:have
for %%X in (%TOOL%.exe) do if not "%%~$PATH:X"=="" exit /b 0
exit /b 1

rem What RUN prints, by the program TOOL, into WHAT.
:capture
set "HOW=there is no %TOOL%"
call :have
if errorlevel 1 goto :missing
%RUN% <nul >"%OUT%\%WHAT%" 2>&1
set "CODE=%ERRORLEVEL%"
set "HOW=%RUN%: exit code %CODE%"
if not "%CODE%"=="0" goto :failure
goto :success

rem The log LOGNAME into Logs, by the service itself where it does that; else its file, as it lies there.
:event_log
set "WHAT=Logs\%EVTX%"
set "TOOL=wevtutil"
call :have
if errorlevel 1 goto :event_log_2003
wevtutil epl "%LOGNAME%" "%OUT%\%WHAT%" <nul >>"%SAID%" 2>&1
set "HOW=wevtutil epl"
if exist "%OUT%\%WHAT%" goto :success
set "SRC=%SystemRoot%\System32\winevt\Logs\%EVTX%"
set "HOW=copied, the service may have been writing it"
goto :event_log_file
:event_log_2003
set "HOW=Server 2003 has no such log"
if not defined EVT goto :missing
set "WHAT=Logs\%EVT%"
set "SRC=%SystemRoot%\System32\config\%EVT%"
set "HOW=copied as it lies there: its header is that of the last start (dirty)"
if defined RAW goto :event_log_file
set "TOOL=wmic"
call :have
if errorlevel 1 goto :event_log_file
set "TO=%OUT%\%WHAT%"
wmic nteventlog where "LogFileName='%LOGNAME%'" call BackupEventlog "%TO%" <nul >>"%OUT%\wmic.log" 2>&1
if exist "%TO%" goto :event_log_saved
wmic nteventlog where "LogFileName='%LOGNAME%'" call BackupEventlog "%TO:\=\\%" <nul >>"%OUT%\wmic.log" 2>&1
if not exist "%TO%" goto :event_log_file
:event_log_saved
set "HOW=saved by the service, through WMI"
goto :success
:event_log_file
if not exist "%SRC%" goto :event_log_missing
copy /b /y "%SRC%" "%OUT%\%WHAT%" <nul >>"%SAID%" 2>&1
if exist "%OUT%\%WHAT%" goto :success
set "HOW=neither saved nor copied, see commands.log"
goto :failure
:event_log_missing
set "HOW=not at %SRC%"
goto :missing

rem The file SRC to WHAT.
:copy_to
set "HOW=not at %SRC%"
if not exist "%SRC%" goto :missing
copy /b /y "%SRC%" "%OUT%\%WHAT%" <nul >>"%SAID%" 2>&1
set "HOW=%SRC%"
if exist "%OUT%\%WHAT%" goto :success
goto :failure

rem Where SRC goes: REL, its path with the drive as a folder.
:place
set "REL=%SRC::=%"
if "%REL:~0,2%"=="\\" set "REL=UNC\%REL:~2%"
set "WHAT=Files\%REL%"
exit /b 0

rem The file SRC to its place.
:file
call :place
if exist "%OUT%\%WHAT%" exit /b 0
set "HOW=not there"
if not exist "%SRC%" goto :missing
for %%D in ("%OUT%\%WHAT%") do set "INTO=%%~dpD"
if not exist "%INTO%" mkdir "%INTO%"
copy /b /y "%SRC%" "%OUT%\%WHAT%" <nul >>"%SAID%" 2>&1
set "HOW=copied"
if exist "%OUT%\%WHAT%" goto :success
set "HOW=not copied, see commands.log"
goto :failure

rem The folder SRC with all below to its place: times of files are kept by both programs, those of folders by robocopy.
:tree
call :place
set "HOW=not there"
if not exist "%SRC%\" goto :missing
set "TOOL=robocopy"
set "BY=robocopy"
call :have
if errorlevel 1 goto :tree_xcopy
robocopy "%SRC%" "%OUT%\%WHAT%" /E /COPY:DAT /DCOPY:T /R:0 /W:0 /XJ /NP /NFL /NDL <nul >>"%SAID%" 2>&1
call :compare
if "%LEFT%"=="0" goto :tree_told
:tree_xcopy
set "BY=xcopy"
xcopy "%SRC%" "%OUT%\%WHAT%" /E /I /H /K /R /C /Q /Y <nul >>"%SAID%" 2>&1
call :compare
:tree_told
set "HOW=%GOT% of %HAD% files, by %BY%"
if "%LEFT%"=="0" goto :success
goto :failure

rem How many files lie below SRC (HAD) and below WHAT (GOT), and how many were LEFT.
:compare
set "HAD=0"
set "GOT=0"
for /f "delims=" %%F in ('dir /s /b /a-d "%SRC%" 2^>nul') do set /a HAD+=1
for /f "delims=" %%F in ('dir /s /b /a-d "%OUT%\%WHAT%" 2^>nul') do set /a GOT+=1
set /a LEFT=HAD-GOT
if %LEFT% lss 0 set "LEFT=0"
exit /b 0

rem Files called MASK anywhere below the folder SRC, each to its place.
:matching
set "BELOW=%SRC%"
set "FOUND="
for /f "delims=" %%F in ('dir /s /b /a-d "%BELOW%\%MASK%" 2^>nul') do (
    set "SRC=%%F"
    call :found
)
set "SRC=%BELOW%"
set "WHAT=%MASK% below %BELOW%"
set "HOW=none there"
if not defined FOUND goto :missing
exit /b 0
:found
set "FOUND=1"
goto :file

rem What lies below the folder SRC, with times of writing and of creation.
:listing
set "HOW=not there"
set "WHAT=listing of %SRC%"
if not exist "%SRC%\" goto :missing
set /a COUNT+=1
set "WHAT=Listings\%COUNT%-%NAME%-written.txt"
>"%OUT%\%WHAT%" echo ccrf listing: the times are those of writing, dates as "%DATES%"
dir "%SRC%" /s /a /-c %YEARS% /tw <nul >>"%OUT%\%WHAT%" 2>>"%SAID%"
set "HOW=%SRC%"
call :success
set "WHAT=Listings\%COUNT%-%NAME%-created.txt"
>"%OUT%\%WHAT%" echo ccrf listing: the times are those of creation, dates as "%DATES%"
dir "%SRC%" /s /a /-c %YEARS% /tc <nul >>"%OUT%\%WHAT%" 2>>"%SAID%"
goto :success

rem The key KEY of HKEY_LOCAL_MACHINE into Registry\NAME.reg.
:key
set "WHAT=Registry\%NAME%.reg"
set "HOW=no key %KEY%"
reg query "HKLM\%KEY%" <nul >nul 2>&1
if errorlevel 1 goto :missing
reg export "HKLM\%KEY%" "%OUT%\%WHAT%" <nul >>"%SAID%" 2>&1
set "HOW=%KEY%"
if exist "%OUT%\%WHAT%" goto :success
goto :failure

rem The text of the value NAME of KEY: VALUE, without a backslash at its end; nothing where there is none. Server 2003
rem separates by tabs and prints a heading, Server 2008 by spaces. Quotes go: behind one, a text could become a command.
:value
set "VALUE="
for /f "tokens=1,2,*" %%A in ('reg query "HKLM\%KEY%" /v %NAME% 2^>nul') do if /i "%%A"=="%NAME%" set "VALUE=%%C"
if not defined VALUE exit /b 1
set "VALUE=%VALUE:"=%"
if not defined VALUE exit /b 1
if "%VALUE:~-1%"=="\" set "VALUE=%VALUE:~0,-1%"
call set "VALUE=%VALUE%"
exit /b 0

rem The product as KEY tells: its folder, what is called like its data below it, and where its data were moved to.
:product
set "NAME=InstalledPath"
call :value
set "INSTALLED=%VALUE%"
set "NAME=DatabasePath"
call :value
set "DATABASE=%VALUE%"
if defined INSTALLED set "SRC=%INSTALLED%"
if defined INSTALLED call :installed
if not defined DATABASE exit /b 0
if /i "%DATABASE%"=="%INSTALLED%" exit /b 0
if /i "%DATABASE%"=="%INSTALLED%\Data" exit /b 0
rem Of a whole drive only the folder that is called like the data.
if "%DATABASE:~2%"=="" set "DATABASE=%DATABASE%\Data"
set "PRODUCT_FOUND=1"
set "SRC=%DATABASE%"
call :tree
set "SRC=%DATABASE%"
set "NAME=database"
goto :listing

rem The product's folder SRC: listed whole, its data copied whole, and what is named like a replicated file elsewhere.
:installed
set "PLACE=%SRC%"
if not exist "%PLACE%\" goto :no_place
set "PRODUCT_FOUND=1"
set "NAME=installed"
call :listing
set "SRC=%PLACE%\Data"
call :tree
set "SRC=%PLACE%"
set "MASK=*FileScanners*"
call :matching
set "SRC=%PLACE%"
set "MASK=*Filterlists*"
call :matching
set "SRC=%PLACE%"
set "MASK=*Notifications*"
call :matching
set "SRC=%PLACE%"
set "MASK=*ScanJobs*"
call :matching
set "SRC=%PLACE%"
set "MASK=*Template*"
call :matching
set "SRC=%PLACE%"
set "MASK=ProgramLog*"
call :matching
exit /b 0
:no_place
set "WHAT=%PLACE%"
set "HOW=no such folder"
goto :missing

rem The message files of the source KEY: several are separated by semicolons.
:source
set "WHAT=message file of %KEY%"
set "HOW=no such source, or none named"
set "NAME=EventMessageFile"
call :value
if not defined VALUE goto :missing
:message_file
set "SRC="
set "REST="
for /f "tokens=1,* delims=;" %%A in ("%VALUE%") do (
    set "SRC=%%A"
    set "REST=%%B"
)
if not defined SRC exit /b 0
if not exist "%SRC%" if exist "%SystemRoot%\System32\%SRC%" set "SRC=%SystemRoot%\System32\%SRC%"
call :file
set "VALUE=%REST%"
if defined VALUE goto :message_file
exit /b 0
