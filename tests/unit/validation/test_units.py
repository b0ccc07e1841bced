import numpy as np
import pytest

from smart_sentry.validation.units import UNITS, conversion, convert, suspected_unit

NOTHING = np.array([])


@pytest.mark.parametrize(
    ("unit", "limits", "came_in", "offending"),
    [
        ("degR", (480, 720), "K", [356.57, 356.75]),  # 641.82 degR / 1.8
        ("psia", (100, 650), "kPa", [3822.2, 3818.0]),  # 554.36 psia * 6.894757
        ("psia", (100, 650), "bar", [38.222]),
        ("rpm", (7000, 10000), "Hz", [150.77]),  # 9046.2 rpm / 60
        ("rpm", (1500, 2800), "rad/s", [250.1]),  # 2388 rpm * 2 pi / 60
        ("kft", (-1, 60), "m", [10668.0]),  # 35 kft
        ("kft", (-1, 60), "ft", [35000.0]),
        ("%", (40, 110), "1", [0.6, 1.0]),
        ("1", (0, 1), "%", [92.0, 91.0]),
        ("degC", (-40, 250), "K", [360.0]),  # 87 degC; as degF it would be 182 degC, farther from the usual 80 degC
        ("g", (0, 20), "m/s2", [98.0665]),  # 10 g
    ],
)
def test_suspected_unit_of_converted_values_is_the_unit_they_came_in(unit, limits, came_in, offending):
    usual = np.array([80.0]) if unit == "degC" else NOTHING
    assert suspected_unit(unit, limits, np.array(offending), usual) == came_in


def test_suspected_unit_prefers_the_one_nearest_to_the_fitting_values():
    # 300 may be K (26.85 degC) or degF (148.9 degC): the other values of the column decide.
    assert suspected_unit("degC", (-40, 250), np.array([300.0]), np.array([25.0, 27.0])) == "K"
    assert suspected_unit("degC", (-40, 250), np.array([300.0]), np.array([150.0])) == "degF"


def test_suspected_unit_where_no_conversion_fits_is_none():
    assert suspected_unit("psia", (100, 650), np.array([-5.0]), NOTHING) is None


def test_suspected_unit_of_an_unlisted_unit_is_none():
    assert suspected_unit("pps/psia", (100, 620), np.array([7000.0]), NOTHING) is None


def test_suspected_unit_bears_a_glitch_in_twenty_values_but_not_in_ten():
    assert suspected_unit("psia", (100, 650), np.array([3820.0] * 19 + [1e9]), NOTHING) == "kPa"
    assert suspected_unit("psia", (100, 650), np.array([3820.0] * 9 + [1e9]), NOTHING) is None


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (100.0, "degC", "degF", 212.0),
        (518.67, "degR", "K", 288.15),
        (14.695949, "psia", "kPa", 101.325),
        (60.0, "rpm", "Hz", 1.0),
        (1.0, "kft", "m", 304.8),
    ],
)
def test_convert_gives_the_textbook_value_and_back(value, source, target, expected):
    converted = convert(np.array([value]), source, target)
    assert converted[0] == pytest.approx(expected, rel=1e-6)
    assert convert(converted, target, source)[0] == pytest.approx(value)


def test_every_quantity_has_two_units_or_it_could_never_be_suspected():
    quantities = [unit.quantity for unit in UNITS.values()]
    assert all(quantities.count(quantity) >= 2 for quantity in quantities)


def test_conversion_with_an_offset_below_zero_shows_a_minus():
    assert conversion("K", "degC") == "degC = 1 * K - 273.15"
