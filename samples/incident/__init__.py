"""Two-node incidents, simulated: evidence to analyse, and the truth to judge the analysis by.

    python -m samples.incident --scenario failover-in-window --system 2008 --seed 1 -o incident.zip --archive

Evidence, below the root: `EXNODE1/Logs/` (Server 2003: `SysEvent.Evt`, `AppEvent.Evt`, both nodes' entries in each;
Server 2008: `System.evtx`, `Application.evtx`, `Microsoft-Windows-FailoverClustering%4Operational.evtx`), and
`EXNODE1/Data/` with the live .fdb files and the backup sets, with last-modified times of the node's own clock. The
.fdb contents are synthetic and say so in their first bytes.

The truth is written beside the evidence, never inside it, as JSON. Times are true UTC, `2008-01-10T12:00:35.000000Z`;
only `modified` and `made_recorded` are by the clock of the node that set them.

- `schema` 1; `scenario`, `system`, `seed`, `start`, `end`, `group` (of the clustered mailbox server), `cluster`.
- `nodes`: `name`, `clock`: list of `since`, `offset_seconds` (what the clock shows minus true time).
- `intervals`: `node`, `role` (active, passive, down) in `group`, `start`, `end`. From the moment at which the group is
  offline on a node until it is online on the other both are passive.
- `transitions`: moves of every group, the well-known ones too: `group`, `from`, `to`, `kind` (quiet, crash), `asked`
  (the group starts going offline; in a crash the same as `offline`), `offline`, `online`.
- `edits`: `revision`, `parent` (revision that was changed), `time`, `modified`, `node`, `role` of the node at that
  moment, `file`, `sha256`, `size`.
- `replications`: every copy that changed a file: `time`, `from`, `to`, `file`, `forced`, `copied`, `replaced`.
- `backups`: `node`, `location` (folder, or pattern of names), `scheme`, `made`, `made_recorded`, `trigger`
  (service_start, active_to_passive), `files` by name.
- `live`: files by node and name at the end.
- `losses`: saved changes that the node active at the end does not have: `kind`, `cause`, `file`, `node` that lacks
  them, `saved_on`, `time` of the save, `lost`, `current`, `recoverable_from` (locations of backup sets), `live_on`.

A file's state is `sha256`, `size`, `modified` everywhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from samples.incident import noise
from samples.incident.clock import TICKS
from samples.incident.evidence import Item, evidence
from samples.incident.scenarios import HOUR, SCENARIOS, SYSTEMS, Setting
from samples.incident.simulation import Simulation
from samples.incident.truth import truth

__all__ = ["SCENARIOS", "SYSTEMS", "Incident", "Setting", "build"]


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident: the items of evidence, sorted by path, and the truth."""

    items: list[Item]
    truth: dict[str, Any]

    def truth_json(self) -> str:
        """The truth as text, the same for the same incident."""
        return json.dumps(self.truth, indent=1, sort_keys=True) + "\n"


def build(setting: Setting) -> Incident:
    """Play an incident. KeyError for a scenario that there is not."""
    scenario = SCENARIOS[setting.scenario]
    simulation = Simulation(setting)
    scenario.play(simulation)
    noise.start(simulation)
    simulation.run(setting.start + int(scenario.hours * HOUR * TICKS))
    return Incident(evidence(simulation), truth(simulation))
