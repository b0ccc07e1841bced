"""From a table to a drafted asset type, a baseline and scores, as a user does it: one row out for each row in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from condition_sample import CREATED, running

from smart_sentry.asset_draft import draft_asset_type
from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.condition_files import Calibrated, calibrate_file, score_file
from smart_sentry.errors import ConfigurationError, ModelUnavailable, UnreadableData


def table(rows: int, seed: int, asset: str = "p/1", start: str = "2026-01-01", frequency: str = "10s") -> pd.DataFrame:
    values = pd.DataFrame(running(rows, seed), columns=["current", "speed", "vibration"])
    values.insert(0, "asset_id", asset)
    values.insert(0, "timestamp", pd.date_range(start, periods=rows, freq=frequency).astype(str))
    return values


def written(folder: Path, name: str, frame: pd.DataFrame) -> Path:
    path = folder / name
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return path


def calibrated(
    folder: Path, frame: pd.DataFrame, workers: int = 1
) -> tuple[AssetType, BaselineStore, list[Calibrated]]:
    data = written(folder, "train.csv", frame)
    kind = draft_asset_type("pumps", data, folder / "pumps.yaml")
    store = BaselineStore(folder / "baselines")
    told: list[tuple[int, int]] = []
    done = calibrate_file(
        kind,
        data,
        store,
        created=CREATED,
        seed=1,
        workers=workers,
        progress=lambda number, of: told.append((number, of)),
    )
    assert told == [(number, len(done)) for number in range(1, len(done) + 1)]
    return kind, store, done


def test_draft_names_signals_limits_and_the_sampling_interval(tmp_path: Path) -> None:
    frame = table(200, 1)
    frame["label"], frame["note"], frame["flag"] = 0, "fine", 1
    kind = draft_asset_type("pumps", written(tmp_path, "train.csv", frame), tmp_path / "pumps.yaml")
    assert kind.signal_names == ("current", "speed", "vibration")
    assert kind.sampling_seconds == 10
    assert load_asset_type(tmp_path / "pumps.yaml") == kind
    low, high = kind.signals[0].limits
    assert low < -100
    assert high > 200


@pytest.mark.parametrize(("frequency", "interval"), [("10ms", 0.01), ("1s", 1), ("5min", 300), ("1h", 3600)])
def test_draft_finds_the_sampling_interval(tmp_path: Path, frequency: str, interval: float) -> None:
    data = written(tmp_path, "train.csv", table(300, 1, frequency=frequency))
    assert draft_asset_type("pumps", data, tmp_path / "pumps.yaml").sampling_seconds == pytest.approx(interval)


def test_draft_never_overwrites(tmp_path: Path) -> None:
    data = written(tmp_path, "train.csv", table(20, 1))
    draft_asset_type("pumps", data, tmp_path / "pumps.yaml")
    with pytest.raises(ConfigurationError, match="the file exists already"):
        draft_asset_type("pumps", data, tmp_path / "pumps.yaml")


def test_scores_have_one_row_for_each_row_in_the_same_order(tmp_path: Path) -> None:
    kind, store, _ = calibrated(tmp_path, table(600, 1))
    live = table(400, 2, start="2026-02-01")
    live.loc[300:, "vibration"] += 0.5
    mixed = live.sample(frac=1, random_state=1)
    out = score_file(kind, written(tmp_path, "live.csv", mixed), tmp_path / "scores.csv", store)
    assert out["timestamp"].tolist() == mixed["timestamp"].tolist()
    kept = pd.read_csv(tmp_path / "scores.csv")
    assert kept.columns.tolist() == ["timestamp", "asset_id", "phase", "score", "flag", "reason"]
    assert len(kept) == 400
    by_time = kept.sort_values("timestamp", ignore_index=True)
    assert by_time["flag"][:300].mean() <= 0.01
    assert by_time["flag"][300:].all()
    assert by_time["reason"][300].startswith("High vibration: ")
    in_order = score_file(kind, written(tmp_path, "ordered.csv", live), tmp_path / "ordered_scores.csv", store)
    np.testing.assert_array_equal(by_time["flag"], in_order["flag"])


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    kind, store, _ = calibrated(tmp_path, table(600, 1))
    live = table(50, 2)
    tables = [
        score_file(kind, written(tmp_path, name, live), tmp_path / "scores.csv", store)
        for name in ("a.csv", "a.parquet")
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1])


def test_bad_values_keep_their_rows_and_blame_the_sensor(tmp_path: Path) -> None:
    kind, store, _ = calibrated(tmp_path, table(600, 1))
    live = table(60, 2).astype({"vibration": object, "current": object})
    live.loc[10, "vibration"] = "n/a"
    live.loc[11, "current"] = "inf"
    live.loc[12, "vibration"] = 1e12
    live.loc[13, "timestamp"] = "yesterday"
    out = score_file(kind, written(tmp_path, "live.csv", live), tmp_path / "scores.csv", store)
    assert len(out) == 60
    assert out["reason"][10] == "sensor: vibration missing"
    assert out["reason"][11] == "sensor: current missing"
    assert out["reason"][12] == "sensor: vibration out of range"
    assert out["timestamp"][13] == "yesterday"
    assert not out["flag"][10:14].any()


def test_only_baseline_serves_a_table_that_names_its_asset_otherwise_and_one_without_names(tmp_path: Path) -> None:
    kind, store, _ = calibrated(tmp_path, table(600, 1))
    for live in (table(50, 2, asset="other"), table(50, 2).drop(columns="asset_id")):
        out = score_file(kind, written(tmp_path, "live.csv", live), tmp_path / "scores.csv", store)
        assert out["score"].notna().all()


def test_stranger_among_several_assets_is_not_judged(tmp_path: Path) -> None:
    kind, store, done = calibrated(tmp_path, pd.concat([table(300, 1), table(300, 2, asset="p 2")]))
    assert [one.asset_id for one in done] == ["p/1", "p 2"]
    out = score_file(kind, written(tmp_path, "live.csv", table(5, 3, asset="p 3")), tmp_path / "scores.csv", store)
    assert out["score"].isna().all()
    assert out["reason"].tolist() == ["not judged: p 3 was not calibrated"] * 5


def test_refused_asset_does_not_stop_the_others(tmp_path: Path) -> None:
    _, store, done = calibrated(tmp_path, pd.concat([table(50, 1), table(300, 2, asset="p 2")]))
    assert done[0].version is None
    assert "have 50, need at least 100" in str(done[0].refusal)
    assert store.assets() == ["p 2"]


def test_many_assets_in_two_processes_get_the_baselines_of_one(tmp_path: Path) -> None:
    fleet = pd.concat([table(120, seed, asset=f"p {seed}") for seed in range(9)])
    for workers in (1, 2):
        (tmp_path / str(workers)).mkdir()
    one, two = (calibrated(tmp_path / str(workers), fleet, workers)[2] for workers in (1, 2))
    assert [part.version for part in one] == [part.version for part in two]
    assert None not in [part.version for part in one]


def test_calibrating_again_makes_the_new_baseline_active_and_can_be_rolled_back(tmp_path: Path) -> None:
    _, store, (first,) = calibrated(tmp_path, table(600, 1))
    (tmp_path / "pumps.yaml").unlink()
    _, _, (second,) = calibrated(tmp_path, table(600, 2))
    assert store.history("p/1") == [first.version, second.version]
    assert store.active("p/1").version == second.version
    assert store.roll_back("p/1") == first.version
    assert store.active("p/1").version == first.version
    with pytest.raises(ModelUnavailable, match="no earlier baseline"):
        store.roll_back("p/1")


def test_scoring_before_calibrating_says_what_to_do(tmp_path: Path) -> None:
    data = written(tmp_path, "train.csv", table(20, 1))
    kind = draft_asset_type("pumps", data, tmp_path / "pumps.yaml")
    with pytest.raises(ModelUnavailable, match="smart-sentry calibrate --type pumps"):
        score_file(kind, data, tmp_path / "scores.csv", BaselineStore(tmp_path / "baselines"))
    assert not (tmp_path / "scores.csv").exists()


def test_table_that_lacks_a_signal_is_refused_by_name(tmp_path: Path) -> None:
    kind, store, _ = calibrated(tmp_path, table(200, 1))
    with pytest.raises(
        UnreadableData, match="expected columns speed, found columns timestamp, asset_id, current, vibration"
    ):
        score_file(
            kind, written(tmp_path, "live.csv", table(9, 1).drop(columns="speed")), tmp_path / "scores.csv", store
        )


@pytest.mark.parametrize("name", ["..", ".", "a/b", "ü € 電", "x" * 100, "C:\\pump"])
def test_any_asset_name_is_kept_within_the_store(tmp_path: Path, name: str) -> None:
    frame = table(150, 1)
    frame["asset_id"] = name
    _, store, _ = calibrated(tmp_path, frame)
    assert store.assets() == [name]
    inside = list((tmp_path / "baselines").rglob("baseline.npz"))
    assert len(inside) == 1
    assert len(inside[0].relative_to(tmp_path / "baselines").parts) == 3


def test_numbers_are_taken_for_seconds(tmp_path: Path) -> None:
    frame = table(300, 1)
    frame["timestamp"] = np.arange(300) * 10.0
    kind, store, _ = calibrated(tmp_path, frame)
    assert kind.sampling_seconds == 10
    out = score_file(kind, tmp_path / "train.csv", tmp_path / "scores.csv", store)
    assert out["score"].notna().all()
