"""Words the refusal of values that no such machine can show: signal, value, unit, limits, and which unit they look like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smart_sentry.api.errors import InvalidRequest
from smart_sentry.assets import AssetType, Signal
from smart_sentry.contracts.prediction import ErrorDetail, PredictionRequest
from smart_sentry.validation.units import conversion, suspected_unit

FloatArray = NDArray[np.float64]


def outside_limits(
    request: PredictionRequest, tables: Sequence[FloatArray], asset_type: AssetType, limits: FloatArray
) -> InvalidRequest:
    """The error for a request that holds values outside the declared limits.

    One detail for each signal of each asset, about its first such value: a wrong unit makes a whole column wrong.

    Args:
        request: what was asked.
        tables: (readings, signals) of each asset.
        asset_type: the signals.
        limits: (2, signals)
    """
    details, count = [], 0
    for place, (asset, table) in enumerate(zip(request.assets, tables, strict=True)):
        wrong = (table < limits[0]) | (table > limits[1])
        count += int(wrong.sum())
        for column in np.flatnonzero(wrong.any(axis=0)).tolist():
            row, signal = int(wrong[:, column].argmax()), asset_type.signals[column]
            rows_form = f"readings.{row}.signals.{signal.name}"
            field = f"assets.{place}.{rows_form if asset.readings is not None else f'signals.{signal.name}.{row}'}"
            details.append(ErrorDetail(field=field, reason=_reason(signal, table[:, column], wrong[:, column])))
    return InvalidRequest(details, count)


def _reason(signal: Signal, values: FloatArray, wrong: NDArray[np.bool_]) -> str:
    unit = "" if signal.unit == "1" else f" {signal.unit}"
    low, high = signal.limits
    meaning = f" ({signal.description})" if signal.description else ""
    reason = f"{values[wrong][0]:.10g}{unit} is outside what {signal.name}{meaning} can be: {low:g} to {high:g}{unit}"
    with np.errstate(over="ignore"):  # a value near the largest number has no larger unit to be converted to
        suspect = suspected_unit(signal.unit, signal.limits, values[wrong], values[~wrong])
    return f"{reason}; looks like {suspect}: {conversion(suspect, signal.unit)}" if suspect else reason
