"""The normalised copy of a data set: four files that say the same again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from tiny_project import TINY_ASSET_TYPE, tiny_histories

from smart_sentry.assets import AssetType
from smart_sentry.datasets.interim import FILES, data_version, load_interim, save_interim
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.errors import DataUnavailable, TruthMissing

HISTORIES = tiny_histories().reset_index(drop=True)


def make_data() -> RunToFailure:
    test = HISTORIES[(HISTORIES["asset_id"] > 15) & (HISTORIES["cycle"] <= 30)].reset_index(drop=True)
    return RunToFailure(
        name="tiny",
        asset_type=AssetType.model_validate(TINY_ASSET_TYPE),
        train=HISTORIES[HISTORIES["asset_id"] <= 15],
        test=test,
        test_final_rul_cycles=pd.Series({asset: 10 * asset for asset in range(16, 21)}),
        truth_source="rul.csv",
    )


def test_data_set_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    data = make_data()
    assert save_interim(tmp_path, data) == tuple(tmp_path / name for name in FILES)
    loaded = load_interim(tmp_path)
    assert (loaded.name, loaded.truth_source, loaded.asset_type) == (data.name, data.truth_source, data.asset_type)
    pd.testing.assert_frame_equal(loaded.train, data.train)
    pd.testing.assert_frame_equal(loaded.test, data.test)
    pd.testing.assert_series_equal(loaded.test_truth(), data.test_truth())
    assert loaded.test_truth().iloc[29] == 160  # the last of thirty rows of asset 16


def test_what_users_call_their_assets_comes_back(tmp_path: Path) -> None:
    names = pd.Series({asset: f"pump {asset:03}" for asset in range(1, 21)}, name="asset_name").rename_axis("asset_id")
    save_interim(tmp_path, replace(make_data(), asset_names=names))
    pd.testing.assert_series_equal(load_interim(tmp_path).asset_names, names)


def test_data_set_without_truth_comes_back_without_it(tmp_path: Path) -> None:
    save_interim(tmp_path, replace(make_data(), test_final_rul_cycles=None))
    with pytest.raises(TruthMissing, match=r"rul\.csv is missing"):
        load_interim(tmp_path).test_truth()


def test_equal_data_give_equal_bytes_and_other_data_another_version(tmp_path: Path) -> None:
    for name in ("first", "second"):
        save_interim(tmp_path / name, make_data())
    assert data_version(tmp_path / "first") == data_version(tmp_path / "second")
    data = make_data()
    changed = data.test.assign(load=data.test["load"].where(data.test.index != 7, 1.5))
    save_interim(tmp_path / "third", replace(data, test=changed))
    assert data_version(tmp_path / "third") != data_version(tmp_path / "first")


@pytest.mark.parametrize("name", FILES)
def test_file_that_is_missing_is_named_with_what_brings_it(tmp_path: Path, name: str) -> None:
    save_interim(tmp_path / "tiny", make_data())
    (tmp_path / "tiny" / name).unlink()
    with pytest.raises(DataUnavailable, match="smart-sentry stage get --dataset tiny") as caught:
        load_interim(tmp_path / "tiny")
    assert caught.value.tried == (f"{tmp_path / 'tiny' / name}: no such file",)
