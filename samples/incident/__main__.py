"""Command: build an incident as a folder or an archive, with its truth beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from samples.incident import SCENARIOS, SYSTEMS, Setting, build
from samples.incident.evidence import write_folder, zip_bytes


def main() -> None:
    """Write the incident to PATH, and the truth to `<PATH without its suffix>.truth.json`."""
    parser = argparse.ArgumentParser(prog="python -m samples.incident", description=__doc__)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), required=True)
    parser.add_argument("--system", choices=SYSTEMS, default="2008", help="Windows Server of the nodes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--archive", action="store_true", help="a zip file instead of a folder")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PATH")
    options = parser.parse_args()
    incident = build(Setting(options.scenario, options.system, options.seed))
    output: Path = options.output
    if output.exists():
        parser.error(f"{output} exists already")
    if options.archive:
        output.write_bytes(zip_bytes(incident.items))
    else:
        write_folder(incident.items, output)
    output.with_name(f"{output.stem}.truth.json").write_text(incident.truth_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
