"""What a type of asset is: its signals, units, limits, clock and failure horizon, parsed once from configs/assets/<type>.yaml.

Nothing in the code knows the word voltage: a new kind of machine is one YAML file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from smart_sentry.errors import ConfigurationError

ASSET_COLUMN = "asset_id"
"""Column that names the machine in every table of the project."""
CYCLE_COLUMN = "cycle"
"""Column that counts an asset's readings from 1, without gaps."""
RUL_COLUMN = "rul_cycles"
"""Column of the true remaining useful life: cycles until the failure, 0 at the asset's last cycle."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]


class Signal(_Strict):
    """One measured or commanded quantity."""

    name: Name
    unit: str = Field(description="unit of every value in the tables and requests; '1' where the quantity has none")
    role: Literal["setting", "sensor"] = "sensor"
    description: str = ""
    symbol: str | None = None
    limits: tuple[float, float] = Field(description="physically possible range, inclusive, in `unit`")

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Signal:
        low, high = self.limits
        if not low < high:
            raise ValueError(f"limits of {self.name} must be [low, high] with low < high, not [{low}, {high}]")
        return self


class FailurePolicy(_Strict):
    """What counts as 'about to fail' for this asset type."""

    horizon_cycles: int = Field(
        default=30, ge=1, description="a reading is anomalous when its remaining life is at most this"
    )
    rul_cap_cycles: int = Field(
        default=125, ge=1, description="remaining life above this is not distinguishable and is capped"
    )
    alert_cycles: int = Field(
        default=20, ge=0, description="an engine counts as alerted in time when its alarm stands at this remaining life"
    )


class FileMapping(_Strict):
    """How a user's own run-to-failure files are read: the only thing that such a user writes beside the signals."""

    asset_column: str = ASSET_COLUMN
    cycle_column: str | None = Field(
        default=None, description="counting column; None: rows are counted in the order of time_column"
    )
    time_column: str | None = None
    rul_column: str | None = Field(
        default=None, description="true remaining life; None: the last row of each train asset is its failure"
    )
    columns: dict[Name, str] = Field(
        default_factory=dict, description="signal name -> column name in the file, where they differ"
    )


class AssetType(_Strict):
    """A kind of machine.

    Signals keep their order: arrays of readings have one column a signal in that order.
    """

    name: Name
    description: str = ""
    cycle_meaning: str = Field(
        default="one reading", description="what one cycle is, e.g. 'one flight' or '10 s of operation'"
    )
    signals: tuple[Signal, ...] = Field(min_length=1)
    failure: FailurePolicy = FailurePolicy()
    files: FileMapping = FileMapping()

    @model_validator(mode="after")
    def _signal_names_are_unique(self) -> AssetType:
        names = [signal.name for signal in self.signals]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"signal names must be unique; given twice: {', '.join(twice)}")
        reserved = sorted({ASSET_COLUMN, CYCLE_COLUMN, RUL_COLUMN} & set(names))
        if reserved:
            raise ValueError(f"{', '.join(reserved)} are column names of the project and cannot name a signal")
        return self

    @property
    def signal_names(self) -> tuple[str, ...]:
        return tuple(signal.name for signal in self.signals)

    @property
    def setting_names(self) -> tuple[str, ...]:
        return tuple(signal.name for signal in self.signals if signal.role == "setting")

    @property
    def sensor_names(self) -> tuple[str, ...]:
        return tuple(signal.name for signal in self.signals if signal.role == "sensor")


def load_asset_type(path: Path) -> AssetType:
    """Reads one asset type.

    Args:
        path: a YAML file such as configs/assets/turbofan.yaml.

    Raises:
        ConfigurationError: the file is missing, is not YAML, or breaks the model; every mistake is named with its key.
    """
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
        raise ConfigurationError(
            path, f"no such asset type (known here: {known})", "Write the file or name a known type."
        )
    try:
        return AssetType.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise ConfigurationError(path, f"not valid YAML: {error}", "Mend the file's indentation or quoting.") from error
    except ValidationError as error:
        raise ConfigurationError(path, explain_validation(error), "Mend these keys.") from error


def explain_validation(error: ValidationError) -> str:
    """One line for all mistakes that pydantic found: `key: what is wrong (got value)`."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'file'}: {item['msg']} (got {item['input']!r:.60})"
        for item in error.errors()
    )
