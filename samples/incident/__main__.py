"""Command: build an incident as a folder or an archive, with its truth beside it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from samples.incident import (
    DEGRADATIONS,
    FILE_DEGRADATIONS,
    GUIDELINE_SCENARIOS,
    LOSS_SCENARIOS,
    SCENARIOS,
    SYSTEMS,
    ClockStep,
    Setting,
    build,
    random_loss_setting,
    random_setting,
)
from samples.incident.evidence import write_folder, zip_bytes
from samples.incident.setting import COPIES_KEEP, COPIES_RECEIVE


def main() -> None:
    """Write the incident to PATH, and the truth to `<PATH without its suffix>.truth.json`."""
    parser = _parser()
    options = parser.parse_args()
    output: Path = options.output
    if output.exists():
        parser.error(f"{output} exists already")
    if options.random is not None:
        setting = random_setting(options.random, complete=options.complete)
    elif options.random_loss is not None:
        setting = random_loss_setting(options.random_loss, complete=options.complete)
    else:
        setting = Setting(options.scenario, options.system, options.seed)
    incident = build(replace(setting, **_changes(options)))
    if options.archive:
        output.write_bytes(zip_bytes(incident.items))
    else:
        write_folder(incident.items, output)
    output.with_name(f"{output.stem}.truth.json").write_text(incident.truth_json(), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m samples.incident", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--scenario", choices=sorted(SCENARIOS | LOSS_SCENARIOS | GUIDELINE_SCENARIOS))
    which.add_argument("--random-loss", type=int, metavar="SEED", help="the same of what becomes of files")
    which.add_argument("--random", type=int, metavar="SEED", help="everything by chance; other options change it")
    parser.add_argument("--system", choices=SYSTEMS, default="2008", help="Windows Server of the nodes (--scenario)")
    parser.add_argument("--seed", type=int, default=0, help="for --scenario")
    whole = parser.add_mutually_exclusive_group()
    whole.add_argument("--complete", action="store_true", default=None, help="--random without anything missing")
    whole.add_argument("--incomplete", dest="complete", action="store_false", help="--random with something missing")
    parser.add_argument("--skew", type=float, metavar="SECONDS", help="how far a clock may be off")
    parser.add_argument(
        "--step", type=_step, action="append", metavar="HOURS:NODE:SECONDS", help="set the clock of node 0 or 1"
    )
    parser.add_argument("--degrade", choices=DEGRADATIONS, action="append", help="logs missing or wrong")
    parser.add_argument("--degrade-files", choices=FILE_DEGRADATIONS, action="append", help="files missing or wrong")
    parser.add_argument("--copy-times", choices=(COPIES_KEEP, COPIES_RECEIVE), help="whose time a copied entry has")
    parser.add_argument("--archive", action="store_true", help="a zip file instead of a folder")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PATH")
    return parser


def _step(text: str) -> ClockStep:
    hours, node, seconds = text.split(":")
    if node not in {"0", "1"}:
        raise ValueError(text)
    return ClockStep(float(hours), int(node), float(seconds))


def _changes(options: argparse.Namespace) -> dict[str, Any]:
    asked = {
        "skew_seconds": options.skew,
        "clock_steps": options.step and tuple(sorted(options.step)),
        "degraded": options.degrade and tuple(options.degrade),
        "degraded_files": options.degrade_files and tuple(options.degrade_files),
        "copy_times": options.copy_times,
    }
    return {name: value for name, value in asked.items() if value is not None}


if __name__ == "__main__":
    main()
