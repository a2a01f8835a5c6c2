"""Two-node incidents, simulated: evidence to analyse, and the truth to judge the analysis by.

    python -m samples.incident --scenario failover-in-window --system 2008 --seed 1 -o incident.zip --archive
    python -m samples.incident --random 12 --incomplete -o incident
    python -m samples.incident --random-loss 12 -o incident

`build(Setting(...))`, `random_incident(seed, complete=...)` (roles and clocks) and `random_loss_incident` (what became
of files) give an `Incident`: `items` are its files, `entries` the records that readers find in its log files, with the
truth about each record (true time, whose copy it is), `files` what is no log, so that thousands of incidents can be
judged without building and reading files. `judging` and `judging_losses` help to read a truth;
`failover_cluster` simulates clusters of three and four nodes and several groups.

Evidence, below the root: `EXNODE1/Logs/` (Server 2003: `SysEvent.Evt`, `AppEvent.Evt`, both nodes' entries in each;
Server 2008: `System.evtx`, `Application.evtx`, `Microsoft-Windows-FailoverClustering%4Operational.evtx`; a Security log
with changes of the clock and logons where the setting asks for it; below `Saved/` and `Cleared/` logs that were saved
earlier, in degraded evidence), and
`EXNODE1/Data/` with the live .fdb files and the backup sets, with last-modified times of the node's own clock. The
.fdb contents are synthetic and say so in their first bytes.

The truth is written beside the evidence, never inside it, as JSON. Times are true UTC, `2008-01-10T12:00:35.000000Z`;
only `modified` and `made_recorded` are by the clock of the node that set them.

- `schema` 4 (those before had less, and nearly the same of what they had); `scenario`, `system`, `seed`, `start`,
  `end`, `group` (of the clustered mailbox server), `cluster`.
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
- `edits`: what somebody saved: `revision`, `parent` (revision that was changed), `again` (revision whose bytes were
  saved anew, else null), `time`, `modified`, `made_by` (edit; template: distributed; restore: old bytes saved anew),
  `node`, `role` of the node at that moment, `file`, `sha256`, `size`.
- `replications`: every copy that changed a file: `time`, `from`, `to`, `file`, `forced`, `copied`, `replaced`.
- `backups`: `node`, `location` (folder, or pattern of names), `scheme`, `made`, `made_recorded`, `trigger`
  (service_start, active_to_passive), `files` and `paths` by name. A set that was lost with its disk is not there.
- `live`: files by node and name at the end.
- `history`: what each node held when: `time`, `node`, `file`, the `state` from then on (null: none), `how`: install,
  edit, template, restore, rebuild (by the product), copy, forced, preserved (a backup put back, times and all), delete,
  disk (it went with its disk).
- `losses`: what is lost at the end, by descent (module `losses`): `kind`, `cause`, `file`, `node` that lacks it
  (`node_also`: others of which the same may be said), `saved_on`, `time` of the save, `began` (when what led to it was
  done; `began_also`: or then), `lost_at` (when that node's file was replaced, or the node became active without it),
  `lost`, `lineage` (hashes of `lost` and what it was saved over, one after the other), `current`, `recoverable_from`
  (locations of backup sets), `live_on`. What is lost may be in no file of the evidence (`judging_losses.known`).
- `mended`: the same of losses that are no longer in place; `arguable`: what one reading of the rules calls a loss and
  another does not.
- `deeds`: the product installed and removed: `time`, `node`, `what` (install, remove), `role` of the node (active: the
  group is on it, or was last), `group` (online, offline).
- `violated`: the vendor's guidelines that were not followed, of those that the simulation can break (`guidelines`).
- `recommended`: location of the backup set to restore, if nothing is missing in the evidence; null: none.

A file's state is `sha256`, `size`, `modified` everywhere.
"""

from __future__ import annotations

from samples.incident import noise
from samples.incident.built import Built
from samples.incident.chance import random_setting
from samples.incident.chance_losses import random_loss_setting
from samples.incident.clock import TICKS
from samples.incident.degrade import DEGRADATIONS, degrade, strays
from samples.incident.degrade_files import FILE_DEGRADATIONS, degrade_files
from samples.incident.logs import Hidden, LogRecords, Record, logs_of
from samples.incident.scenarios import HOUR, SCENARIOS
from samples.incident.scenarios_guidelines import GUIDELINE_SCENARIOS
from samples.incident.scenarios_losses import LOSS_SCENARIOS
from samples.incident.setting import SYSTEMS, ClockStep, Setting
from samples.incident.simulation import Simulation
from samples.incident.truth import truth

__all__ = [
    "DEGRADATIONS",
    "FILE_DEGRADATIONS",
    "GUIDELINE_SCENARIOS",
    "LOSS_SCENARIOS",
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
    "random_loss_incident",
    "random_loss_setting",
    "random_setting",
]


class Incident(Built["Setting"]):
    """One incident: its evidence, as files (`items`) and as records (`entries`), and the truth."""

    def __init__(self, simulation: Simulation) -> None:
        logs, nodes, done = degrade(simulation, logs_of(simulation))
        files, done_to_files = degrade_files(simulation, nodes, logs)
        super().__init__(
            simulation,
            files.logs,
            nodes,
            lambda: truth(simulation, done + done_to_files, strays(files.logs)),
            files.left,
        )
        self.setting = simulation.setting


def build(setting: Setting) -> Incident:
    """Play an incident. KeyError for a scenario or a degradation that there is not."""
    scenario = (SCENARIOS | LOSS_SCENARIOS | GUIDELINE_SCENARIOS)[setting.scenario]
    simulation = Simulation(setting)
    scenario.play(simulation)
    noise.start(simulation)
    simulation.run(setting.start + int(scenario.hours * HOUR * TICKS))
    return Incident(simulation)


def random_incident(seed: int, *, complete: bool | None = None) -> Incident:
    """The incident of a seed: see `random_setting`."""
    return build(random_setting(seed, complete=complete))


def random_loss_incident(seed: int, *, complete: bool | None = None) -> Incident:
    """The incident of files of a seed: see `random_loss_setting`."""
    return build(random_loss_setting(seed, complete=complete))
