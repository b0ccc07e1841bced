"""Where things are: settings from the environment, with safe local defaults. docs/settings.md lists every one.

params.yaml holds what changes results (DVC tracks it); this file only says where things are and how wide to run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from smart_sentry.errors import ConfigurationError

_PREFIX = "SMART_SENTRY_"


class Settings(BaseSettings):
    """Every setting is an environment variable: SMART_SENTRY_ and the name in capitals."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore")

    home: Path = Field(
        default=Path(), description="the project's folder: configs/, data/, models/, mlruns/ stand in it"
    )
    cmapss: Path | None = Field(default=None, description="a C-MAPSS zip or folder to take the turbofan data from")
    cmapss_url: str = Field(
        default="https://phm-datasets.s3.amazonaws.com/NASA/6.+Turbofan+Engine+Degradation+Simulation+Data+Set.zip",
        description="NASA's download, used by `data get` where no local copy is found",
    )
    mlflow_tracking_uri: str | None = Field(default=None, description="an MLflow server; default: SQLite under mlruns/")
    mlflow_url: str | None = Field(
        default=None, description="address of MLflow's web interface for people's browsers; default: the server's own"
    )
    study_storage: str | None = Field(
        default=None,
        description="Optuna storage shared by several machines (an SQL URL); default: a journal file under mlruns/",
    )
    dask_scheduler: str | None = Field(
        default=None,
        description="address of a Dask scheduler that runs trials, rounds and fleet calibrations; default: local processes",
    )
    dvc_remote: str | None = Field(
        default=None, description="DVC remote for versioned data (a folder or s3://bucket/path); default: data/remote"
    )
    workers: int = Field(default=2, ge=1, description="local processes for tuning, forests, calibrations and rounds")
    host: str = Field(default="127.0.0.1", description="address that servers bind to")
    port: int = Field(default=3000, ge=1, le=65535, description="port of the service")
    served: str | None = Field(
        default=None, description="data set whose champion is served; default: the first by name that is packaged"
    )
    access_log: bool = Field(default=False, description="whether the service logs every request")
    api_keys: SecretStr | None = Field(
        default=None, description="role:key pairs, comma-separated; roles read, ingest, operate, admin; default: no key"
    )
    api_key: SecretStr | None = Field(
        default=None, description="the key that this command line shows to a service that asks for one; default: none"
    )
    body_limit_bytes: int = Field(default=5_000_000, ge=1000, description="largest request body that the service takes")
    rate_limit_requests: float | None = Field(
        default=None,
        gt=0,
        description="requests a second of one API key or client address; default: no limit",
    )
    rate_limit_readings: float | None = Field(
        default=None, gt=0, description="readings sent a second by one API key or client address; default: no limit"
    )
    request_assets: int = Field(default=1000, ge=1, description="most assets of one prediction request")
    request_readings: int = Field(
        default=50_000, ge=1, description="most readings of one prediction request, all assets together"
    )
    database: str | None = Field(
        default=None,
        description="where readings, assessments and alarms are kept (an SQL URL); default: SQLite under data/",
    )
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="where a stream worker answers Prometheus; default: nowhere"
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="form of the log lines of service and worker: text, or json: an object a line"
    )
    retention_days: float | None = Field(
        default=None, gt=0, description="days for which readings and assessments are kept; default: for ever"
    )
    recalibrate_after_days: float = Field(
        default=90, gt=0, description="age of a baseline from which calibrate-fleet proposes a recalibration"
    )
    false_alarm_share: float = Field(
        default=0.5, gt=0, le=1,
        description="share of an asset's anomaly alarms called wrong from which a recalibration is proposed",
    )  # fmt: skip
    false_alarm_count: int = Field(
        default=3, ge=1, description="anomaly alarms of an asset below which that share says nothing"
    )
    recalibration_approval: Literal["automatic", "person"] = Field(
        default="automatic",
        description="who promotes a recalibration against which nothing speaks; where something does, it is a person",
    )
    recalibration_pause_hours: float = Field(
        default=24.0, ge=0, description="least hours between two recalibrations of an asset; a person may override"
    )
    recalibration_watch_minutes: float = Field(
        default=60.0, gt=0, description="minutes of readings during which a recalibration is taken back by itself"
    )
    recalibration_lookback_minutes: float = Field(
        default=480.0, gt=0, description="minutes of readings that a recalibration learns from, where nobody says"
    )
    recalibration_most_move_sigma: float = Field(
        default=6.0, gt=0,
        description="how far normal values may move from the first baseline before a person has to decide",
    )  # fmt: skip
    failure_outcomes: Path | None = Field(
        default=None,
        description="CSV file of failures that happened (asset_id, failed_at), by which monitor-drift judges stored predictions",
    )
    kafka_bootstrap: str | None = Field(
        default=None, description="Apache Kafka that readings are streamed through (host:port, ...); default: none"
    )
    kafka_topic: str = Field(
        default="readings", pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="topic of the readings; what is none goes to <topic>-dead-letters",
    )  # fmt: skip
    kafka_partitions: int = Field(
        default=1, ge=1,
        description="partitions of the topic of readings where it is made: as many as workers that may ever work at once",
    )  # fmt: skip
    ingest: Literal["store", "kafka"] = Field(
        default="store",
        description="where readings that come over HTTP go: store: judged and stored at once; kafka: into the topic, for workers",
    )
    redis_url: str | None = Field(
        default=None, description="Redis of the live feed; default: it comes out of the database"
    )
    service_url: str | None = Field(
        default=None,
        description="address of the running service that dashboard, commands and flows ask; default: this machine's `port`",
    )
    dashboard_port: int = Field(default=8501, ge=1, le=65535, description="port of the operators' dashboard")
    report_time_zone: str = Field(default="UTC", description="IANA name of the time zone of every time in a report")
    cost_currency: str | None = Field(
        default=None, pattern=r"^[A-Z]{3}$", description="currency of the costs below (ISO 4217); default: none"
    )
    cost_downtime_hour: float | None = Field(
        default=None, ge=0, description="what an hour of standstill costs; default: not configured"
    )
    cost_planned_repair: float | None = Field(
        default=None, ge=0, description="parts and work of a planned repair; default: not configured"
    )
    cost_unplanned_repair: float | None = Field(
        default=None, ge=0, description="parts and work of a repair after a failure; default: not configured"
    )
    downtime_planned_hours: float | None = Field(
        default=None, ge=0, description="standstill of a planned repair; default: not configured"
    )
    downtime_unplanned_hours: float | None = Field(
        default=None, ge=0, description="standstill after a failure; default: not configured"
    )
    services_data: Path | None = Field(
        default=None, description="folder of the services that run on this machine; default: data/services"
    )
    kafka_port: int = Field(default=19092, ge=1, le=65535, description="port of `services start kafka`")
    kafka_controller_port: int = Field(
        default=19093, ge=1, le=65535, description="port on which Kafka's only node talks with itself"
    )
    kafka_heap_mb: int = Field(default=512, ge=128, description="memory of Kafka's Java heap")
    postgres_port: int = Field(default=15432, ge=1, le=65535, description="port of `services start postgres`")
    redis_port: int = Field(default=16379, ge=1, le=65535, description="port of `services start redis`")
    mlflow_port: int = Field(default=5000, ge=1, le=65535, description="port of MLflow's web interface")
    prefect_port: int = Field(default=4200, ge=1, le=65535, description="port of Prefect's server and web interface")

    @field_validator("report_time_zone")
    @classmethod
    def _is_a_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("expected an IANA name such as Europe/Berlin") from error
        return name

    @property
    def configs_folder(self) -> Path:
        return self.home / "configs"

    @property
    def raw_folder(self) -> Path:
        return self.home / "data" / "raw"

    @property
    def processed_folder(self) -> Path:
        return self.home / "data" / "processed"

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.home / 'data' / 'smart_sentry.db'}"

    @property
    def service_address(self) -> str:
        return self.service_url or f"http://127.0.0.1:{self.port}"

    @property
    def services_folder(self) -> Path:
        return self.services_data or self.home / "data" / "services"

    @property
    def failure_outcomes_file(self) -> Path | None:
        """Where the failures that happened are written down; None: nowhere."""
        return None if self.failure_outcomes is None else self.home / self.failure_outcomes

    @property
    def reports_folder(self) -> Path:
        return self.home / "reports"

    @property
    def models_folder(self) -> Path:
        return self.home / "models"

    @property
    def mlruns_folder(self) -> Path:
        return self.home / "mlruns"


def load_settings() -> Settings:
    """Reads the settings from the environment.

    Raises:
        ConfigurationError: a value cannot be used; every such variable is named.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"{_PREFIX}{str(item['loc'][0]).upper()}: {item['msg']} (got {item['input']!r:.60})"
            for item in error.errors()
        )
        raise ConfigurationError(
            "settings", wrong, "Mend these environment variables; docs/settings.md lists all."
        ) from error
