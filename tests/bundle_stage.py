"""Cases and bundles for the tests of bundles: made once, copied for each test."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from cli.app import app
from samples.builders.evt import EvtEvent, build
from samples.incident import Setting
from samples.incident import build as incident
from samples.incident.evidence import write_folder

if TYPE_CHECKING:
    from pathlib import Path

START = 1_199_966_400  # 2008-01-10T12:00:00Z


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def done(*arguments, code=0):
    result = run(*arguments)
    assert result.exit_code == code, result.output
    return result


def incident_folder(folder: Path, setting: Setting, extra: dict[str, bytes] | None = None) -> Path:
    """The evidence of an incident as folders, with files put beside it."""
    evidence = folder / "evidence"
    evidence.mkdir(parents=True)
    write_folder(incident(setting).items, evidence)
    for name, content in (extra or {}).items():
        place = evidence / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return evidence


def case_of(folder: Path, setting: Setting, extra: dict[str, bytes] | None = None) -> Path:
    """A case beside its evidence."""
    evidence = incident_folder(folder, setting, extra)
    done("ingest", folder / "case.db", *sorted(evidence.iterdir()), code=0)
    return folder / "case.db"


def copied(case: Path, folder: Path) -> Path:
    """A case with its evidence, somewhere else, where a test may change it."""
    shutil.copytree(case.parent, folder / "copy")
    return folder / "copy" / case.name


def unpacked(bundle: Path, folder: Path) -> Path:
    """The folder of the bag, unpacked."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    (bag,) = folder.iterdir()
    return bag


def rewritten(bundle: Path, target: Path, change) -> Path:
    """A bundle with its members changed: `change` gets path below the bag's folder and content by name, in order."""
    with zipfile.ZipFile(bundle) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members = change(members)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target


def faults(bundle: Path, *options, code=3):
    result = run("bundle", "verify", bundle, "--format", "json", *options)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def log_of(*events, source="Probe", event_id=1, computer="MAILSRVA.fabrikam.example", data=b"") -> bytes:
    """An .evt with one event for each of these lists of strings."""
    return build(
        EvtEvent(number, START + 60 * number, START + 60 * number, event_id, source, computer, tuple(texts), data=data)
        for number, texts in enumerate(events, 1)
    )


def token(word: str) -> re.Pattern[bytes]:
    """A word as a token in ASCII or UTF-8 bytes, without case."""
    return re.compile(rb"(?<![A-Za-z0-9])" + re.escape(word.encode()) + rb"(?![A-Za-z0-9])", re.IGNORECASE)


__all__ = [
    "case_of", "copied", "done", "faults", "incident_folder", "log_of", "replace", "rewritten", "run", "token",
    "unpacked",
]  # fmt: skip
