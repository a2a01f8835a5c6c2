"""What the tests of the report share: cases of known and of hostile incidents, and a browser that looks at a page."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from samples.builders.evt import EvtEvent, build

START = 1_199_966_400  # 2008-01-10T12:00:00Z
LONG = "W" * 5_000
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "\"><img src=x onerror='window.hacked=1'>",
    "'><svg/onload=window.hacked=1>",
    "javascript:window.hacked=1",
    "]]></title></style></script><script>window.hacked=1</script>",
    "<a href='javascript:window.hacked=1'>x</a>",
    "{{ 7 * 7 }}{% raw %}",
    "left\u202egnp.exe",
    "null\x00byte\x1b[2J",
    "lone \udc80 half",
    "<!--", "--!>", "<plaintext>", "&lt;b&gt;",
    LONG,
)  # fmt: skip


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def page_of(case, folder):
    """The report of a case, as the command writes it."""
    result = run("report", case, "-o", folder)
    assert result.exit_code == 0, result.output
    return folder / "report.html"


def case_of(folder, evidence):
    """A case of evidence; what is not whole in it is no failure here."""
    result = run("ingest", folder / "case.db", evidence)
    assert result.exit_code in {0, 3}, result.output
    return folder / "case.db"


def sample(folder):
    """The sample incident as a case, and its truth."""
    root = Path(__file__).resolve().parent.parent / "samples" / "incidents"
    truth = json.loads((root / "failover-in-window.truth.json").read_text(encoding="utf-8"))
    return case_of(folder, root / "failover-in-window.zip"), truth


def hostile(folder):
    """A case in which every text that evidence can hold is an attack."""
    for node, minutes in (("EXNODE1", 0), ("EXNODE2", 30)):
        events = []
        # A text of an .evt record ends at its NUL.
        for text in (one.replace("\x00", "\x01") for one in HOSTILE):
            for source, event, strings in (
                ("ClusSvc", 1201, (text,)),
                ("MsiInstaller", 11707, (f"Product: Forefront Security for Exchange Server {text}",)),
                ("FSECCRService", 9413, (text, f"ScanJobs.fdb {text}")),
                ("USER32", 1074, (text,) * 7),
                (text[:200], 9413, (text,)),
            ):
                at = START + 60 * (minutes + len(events))
                computer = node if len(events) % 7 else f"{node}{text[:80]}"
                events.append(EvtEvent(len(events) + 1, at, at, event, source, computer, strings))
        for number, text in enumerate(HOSTILE[:6]):
            place = folder / "evidence" / node / "Data" / "".join(c for c in text if c not in "/\x00")[:80]
            place.mkdir(parents=True)
            (place / "ScanJobs.fdb").write_bytes(f"{text} {node} {number}".encode(errors="replace") * 20)
        (folder / "evidence" / node / "Data" / "ScanJobs.fdb").write_bytes(b"<script>window.hacked=1</script>" * 20)
        (folder / "evidence" / node / "SysEvent.Evt").write_bytes(build(events))
        (folder / "evidence" / node / "<img src=x onerror=alert(1)>.evt").write_bytes(build(events)[:700])
    return case_of(folder, folder / "evidence")


def crowded(folder, count=10_000):
    """A case of two nodes with many events of many kinds, and a group that moves back and forth."""
    common = (("FSECCRService", 9413), ("FSCController", 5066), ("EventLog", 6005), ("Service Control Manager", 7036))
    for node, shift in (("EXNODE1", 0), ("EXNODE2", 1)):
        events = []
        for number in range(count // 2):
            at = START + 60 * number + 30 * shift
            source, event = common[number % len(common)]
            if number % 25 < 2:
                source, event = "ClusSvc", 1201 if (number % 25 + number // 25 + shift) % 2 else 1204
            text = "CMS1" if source == "ClusSvc" else f"text {number}"
            events.append(EvtEvent(number + 1, at, at, event, source, node, (text,)))
        (folder / "evidence" / node).mkdir(parents=True)
        (folder / "evidence" / node / "SysEvent.Evt").write_bytes(build(events))
    return case_of(folder, folder / "evidence")


@lru_cache(maxsize=8)
def made(name):
    """Case, page and truth (of the sample) of one of the three cases, made once for all tests."""
    folder = Path(tempfile.mkdtemp(prefix="report-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    found = {"sample": sample, "hostile": hostile, "crowded": crowded}[name](folder)
    case, truth = found if isinstance(found, tuple) else (found, None)
    return case, page_of(case, folder / "out"), truth


@contextmanager
def browser():
    """A Chromium without a window; tests that use it are skipped where there is none."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("chromium and chromium-driver are not installed")
    with tempfile.TemporaryDirectory() as profile:
        options = selenium.ChromeOptions()
        options.binary_location = program
        for flag in (
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
            f"--user-data-dir={profile}",
        ):  # fmt: skip
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        seen = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
        try:
            # What a new window shows of itself asks for pages of its own.
            seen.get("about:blank")
            yield seen
        finally:
            seen.quit()


def look(seen, name, *, width=1440, dark=False, scripts=True, media=""):
    """Open one of the cases' pages, as a window of that width and a reader of these habits have it."""
    metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 600}
    seen.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    seen.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": scheme})
    seen.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
    seen.get(made(name)[1].as_uri())


def requests_of(seen):
    """Every address that the browser asked for since it was asked last."""
    messages = (json.loads(entry["message"])["message"] for entry in seen.get_log("performance"))
    return [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
