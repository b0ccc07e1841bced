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
