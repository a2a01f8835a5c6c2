"""Two-node incidents, simulated: evidence to analyse, and the truth to judge the analysis by.

    python -m samples.incident --scenario failover-in-window --system 2008 --seed 1 -o incident.zip --archive
    python -m samples.incident --random 12 --incomplete -o incident

`build(Setting(...))` and `random_incident(seed, complete=...)` give an `Incident`: `items` are its files, `entries` the
records that readers find in its log files, with the truth about each record (true time, whose copy it is), so that
thousands of incidents can be judged without building and reading files. `judging` helps to read a truth;
`failover_cluster` simulates clusters of three and four nodes and several groups.

Evidence, below the root: `EXNODE1/Logs/` (Server 2003: `SysEvent.Evt`, `AppEvent.Evt`, both nodes' entries in each;
Server 2008: `System.evtx`, `Application.evtx`, `Microsoft-Windows-FailoverClustering%4Operational.evtx`; a Security log
with nothing but changes of the clock where the setting asks for it; below `Saved/` and `Cleared/` logs that were saved
earlier, in degraded evidence), and
`EXNODE1/Data/` with the live .fdb files and the backup sets, with last-modified times of the node's own clock. The
.fdb contents are synthetic and say so in their first bytes.

The truth is written beside the evidence, never inside it, as JSON. Times are true UTC, `2008-01-10T12:00:35.000000Z`;
only `modified` and `made_recorded` are by the clock of the node that set them.

- `schema` 2 (1 had less, and the same of what it had); `scenario`, `system`, `seed`, `start`, `end`, `group` (of the
  clustered mailbox server), `cluster`.
- `nodes`: `name`, `clock`: list of `since`, `offset_seconds` (what the clock shows minus true time), `drift_ppm` (what
  it gains beside, in millionths of the time since `start`).
- `clock_steps`: clocks that were set: `node`, `time`, `seconds` (forwards, or back), `logged` by the node itself.
- `copy_times`: whose clock set the times of copied entries, `origin` or `receiver`; null on Server 2008.
- `degraded`: what was done to the evidence: `kind`, and more by kind; none: the evidence is complete.
- `strays`: events in the evidence that never were: `log`, `record_number`, `time` (at which its node's clock would show
  it), `computer`, `event_id`, `strings`.
- `intervals`: `node`, `role` (active, passive, down) in `group`, `start`, `end`. From the moment at which the group is
  offline on a node until it is online somewhere nobody is active, and a node that is up is passive. A node is down
  until it has joined the cluster.
- `transitions`: moves of every group, the well-known ones too: `group`, `from`, `to`, `kind` (quiet; crash: nothing
  says that it went offline), `asked` (the group starts going offline; in a crash the same as `offline`), `offline`,
  `online`. A group that starts to come online and does not get there has not moved.
- `group_restarts`: groups that went offline and came online again on the same node: `group`, `node`, the rest as above.
- `outages`: machines that went down: `node`, `kind` (restart, crash), `stopped`, `booted` (null: not before the end).
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

from samples.incident import noise
from samples.incident.built import Built
from samples.incident.chance import random_setting
from samples.incident.clock import TICKS
from samples.incident.degrade import DEGRADATIONS, degrade, strays
from samples.incident.logs import Hidden, LogRecords, Record, logs_of
from samples.incident.scenarios import HOUR, SCENARIOS
from samples.incident.setting import SYSTEMS, ClockStep, Setting
from samples.incident.simulation import Simulation
from samples.incident.truth import truth

__all__ = [
    "DEGRADATIONS",
    "SCENARIOS",
    "SYSTEMS",
    "ClockStep",
    "Hidden",
    "Incident",
    "LogRecords",
    "Record",
    "Setting",
    "build",
    "random_incident",
    "random_setting",
]


class Incident(Built["Setting"]):
    """One incident: its evidence, as files (`items`) and as records (`entries`), and the truth."""

    def __init__(self, simulation: Simulation) -> None:
        logs, nodes, done = degrade(simulation, logs_of(simulation))
        super().__init__(simulation, logs, nodes, lambda: truth(simulation, done, strays(logs)))
        self.setting = simulation.setting


def build(setting: Setting) -> Incident:
    """Play an incident. KeyError for a scenario or a degradation that there is not."""
    scenario = SCENARIOS[setting.scenario]
    simulation = Simulation(setting)
    scenario.play(simulation)
    noise.start(simulation)
    simulation.run(setting.start + int(scenario.hours * HOUR * TICKS))
    return Incident(simulation)


def random_incident(seed: int, *, complete: bool | None = None) -> Incident:
    """The incident of a seed: see `random_setting`."""
    return build(random_setting(seed, complete=complete))
