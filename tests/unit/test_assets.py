"""Asset types: parsed once, and every mistake is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from smart_sentry.assets import AssetType, Signal, load_asset_type
from smart_sentry.errors import ConfigurationError

CONFIGS = Path(__file__).parents[2] / "configs" / "assets"


def pump(**changes: Any) -> dict[str, Any]:
    """A small asset type with changes."""
    return {
        "name": "pump",
        "signals": [
            {"name": "speed", "unit": "rpm", "role": "setting", "limits": [0, 3000]},
            {"name": "flow", "unit": "l/min", "limits": [0, 500]},
            {"name": "vibration", "unit": "g", "limits": [0, 20]},
        ],
    } | changes


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_asset_type_of_the_project_is_valid_and_named_like_its_file(path: Path) -> None:
    asset_type = load_asset_type(path)
    assert asset_type.name == path.stem
    assert asset_type.sensor_names


def test_signals_keep_their_order_and_roles() -> None:
    asset_type = AssetType.model_validate(pump())
    assert asset_type.signal_names == ("speed", "flow", "vibration")
    assert asset_type.setting_names == ("speed",)
    assert asset_type.sensor_names == ("flow", "vibration")


def test_failure_policy_and_file_mapping_have_defaults() -> None:
    asset_type = AssetType.model_validate(pump())
    assert (asset_type.failure.horizon_cycles, asset_type.failure.rul_cap_cycles) == (30, 125)
    assert asset_type.files.asset_column == "asset_id"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"signal": []}, "signal: Extra inputs"),
        ({"signals": []}, "signals: .*at least 1 item"),
        ({"failure": {"horizon": 30}}, r"failure\.horizon: Extra inputs"),
        ({"failure": {"horizon_cycles": 0}}, r"failure\.horizon_cycles: .*greater than or equal to 1"),
        ({"name": "../pump"}, "name: .*pattern"),
        ({"signals": [{"name": "flow", "unit": "g", "limits": [5, 5]}]}, "limits of flow must be .low, high."),
        ({"signals": [{"name": "flow", "unit": "g", "limits": [0]}]}, r"signals\.0\.limits"),
        ({"signals": [{"name": "flow", "limits": [0, 1]}]}, r"signals\.0\.unit: Field required"),
        ({"signals": [{"name": "flow", "unit": "g", "role": "sensr", "limits": [0, 1]}]}, r"signals\.0\.role"),
        ({"signals": 2 * [{"name": "flow", "unit": "g", "limits": [0, 1]}]}, "given twice: flow"),
        ({"signals": [{"name": "cycle", "unit": "1", "limits": [0, 1]}]}, "cycle are column names of the project"),
        ({"files": {"columns": {"flow": 3}}}, r"files\.columns\.flow"),
    ],
)
def test_asset_type_with_a_mistake_is_refused_with_its_key(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = tmp_path / "pump.yaml"
    path.write_text(yaml.safe_dump(pump(**changes)))
    with pytest.raises(ConfigurationError, match=said) as caught:
        load_asset_type(path)
    assert caught.value.where == str(path)


def feature(kind: str, **parameters: Any) -> dict[str, Any]:
    """One derived feature of the pump."""
    return {"name": "shown", "kind": kind} | parameters


RATIO = feature("ratio", numerator="vibration", denominator="flow", offset=1)


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (
            [feature("mean", signal="flow")],
            r"features\.0: Input tag 'mean' .* expected tags: 'rolling_mean', 'spike_count'",
        ),
        ([{"name": "shown", "signal": "flow"}], r"features\.0: Unable to extract tag using discriminator 'kind'"),
        ([feature("rms", signal="flow")], r"features\.0\.rms\.points: Field required"),
        ([feature("rms", signal="flow", points=5, sigma=3)], r"features\.0\.rms\.sigma: Extra inputs"),
        ([feature("rms", signal="flow", points=1)], r"features\.0\.rms\.points: .* greater than or equal to 2"),
        ([feature("rms", points=5)], r"features\.0\.rms\.signal: Field required"),
        ([feature("rolling_mean", signal="flow", seconds=0)], r"rolling_mean\.seconds: .* greater than 0"),
        ([feature("rolling_mean", signal="flow", seconds=float("inf"))], r"rolling_mean\.seconds: .* finite number"),
        ([feature("spike_count", signal="flow", points=9)], r"spike_count\.sigma: Field required"),
        ([feature("spike_count", signal="flow", points=9, sigma=0)], r"spike_count\.sigma: .* greater than 0"),
        ([feature("percent", signal="flow", low=5, high=5)], "low must be below high, not low 5 and high 5"),
        ([feature("distance", signal="flow")], r"features\.0\.distance\.from: Field required"),
        ([feature("ratio", signal="flow")], r"ratio\.numerator: Field required.*ratio\.signal: Extra inputs"),
        ([RATIO | {"name": "1st"}], r"features\.0\.ratio\.name: .*pattern"),
        ([RATIO, RATIO], "features: shown is the name of 2 features"),
        ([RATIO | {"name": "flow"}], "flow is the name of a signal already"),
        ([RATIO | {"name": "cycle"}], "cycle is the name of a column of the project already"),
        (
            [RATIO | {"numerator": "speeed"}],
            r"made of speeed, which is no signal of the type \(it has speed, flow, vibrat",
        ),
        ([RATIO | {"numerator": "flow"}], "shown divides flow by itself"),
        (
            [RATIO | {"offset": 0}],
            r"divides by flow \+ 0, which can be zero within the limits \[0, 500\] of flow \(offset: above 0 or below -500\)",
        ),
        ([RATIO | {"offset": -3}, RATIO | {"numerator": "x"}], "of 2 features; .* can be zero .*; shown is made of x"),
    ],
)
def test_derived_feature_with_a_mistake_is_refused_and_named(
    tmp_path: Path, features: list[dict[str, Any]], said: str
) -> None:
    path = tmp_path / "pump.yaml"
    path.write_text(yaml.safe_dump(pump(features=features)))
    with pytest.raises(ConfigurationError, match=said):
        load_asset_type(path)


@pytest.mark.parametrize("offset", [1, 0.001, -500.5])
def test_denominator_that_is_never_zero_within_the_limits_is_taken(offset: float) -> None:
    kind = AssetType.model_validate(pump(features=[RATIO | {"offset": offset}]))
    assert kind.derived_features[0].signals == ("vibration", "flow")


def test_type_that_names_no_features_has_two_of_every_signal() -> None:
    names = [feature.name for feature in AssetType.model_validate(pump()).derived_features]
    assert names == [
        "speed_rolling_mean_1h", "speed_spike_count", "flow_rolling_mean_1h", "flow_spike_count",
        "vibration_rolling_mean_1h", "vibration_spike_count",
    ]  # fmt: skip
    assert AssetType.model_validate(pump(features=[])).derived_features == ()
    signals = [{"name": name, "unit": "1", "limits": [0, 1]} for name in ("a", "a_spike_count", "x" * 64)]
    names = [feature.name for feature in AssetType.model_validate(pump(signals=signals)).derived_features]
    assert "a_spike_count" not in names
    assert "x" * 64 + "_rolling_mean_1h" in names


def test_fast_machine_has_the_features_of_its_windows_and_may_add_ratios() -> None:
    fast = {"sampling_seconds": 0.01}
    assert AssetType.model_validate(pump(**fast)).derived_features == ()
    assert len(AssetType.model_validate(pump(**fast, features=[RATIO])).derived_features) == 1
    with pytest.raises(
        ValidationError, match=r"shown is of kind rms, but a machine read every 0.01 s \(below 0.05 s\)"
    ):
        AssetType.model_validate(pump(**fast, features=[feature("rms", signal="flow", points=5)]))
    with pytest.raises(ValidationError, match="flow_mean is the name of a window's feature already"):
        AssetType.model_validate(pump(**fast, features=[RATIO | {"name": "flow_mean"}]))


def test_motor_names_the_six_features_of_a_motor() -> None:
    motor = load_asset_type(CONFIGS / "motor.yaml")
    assert [(feature.name, feature.kind, feature.signals) for feature in motor.derived_features] == [
        ("voltage_rolling_mean_1h", "rolling_mean", ("voltage_v",)),
        ("current_spike_count", "spike_count", ("current_a",)),
        ("power_factor_efficiency_score", "percent", ("power_factor",)),
        ("vibration_intensity_rms", "rms", ("vibration_g",)),
        ("voltage_stability", "distance", ("voltage_v",)),
        ("power_vibration_ratio", "ratio", ("vibration_g", "power_factor")),
    ]
    assert AssetType.model_validate_json(motor.model_dump_json()) == motor


def test_asset_type_that_does_not_exist_names_those_that_do(tmp_path: Path) -> None:
    for name in ("pump", "fan"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(pump(name=name)))
    with pytest.raises(ConfigurationError, match=r"no such asset type \(known here: fan, pump\)"):
        load_asset_type(tmp_path / "lathe.yaml")


def test_asset_type_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pump.yaml").write_text("name: [")
    with pytest.raises(ConfigurationError, match="not valid YAML"):
        load_asset_type(tmp_path / "pump.yaml")


def test_asset_type_survives_json() -> None:
    asset_type = AssetType.model_validate(pump())
    assert AssetType.model_validate_json(asset_type.model_dump_json()) == asset_type


def test_asset_type_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Signal(name="flow", unit="g", limits=(0, 1)).name = "other"  # type: ignore[misc]
