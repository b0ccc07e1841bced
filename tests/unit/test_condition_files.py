"""From a table to a drafted asset type, a baseline and scores, as a user does it: one row out for each row in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from condition_sample import CREATED, running

from smart_sentry.asset_draft import draft_asset_type
from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.condition_files import Calibrated, calibrate_file, score_file
from smart_sentry.errors import ConfigurationError, InsufficientData, ModelUnavailable, UnreadableData


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


@pytest.mark.parametrize(
    "mended",
    [
        lambda draft: draft | {"sampling_seconds": 0.01},
        lambda draft: draft | {"signals": draft["signals"][::-1]},
        lambda draft: draft | {"signals": draft["signals"][:2]},
        lambda draft: draft | {"signals": [draft["signals"][0] | {"role": "setting"}, *draft["signals"][1:]]},
    ],
    ids=["faster", "in another order", "one less", "a sensor is a setting"],
)
def test_type_that_was_mended_after_its_calibration_is_refused_until_it_is_calibrated_again(
    tmp_path: Path, mended: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    kind, store, _ = calibrated(tmp_path, table(200, 1))
    changed = AssetType.model_validate(mended(kind.model_dump()))
    with pytest.raises(ModelUnavailable, match=r"The type pumps has changed since: .* calibrate again"):
        score_file(changed, tmp_path / "train.csv", tmp_path / "scores.csv", store)
    assert not (tmp_path / "scores.csv").exists()


def test_asset_of_before_the_type_changed_does_not_stop_a_file_that_it_is_not_in(tmp_path: Path) -> None:
    kind, store, _ = calibrated(
        tmp_path, pd.concat([table(200, 1), table(200, 2, asset="p 2"), table(200, 3, asset="p 3")])
    )
    changed = AssetType.model_validate(kind.model_dump() | {"sampling_seconds": 20})
    again = written(tmp_path, "again.csv", pd.concat([table(200, 1), table(200, 2, asset="p 2")]))
    calibrate_file(changed, again, store, created=CREATED, seed=1, workers=1, progress=lambda *_: None)
    assert score_file(changed, again, tmp_path / "scores.csv", store)["score"].notna().all()


@pytest.mark.parametrize(
    ("column", "usual", "fault", "told"),
    [
        ("leak", 0, 1, "High leak: 1 against 0 (over 1000 sigma)"),
        ("errors", 0, 40_000, "High errors: 4e+04 against 0 (over 1000 sigma)"),
        ("supply", 12.0, 12.5, "High supply: 12."),
        ("supply", 12.0, 0.0, "Low supply: 0 against 12 (100.0 sigma)"),
        ("supply", 0.1, 30.0, "High supply: 30 against 0.1 (over 1000 sigma)"),
    ],
)
def test_signal_that_never_moved_is_flagged_when_it_does_and_not_before(
    tmp_path: Path, column: str, usual: float, fault: float, told: str
) -> None:
    train, live = table(405, 1).assign(**{column: usual}), table(300, 2).assign(**{column: usual})
    kind, store, done = calibrated(tmp_path, train)
    assert done[0].baseline is not None
    assert not done[0].baseline.adaptation.any()
    live.loc[200:, column] = fault
    out = score_file(kind, written(tmp_path, "live.csv", live), tmp_path / "scores.csv", store)
    assert out["flag"][:200].mean() <= 0.01
    assert out["flag"][200:].all()
    assert out["reason"][210:].str.startswith(told).all()


def test_limits_of_a_steady_signal_leave_room_for_a_hundred_times_its_size(tmp_path: Path) -> None:
    frame = table(200, 1).assign(warm=np.linspace(19.9, 20.0, 200))
    kind = draft_asset_type("pumps", written(tmp_path, "train.csv", frame), tmp_path / "pumps.yaml")
    assert kind.signals[-1].limits == (-1980, 2020)


@pytest.mark.parametrize(
    "label",
    [
        "label", "is_anomaly", "Anomaly", "changepoint", "target", "outlier", "fault", "faultNumber", "attack", "attack_P1",
        "Normal/Attack", "Attack LABLE (1:No Attack, -1:Attack)", "class", "Machine failure", "rul_cycles", "RUL", "ground_truth",
    ],
)  # fmt: skip
def test_column_that_tells_the_truth_is_no_signal_and_the_description_says_so(tmp_path: Path, label: str) -> None:
    data = written(tmp_path, "train.csv", table(200, 1).assign(**{label: 0}))
    kind = draft_asset_type("pumps", data, tmp_path / "pumps.yaml")
    assert kind.signal_names == ("current", "speed", "vibration")
    assert kind.description == f"drafted from train.csv; left out: {label} (tells what is to be found out)"


@pytest.mark.parametrize(
    "name", ["target_temperature", "fault_relay", "event_rate", "normal_force", "attack_angle", "y"]
)
def test_column_that_only_sounds_like_a_label_is_a_signal(tmp_path: Path, name: str) -> None:
    data = written(tmp_path, "train.csv", table(200, 1).assign(**{name: 0}))
    kind = draft_asset_type("pumps", data, tmp_path / "pumps.yaml")
    assert kind.signal_names[-1] == name


def test_blank_asset_names_are_those_of_the_only_asset(tmp_path: Path) -> None:
    for name in ("", "  "):
        (folder := tmp_path / f"of {len(name)} spaces").mkdir()
        kind, store, done = calibrated(folder, table(200, 1, asset=name))
        assert [one.asset_id for one in done] == store.assets() == ["asset"]
        out = score_file(kind, folder / "train.csv", folder / "scores.csv", store)
        assert out["score"].notna().all()
        assert set(out["asset_id"]) == {"asset"}


def test_columns_that_cannot_name_a_signal_are_mapped_and_read_in_calibration_and_scoring(tmp_path: Path) -> None:
    names = {"current": "Volume Flow RateRMS", "speed": "1st speed [rpm]", "vibration": "Volume_Flow RateRMS"}
    train, live = table(300, 1).rename(columns=names), table(200, 2).rename(columns=names)
    live.loc[100:, "1st speed [rpm]"] += 100.0
    kind, store, _ = calibrated(tmp_path, train.assign(Druck_Öl=train["Volume Flow RateRMS"], 温度=1.0))
    assert kind.files.columns == {
        "Volume_Flow_RateRMS": "Volume Flow RateRMS", "signal_1st_speed_rpm": "1st speed [rpm]",
        "Volume_Flow_RateRMS_2": "Volume_Flow RateRMS", "Druck_l": "Druck_Öl", "signal_5": "温度",
    }  # fmt: skip
    assert load_asset_type(tmp_path / "pumps.yaml") == kind
    live = live.assign(Druck_Öl=live["Volume Flow RateRMS"], 温度=1.0)
    out = score_file(kind, written(tmp_path, "live.csv", live), tmp_path / "scores.csv", store)
    assert out["flag"][:100].mean() <= 0.02
    assert out["flag"][100:].all()
    usual = live.rename(columns={column: name for name, column in kind.files.columns.items()})
    again = score_file(kind, written(tmp_path, "usual.csv", usual), tmp_path / "scores.csv", store)
    pd.testing.assert_frame_equal(again, out)
    without = written(tmp_path, "without.csv", live.drop(columns="1st speed [rpm]"))
    with pytest.raises(UnreadableData, match=r"expected columns 1st speed \[rpm\], found"):
        score_file(kind, without, tmp_path / "scores.csv", store)


def test_index_that_a_table_was_written_with_is_no_signal(tmp_path: Path) -> None:
    table(200, 1).to_csv(tmp_path / "train.csv")
    kind = draft_asset_type("pumps", tmp_path / "train.csv", tmp_path / "pumps.yaml")
    assert kind.signal_names == ("current", "speed", "vibration")
    assert kind.description == "drafted from train.csv; left out: Unnamed: 0 (counts the rows)"


def test_table_without_a_signal_is_refused_with_what_its_columns_are(tmp_path: Path) -> None:
    frame = table(200, 1)[["timestamp", "asset_id"]].assign(note="fine", label=0)
    with pytest.raises(InsufficientData, match=r"note \(no numbers\), label \(tells what is to be found out\): have 0"):
        draft_asset_type("pumps", written(tmp_path, "train.csv", frame), tmp_path / "pumps.yaml")


@pytest.mark.parametrize(("time", "asset"), [("Time", "Asset ID"), ("date_time", "AssetId"), ("Timestamp", "asset_id")])
def test_time_and_asset_may_be_spelled_in_another_way(tmp_path: Path, time: str, asset: str) -> None:
    both = pd.concat([table(200, 1), table(200, 2, asset="p 2")]).rename(columns={"timestamp": time, "asset_id": asset})
    kind, store, done = calibrated(tmp_path, both)
    assert kind.signal_names == ("current", "speed", "vibration")
    assert kind.sampling_seconds == 10
    assert [one.asset_id for one in done] == ["p/1", "p 2"]
    out = score_file(kind, tmp_path / "train.csv", tmp_path / "scores.csv", store)
    assert out["timestamp"].tolist() == both[time].tolist()
    assert out["score"].notna().all()
