"""The prediction service under BentoML: `bentoml serve serving.service:PredictionService`.

It serves the packaged champion of the project's folder or, inside a Bento, the one that the Bento carries. All it does is in
smart_sentry.api; here it is only put under BentoML's server.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml

from smart_sentry.api.endpoint import Shortcut
from smart_sentry.api.gate import Gate
from smart_sentry.api.prediction import create_app
from smart_sentry.api.shortcut import ReadingShortcut
from smart_sentry.champion import load_champion, mark_of_champion
from smart_sentry.config import load_settings
from smart_sentry.logs import set_up_guest_logging
from smart_sentry.plant.open import open_plant
from smart_sentry.tracking.calibration_runs import log_calibration

HERE = Path(__file__).resolve().parents[1]
SETTINGS = load_settings()
set_up_guest_logging(SETTINGS.log_format)  # what retention and restarts tell; BentoML's level hides it
IN_A_BENTO = (HERE.parent / "bento.yaml").is_file()
HOME = HERE if IN_A_BENTO or "home" not in SETTINGS.model_fields_set else SETTINGS.home

APP = create_app(
    lambda: load_champion(HOME, SETTINGS.served),
    SETTINGS,
    open_plant=None if IN_A_BENTO else lambda: open_plant(SETTINGS),
    track=lambda record: log_calibration(record, SETTINGS.mlruns_folder, SETTINGS.mlflow_tracking_uri),
    mark=lambda: mark_of_champion(HOME, SETTINGS.served),
)


@bentoml.service(
    name="smart_sentry",
    workers=1,  # one compiled model pass at a time saturates a core; more workers: more cores
    http={"host": SETTINGS.host, "port": SETTINGS.port},
    logging={"access": {"enabled": SETTINGS.access_log}},
    metrics={"enabled": False},  # smart_sentry.api.metrics: BentoML's make a label of every path that anybody asks for
    tracing={"excluded_urls": ".*"},  # no exporter is configured, and an unused span costs as much as the model
)
@bentoml.asgi_app(APP)
class PredictionService:
    """Failure probability, alarm and remaining useful life of machines, from their recent readings."""

    def __is_ready__(self) -> bool:
        """For BentoML's own /readyz."""
        return APP.state.served.loaded is not None


# The first stands in front of all others, BentoML's own routes included.
PredictionService.add_asgi_middleware(Gate, **APP.state.gate)  # type: ignore[attr-defined]
PredictionService.add_asgi_middleware(Shortcut, endpoint=APP.state.endpoint)  # type: ignore[attr-defined]
if not IN_A_BENTO:
    PredictionService.add_asgi_middleware(ReadingShortcut, **APP.state.reading_shortcut)  # type: ignore[attr-defined]
