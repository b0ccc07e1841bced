"""The normalised copy of a data set that DVC versions: the same four files whatever the source.

train.parquet, test.parquet   asset_id, cycle, signals
truth.json                    remaining life at each test asset's last row, or why nobody knows it; what users call the assets
asset_type.json               what the signals are
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, AssetType
from smart_sentry.datasets.run_to_failure import NAME_COLUMN, RunToFailure
from smart_sentry.errors import DataUnavailable
from smart_sentry.files import sha256_of, write_json, write_whole

FILES = ("train.parquet", "test.parquet", "truth.json", "asset_type.json")


def save_interim(folder: Path, fleet: RunToFailure) -> tuple[Path, ...]:
    """Writes a data set; equal data give equal bytes."""
    write_whole(folder / "train.parquet", lambda part: fleet.train.to_parquet(part, index=False))
    write_whole(folder / "test.parquet", lambda part: fleet.test.to_parquet(part, index=False))
    final = fleet.test_final_rul_cycles
    truth = None if final is None else {str(asset): int(cycles) for asset, cycles in final.items()}
    content: dict[str, Any] = {"final_rul_cycles": truth, "source": fleet.truth_source, "dataset": fleet.name}
    if fleet.asset_names is not None:
        content["asset_names"] = {str(asset): str(name) for asset, name in fleet.asset_names.items()}
    write_json(folder / "truth.json", content)
    write_json(folder / "asset_type.json", fleet.asset_type.model_dump(mode="json", exclude_defaults=True))
    return tuple(folder / name for name in FILES)


def load_interim(folder: Path) -> RunToFailure:
    """Reads what `save_interim` wrote.

    Raises:
        DataUnavailable: a file is missing.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        remedy = f"Run `smart-sentry stage get --dataset {folder.name}`, or `dvc pull` where a remote holds it."
        raise DataUnavailable(folder.name, [f"{folder / name}: no such file" for name in missing], remedy)
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    final, names = truth["final_rul_cycles"], truth.get("asset_names")
    return RunToFailure(
        name=truth["dataset"],
        asset_type=AssetType.model_validate_json((folder / "asset_type.json").read_bytes()),
        train=pd.read_parquet(folder / "train.parquet"),
        test=pd.read_parquet(folder / "test.parquet"),
        test_final_rul_cycles=None if final is None else _by_asset(final),
        truth_source=truth["source"],
        asset_names=None if names is None else _by_asset(names).rename(NAME_COLUMN).rename_axis(ASSET_COLUMN),
    )


def _by_asset(values: dict[str, Any]) -> pd.Series:
    return pd.Series({int(asset): value for asset, value in values.items()}).sort_index()


def data_version(folder: Path) -> str:
    """Checksum of the four files: names the data that a model was made of."""
    import hashlib

    return hashlib.sha256("".join(sha256_of(folder / name) for name in FILES).encode()).hexdigest()
