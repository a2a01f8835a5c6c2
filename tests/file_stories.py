"""Simulated incidents with their files as cases, without files being written and read; the truth of their backups."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

from forensics.case.store import Case, NewEvidence, NewFileVersion
from parsers.times import iso_utc


def _accuracy():
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "accuracy.py"
    spec = importlib.util.spec_from_file_location("accuracy_for_files", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for their module
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


accuracy = _accuracy()


def case_of(incident, path) -> Case:
    """A case that holds the incident's records, files and folders as an ingest of its evidence would."""
    case = accuracy.case_of(incident, path)
    add_files(case, [item for item in incident.items if "/Logs/" not in item.path])
    return case


def add_files(case, items) -> None:
    """Put files and folders (content None) into a case; the node is the first part of the path."""
    with case.transaction():
        for item in items:
            node = item.path.split("/", 1)[0]
            if item.content is None:
                case.add_folder(item.path, node, None, item.modified, "file_system")
                continue
            sha256 = hashlib.sha256(item.content).hexdigest()
            evidence = case.add_evidence(
                NewEvidence(path=item.path, kind="fdb", status="read", root=node, sha256=sha256, node=node)
            )
            case.add_content(sha256, len(item.content), item.content)
            case.add_file_version(
                NewFileVersion(
                    evidence_id=evidence,
                    node=node,
                    name=item.path.rsplit("/", 1)[-1],
                    role="other",
                    path=item.path,
                    sha256=sha256,
                    size=len(item.content),
                    modified=iso_utc(item.modified),
                    modified_filetime=item.modified,
                )
            )


def backup_paths(backup) -> frozenset[str]:
    """The paths of the files of a backup in the truth."""
    found = set()
    for name in backup["files"]:
        stem, dot, extension = name.rpartition(".")
        folder, _, last = backup["location"].rpartition("/")
        if "*" not in last:
            found.add(f"{backup['location']}/{name}")
        elif backup["scheme"] in {"bak-number", "name-stamp"}:
            found.add(f"{folder}/{last.replace('*', stem)}{dot}{extension}")
        else:
            found.add(f"{folder}/{last.replace('*', name)}")
    return frozenset(found)
