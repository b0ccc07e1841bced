"""Names without units, by the rule alone: nothing in the code knows a signal."""

from __future__ import annotations

import pytest

from smart_sentry.assets import AssetType
from smart_sentry.plant.other_names import short_names, with_short_means, with_short_statistics


def kind_of(**units: str) -> AssetType:
    signals = [{"name": name, "unit": unit, "limits": [0, 1]} for name, unit in units.items()]
    return AssetType.model_validate({"name": "thing", "signals": signals})


@pytest.mark.parametrize(
    ("name", "unit", "short"),
    [
        ("voltage_v", "V", "voltage"), ("speed_rpm", "rpm", "speed"), ("load_pct", "%", "load"),
        ("winding_temperature_c", "degC", "winding_temperature"), ("flow_m3_h", "m3/h", "flow"),
        ("power_factor", "1", "power_factor"), ("ratio_1", "1", "ratio_1"), ("sensor_7", "psia", "sensor_7"), ("v", "V", "v"),
    ],
)  # fmt: skip
def test_short_name_is_the_name_without_its_unit(name: str, unit: str, short: str) -> None:
    assert short_names(kind_of(**{name: unit})) == {name: short}


def test_two_signals_that_would_be_called_the_same_keep_their_units() -> None:
    kind = kind_of(oil_c="degC", oil_bar="bar", flow_l="l")
    assert short_names(kind) == {"oil_c": "oil_c", "oil_bar": "oil_bar", "flow_l": "flow"}
    assert set(with_short_means(kind, {"oil_c": 60.0, "oil_bar": 4.0, "flow_l": 9.0})) == {
        "oil_c", "oil_bar", "flow_l", "oil_c_mean", "oil_bar_mean", "flow_mean",
    }  # fmt: skip


def test_other_name_never_takes_the_place_of_a_figure_that_has_it_already() -> None:
    kind = kind_of(flow_l="l")
    assert with_short_means(kind, {"flow_l": 9.0, "flow_mean": 1.0}) == {"flow_l": 9.0, "flow_mean": 1.0}
    assert with_short_statistics(kind, {"flow_l_std": 2.0, "flow_l_rms": 3.0}) == {
        "flow_l_std": 2.0, "flow_l_rms": 3.0, "flow_std": 2.0, "flow_rms": 3.0,
    }  # fmt: skip
