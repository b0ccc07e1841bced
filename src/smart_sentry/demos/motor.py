"""The seed's four steps on a simulated motor, as `make demo-motor` shows them: generate, calibrate, verify, inject a fault."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from smart_sentry.assets import load_asset_type
from smart_sentry.config import Settings
from smart_sentry.datasets.simulated_motors import Scenario
from smart_sentry.environment import library_environment
from smart_sentry.errors import ServiceRefused
from smart_sentry.servers import Server, free_port, running
from smart_sentry.service_client import START_PATH, ServiceClient, calibration_end
from smart_sentry.simulation.simulator import Run, Simulator, sink_for

ASSET, HEALTHY_S, FAULTY_S = "motor_01", 300.0, 10.0
_PATIENCE_S = 60.0
Announce = Callable[[str], None]


def run_motor_demo(settings: Settings, announce: Announce) -> None:
    """Runs everything once, in a folder of its own: nothing else in the project is touched.

    Raises:
        SmartSentryError: a step failed; it names what to do.
    """
    began = time.monotonic()
    home = settings.home.resolve() / "data" / "demo_motor"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(settings.configs_folder / "assets", home / "configs" / "assets")
    log = settings.home.resolve() / ".home" / "logs" / "demo_motor.log"
    with running(motor_service(settings, home), log) as server, ServiceClient(server.address) as client:
        start = datetime.now(UTC) - timedelta(seconds=2 * HEALTHY_S)
        announce("1 of 4: 300 s of healthy readings, at accelerated time")
        _simulate(settings, server.address, Run(ASSET, HEALTHY_S, 1.0, Scenario(), 0.0, 50, 1, start), announce)
        announce("2 of 4: calibration")
        announce(f"  {client.post(START_PATH, {'asset_id': ASSET})}")
        calibrated = calibration_end(client, ASSET, _PATIENCE_S)
        if calibrated.problem is not None:
            raise ServiceRefused(server.address, calibrated.problem, "Run the demo again.")
        report = calibrated.told
        announce(f"  grade {report['acceptance']['grade']}, baseline {report['version']}")
        announce("3 of 4: verification, after 60 s more of healthy readings")
        start += timedelta(seconds=HEALTHY_S)
        _simulate(settings, server.address, Run(ASSET, 60.0, 1.0, Scenario(), 0.0, 50, 2, start), announce)
        _show_baseline(client, announce)
        _show(client, announce)
        announce("4 of 4: 10 s of a fault")
        start += timedelta(seconds=60)
        fault = Scenario(fault="DEFAULT", severity="MEDIUM")
        _simulate(settings, server.address, Run(ASSET, FAULTY_S, 1.0, fault, 0.0, 1, 3, start), announce)
        _show(client, announce)
        for alarm in client.get("/api/v1/alarms")["alarms"]:
            announce(
                f"  alarm: {alarm['kind']} of {alarm['asset_id']}, {alarm['priority']}, {alarm['state']}: {alarm['message']}"
            )
    announce(f"Done in {time.monotonic() - began:.0f} s. The same by hand: docs/calibration.md.")


def motor_service(settings: Settings, home: Path) -> Server:
    """The demo's own service, not started; on another port where the service's own is taken."""
    port = free_port(settings.host, settings.port)
    command = [sys.executable, "-m", "bentoml", "serve", "serving.service:PredictionService", "--host", settings.host]
    own = {"SMART_SENTRY_HOME": str(home), "SMART_SENTRY_API_KEYS": ""}  # it is asked without a key
    variables = library_environment(settings.home) | own
    return Server("the service", [*command, "--port", str(port)], settings.host, port, "/health", variables)


def _simulate(settings: Settings, address: str, run: Run, announce: Announce) -> None:
    motor = load_asset_type(settings.configs_folder / "assets" / "motor.yaml")
    sink = sink_for(address, None, run.batch, announce)
    outcome = Simulator(motor, run, sink, lambda _: None, each=False).simulate()
    announce(f"  {outcome.sent} readings sent, {outcome.failed} failed")


def _show_baseline(client: ServiceClient, announce: Announce) -> None:
    status = client.get("/api/v1/monitoring/status")
    loaded = ", ".join(name for name, there in status["models_loaded"].items() if there)
    summary = status["baseline_summary"].items()
    means = ", ".join(f"{name} {mean:.4g}" for name, mean in summary if name.endswith("_mean"))
    announce(f"  baseline established: {status['baseline_established']}; models: {loaded}")
    announce(f"  baseline: {means}")


def _show(client: ServiceClient, announce: Announce) -> None:
    asset = client.get("/api/v1/monitoring/status")["asset"]
    announce(
        f"  {asset['system_state']}, health {asset['health']:.1f}, risk {asset['risk']}, grade {asset['grade']},"
        f" {asset['open_alarms']} open alarms{'; ' + asset['reason'] if asset['reason'] else ''}"
    )
