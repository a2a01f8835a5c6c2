"""What happens on any server all day long: services that start and stop, clocks that are set, updates that fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samples.incident.engine import Engine, S
    from samples.incident.simulation import Simulation
    from samples.incident.world import Node

SERVICES = (
    "Background Intelligent Transfer Service",
    "Windows Installer",
    "Volume Shadow Copy",
    "WinHTTP Web Proxy Auto-Discovery Service",
    "Microsoft Software Shadow Copy Provider",
    "Windows Update",
    "Network Connections",
    "Performance Logs and Alerts",
)
_APPLICATION_KEYS = ("engine_update_failed", "scan_timeout", "infection_rate", "product_reconfigured")
_APPLICATION_WEIGHTS = (3, 3, 1, 4)
_DAY = 86_400


def start(simulation: Simulation) -> None:
    """Let the noise of every node begin."""
    for node in simulation.nodes.values():
        _system(simulation, node)
        _application(simulation, node)
        simulation.after(simulation.rng.uniform(0, _DAY), _daily, simulation, node)


def start_system(simulation: Engine[S]) -> None:
    """Let the noise of every node's System log begin."""
    for node in simulation.nodes.values():
        _system(simulation, node)
        simulation.after(simulation.rng.uniform(0, _DAY), _daily, simulation, node)


def _system(simulation: Engine[S], node: Node) -> None:
    service = simulation.rng.choice(SERVICES)

    def happen() -> None:
        if simulation.rng.random() < 0.1:
            simulation.log(node, "clock_source", f"dc01.{simulation.setting.domain} (ntp.d|10.0.0.5:123->10.0.0.1:123)")
        else:
            simulation.log(node, "service_state", service, "running")
            simulation.between(30, 900, simulation.log, node, "service_state", service, "stopped")
        _system(simulation, node)

    simulation.after(simulation.rng.expovariate(1 / simulation.setting.noise_seconds), happen)


def _application(simulation: Simulation, node: Node) -> None:
    def happen() -> None:
        key = simulation.rng.choices(_APPLICATION_KEYS, _APPLICATION_WEIGHTS)[0]
        if node.installed:
            if key == "product_reconfigured":
                version = ("Microsoft Exchange Server", "8.1.240.6", "1033", "0", "Microsoft Corporation")
                simulation.log(node, key, *version)
            else:
                simulation.log(node, key)
            simulation.update_statistics(node)
        _application(simulation, node)

    simulation.after(simulation.rng.expovariate(1 / simulation.setting.noise_seconds), happen)


def _daily(simulation: Engine[S], node: Node) -> None:
    seconds = (simulation.now - node.booted) // 10_000_000
    simulation.log(node, "uptime", "", "", "", "", str(seconds), "60", "0 UTC")
    simulation.after(_DAY, _daily, simulation, node)
