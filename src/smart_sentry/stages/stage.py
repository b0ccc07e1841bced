"""What every stage of the pipeline is: a function from a context to a result. dvc.yaml and the Prefect flow run the same ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from smart_sentry.config import Settings
from smart_sentry.params import Params


@dataclass(frozen=True)
class StageContext:
    """What a stage may know: which data set, with which parameters, where things are."""

    dataset: str
    params: Params
    settings: Settings

    @property
    def interim(self) -> Path:
        """Folder of the data set's normalised tables."""
        return self.settings.home / "data" / "interim" / self.dataset

    @property
    def processed(self) -> Path:
        """Folder of this data set's derived tables and figures."""
        return self.settings.processed_folder / self.dataset

    @property
    def models(self) -> Path:
        """Folder of this data set's models."""
        return self.settings.models_folder / self.dataset

    @property
    def trained(self) -> Path:
        """Folder of the fitted models, before export."""
        return self.models / "trained"

    @property
    def edge(self) -> Path:
        """Folder of the small models for devices."""
        return self.models / "edge"

    @property
    def bundle(self) -> Path:
        """Folder of this data set's model bundle."""
        return self.models / "bundle"


@dataclass(frozen=True)
class StageResult:
    """What a stage did, for logs and tables.

    Attributes:
        summary: one sentence.
        figures: measured values by name.
        files: what it wrote.
    """

    summary: str
    figures: dict[str, float | int | str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
