"""Which unit a column is probably in, when its values do not fit the limits of the unit that they should be in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

FITTING_SHARE = 0.95
"""A unit is suspected when at least this share of the offending values fits after conversion: a glitch may be among them."""


@dataclass(frozen=True)
class Unit:
    """`base = scale * value + offset`, where the base is one unit of the same quantity."""

    quantity: str
    scale: float
    offset: float = 0.0


UNITS: Mapping[str, Unit] = {
    "K": Unit("temperature", 1.0),
    "degC": Unit("temperature", 1.0, 273.15),
    "degF": Unit("temperature", 5 / 9, 459.67 * 5 / 9),
    "degR": Unit("temperature", 5 / 9),
    "Pa": Unit("pressure", 1.0),
    "hPa": Unit("pressure", 1e2),
    "kPa": Unit("pressure", 1e3),
    "bar": Unit("pressure", 1e5),
    "MPa": Unit("pressure", 1e6),
    "psia": Unit("pressure", 6894.757293168),
    "rpm": Unit("rotation", 1.0),
    "Hz": Unit("rotation", 60.0),
    "rad/s": Unit("rotation", 30 / pi),
    "m": Unit("length", 1.0),
    "km": Unit("length", 1e3),
    "ft": Unit("length", 0.3048),
    "kft": Unit("length", 304.8),
    "1": Unit("ratio", 1.0),
    "%": Unit("ratio", 0.01),
    "kg/s": Unit("mass flow", 1.0),
    "lbm/s": Unit("mass flow", 0.45359237),
    "V": Unit("voltage", 1.0),
    "mV": Unit("voltage", 1e-3),
    "kV": Unit("voltage", 1e3),
    "A": Unit("current", 1.0),
    "mA": Unit("current", 1e-3),
    "kA": Unit("current", 1e3),
    "W": Unit("power", 1.0),
    "kW": Unit("power", 1e3),
    "hp": Unit("power", 745.69987158227),
    "g": Unit("acceleration", 9.80665),
    "m/s2": Unit("acceleration", 1.0),
    "mm/s": Unit("velocity", 1e-3),
    "in/s": Unit("velocity", 0.0254),
    "m/s": Unit("velocity", 1.0),
}
"""Units of machine data. Factors: NIST SP 811 (2008), appendix B. A unit that is not listed is never suspected."""


def convert(values: NDArray[np.float64], source: str, target: str) -> NDArray[np.float64]:
    """Converts between two listed units of one quantity.

    >>> convert(np.array([59.0]), "degF", "degC").round(6).tolist()
    [15.0]
    """
    return (UNITS[source].scale * values + UNITS[source].offset - UNITS[target].offset) / UNITS[target].scale


def suspected_unit(
    unit: str, limits: tuple[float, float], offending: NDArray[np.float64], fitting: NDArray[np.float64]
) -> str | None:
    """The unit that the offending values are probably in.

    Where several units would fit, it is the one that brings the offending values nearest to the fitting ones.

    Args:
        unit: the unit that the values should be in.
        limits: possible range in `unit`, inclusive.
        offending: finite values outside the limits.
        fitting: the column's values inside the limits; may be empty, then the middle of the limits stands for them.

    Returns:
        A key of `UNITS`, or None where no conversion explains the values.

    >>> suspected_unit("psia", (100, 650), np.array([3819.5, 3815.3]), np.array([]))
    'kPa'
    """
    if unit not in UNITS or offending.size == 0:
        return None
    low, high = limits
    usual = float(np.median(fitting)) if fitting.size else (low + high) / 2
    distance = {}
    for other, candidate in UNITS.items():
        if other == unit or candidate.quantity != UNITS[unit].quantity:
            continue
        converted = convert(offending, other, unit)
        if np.mean((converted >= low) & (converted <= high)) >= FITTING_SHARE:
            distance[other] = abs(float(np.median(converted)) - usual)
    return min(distance, key=distance.__getitem__) if distance else None


def conversion(source: str, target: str) -> str:
    """The conversion as a formula that a person can type.

    >>> conversion("kPa", "psia")
    'psia = 0.145038 * kPa'
    >>> conversion("degC", "degR")
    'degR = 1.8 * degC + 491.67'
    """
    offset, one = convert(np.array([0.0, 1.0]), source, target)
    shift = "" if abs(offset) < 1e-9 else f" {'+' if offset > 0 else '-'} {abs(offset):.6g}"
    return f"{unit_name(target)} = {one - offset:.6g} * {unit_name(source)}{shift}"


def unit_name(unit: str) -> str:
    """How a unit is called in a sentence: the dimensionless unit '1' is a fraction."""
    return "fraction" if unit == "1" else unit
