"""Small evidence folders about checkpoints: events as Windows exports them, and what lies beside them."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from cli.app import app

STORE = "Exchange Information Store Instance (CMS1)"
PRODUCT_KEY = r"SOFTWARE\Microsoft\Forefront Server Security\Exchange Server"
SCAN_KEY = r"SYSTEM\CurrentControlSet\Services\MSExchangeIS\VirusScan"
PRODUCT = "Microsoft Forefront Security for Exchange Server"
_NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"


def event(node, when, source, event_id, *strings, log="Application"):
    """One event as `wevtutil qe` writes it; `when` is such as `2008-01-10T12:00:00`."""
    data = "".join(f"<Data>{text}</Data>" for text in strings)
    return (
        f"<Event xmlns='{_NAMESPACE}'><System><Provider Name='{source}'/><EventID>{event_id}</EventID>"
        f"<TimeCreated SystemTime='{when}.000000000Z'/><Channel>{log}</Channel><Computer>{node}</Computer></System>"
        f"<EventData>{data}</EventData></Event>"
    )


def installed(node, when):
    """The product was installed."""
    return event(node, when, "MsiInstaller", 1033, PRODUCT, "10.1", "1033", "0", "Microsoft Corporation")


def removed(node, when, status="0"):
    """The product was removed, or with another status was not."""
    return event(node, when, "MsiInstaller", 1034, PRODUCT, "10.1", "1033", status, "Microsoft Corporation")


def not_restored(node, when, key, resource=STORE):
    """The cluster service could not restore a checkpoint."""
    return event(node, when, "ClusSvc", 1024, resource, key, log="System")


def run(*arguments):
    """The program's answer to a command line."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments, code=0):
    """What a command says as JSON."""
    result = run(*arguments, "--format", "json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def case_of(folder, nodes):
    """The case of node folders: by node what lies in it, path -> text or bytes; texts of a list are events."""
    evidence = folder / "evidence"
    for node, files in nodes.items():
        for name, content in files.items():
            path = evidence / node / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = content
            if isinstance(data, list):
                data = f"<Events>{''.join(data)}</Events>"
            path.write_bytes(data.encode() if isinstance(data, str) else data)
    case = folder / "case.db"
    result = run("ingest", case, *(evidence / node for node in nodes))
    assert result.exit_code == 0, result.output
    return case
