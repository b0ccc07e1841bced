"""From the bytes of a request to arrays of readings, or to the reasons why not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from smart_sentry.answers import AssetHistory
from smart_sentry.api.errors import BrokenJson, InvalidRequest
from smart_sentry.api.limits import outside_limits
from smart_sentry.assets import AssetType
from smart_sentry.contracts.prediction import AssetReadings, ErrorDetail, PredictionRequest

FloatArray = NDArray[np.float64]

_WORDED = 1000
"""Mistakes that are worded one by one; a body with more is hostile, and wording them would cost seconds."""


@dataclass(frozen=True)
class RequestRules:
    """What the service takes.

    Attributes:
        asset_type: names, units and limits of the signals.
        most_assets, most_readings: of one request, all assets together.
    """

    asset_type: AssetType
    most_assets: int
    most_readings: int

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(self.asset_type.signal_names)

    @cached_property
    def limits(self) -> FloatArray:
        """(2, signals) lowest and highest possible values, in the signals' units."""
        return np.array([signal.limits for signal in self.asset_type.signals], dtype=np.float64).T


def parse_request(body: bytes, rules: RequestRules) -> list[AssetHistory]:
    """Checks a whole request.

    Raises:
        BrokenJson: the body is not JSON.
        InvalidRequest: with field and reason of what is wrong.
    """
    request = _decode(body)
    mistakes = list(_shape_mistakes(request, rules))
    if mistakes:
        raise InvalidRequest(mistakes)
    signals = rules.asset_type.signal_names
    tables = [_table(asset, signals) for asset in request.assets]
    values = tables[0] if len(tables) == 1 else np.concatenate(tables)
    if (values < rules.limits[0]).any() or (values > rules.limits[1]).any():
        raise outside_limits(request, tables, rules.asset_type, rules.limits)
    return [
        AssetHistory(asset.asset_id, _cycles(asset)[-1], table, request.top_contributions)
        for asset, table in zip(request.assets, tables, strict=True)
    ]


def _decode(body: bytes) -> PredictionRequest:
    try:
        return PredictionRequest.model_validate_json(body)
    except ValidationError as error:
        if error.error_count() > _WORDED:
            detail = ErrorDetail(field="body", reason="nearly nothing in it is what the contract at /docs describes")
            raise InvalidRequest([detail], error.error_count()) from None
        found = error.errors(include_url=False, include_context=False)
        if found[0]["type"] == "json_invalid":
            raise BrokenJson(found[0]["msg"].removeprefix("Invalid JSON: ")) from None
        raise InvalidRequest([_worded(item["loc"], item["msg"], item["input"]) for item in found]) from None


def _worded(location: tuple[int | str, ...], message: str, value: object) -> ErrorDetail:
    shown = "" if isinstance(value, dict | list) or message == "Field required" else f", not {value!r:.40}"
    reason = message.removeprefix("Value error, ").replace(" after validation, not 0", "") + shown
    return ErrorDetail(field=".".join(str(part) for part in location) or "body", reason=reason)


def _shape_mistakes(request: PredictionRequest, rules: RequestRules) -> Iterator[ErrorDetail]:
    """What is wrong with names, lengths and cycles; values are not looked at."""
    if len(request.assets) > rules.most_assets:
        yield ErrorDetail(field="assets", reason=f"{len(request.assets)} assets, at most {rules.most_assets} a request")
        return
    readings = sum(len(asset.readings or asset.cycles or ()) for asset in request.assets)
    if readings > rules.most_readings:
        yield ErrorDetail(field="assets", reason=f"{readings} readings, at most {rules.most_readings} a request")
        return
    first: dict[str, int] = {}
    for place, asset in enumerate(request.assets):
        if first.setdefault(asset.asset_id, place) != place:
            reason = f"{asset.asset_id!r} is already asset {first[asset.asset_id]}: give all its readings there"
            yield ErrorDetail(field=f"assets.{place}.asset_id", reason=reason)
        yield from _signal_mistakes(asset, f"assets.{place}", rules.names)
        yield from _cycle_mistakes(asset, f"assets.{place}")


def _signal_mistakes(asset: AssetReadings, field: str, names: frozenset[str]) -> Iterator[ErrorDetail]:
    if asset.signals is not None and asset.cycles is not None:
        if asset.signals.keys() != names:
            yield from _name_mistakes(asset.signals.keys(), f"{field}.signals", names)
        length = len(asset.cycles)
        for name, column in asset.signals.items():
            if len(column) != length:
                yield ErrorDetail(field=f"{field}.signals.{name}", reason=f"{len(column)} values for {length} cycles")
    for row, reading in enumerate(asset.readings or ()):
        if reading["signals"].keys() != names:
            yield from _name_mistakes(reading["signals"].keys(), f"{field}.readings.{row}.signals", names)
            return  # the other rows of this asset probably have the same mistake


def _name_mistakes(found: Iterable[str], field: str, names: frozenset[str]) -> Iterator[ErrorDetail]:
    for name in sorted(names - set(found)):
        yield ErrorDetail(field=f"{field}.{name}", reason="signal is missing")
    for name in sorted(set(found) - names):
        yield ErrorDetail(
            field=f"{field}.{name[:64]}", reason="unknown signal; GET /model lists those that the model takes"
        )


def _cycle_mistakes(asset: AssetReadings, field: str) -> Iterator[ErrorDetail]:
    cycles = _cycles(asset)
    for row, (before, here) in enumerate(pairwise(cycles), start=1):
        if here <= before:
            where = f"{field}.cycles.{row}" if asset.readings is None else f"{field}.readings.{row}.cycle"
            yield ErrorDetail(
                field=where, reason=f"cycle {here} after cycle {before}: readings must stand in rising order, each once"
            )
            return


def _cycles(asset: AssetReadings) -> Sequence[int]:
    return [reading["cycle"] for reading in asset.readings] if asset.readings is not None else asset.cycles or ()


def _table(asset: AssetReadings, signals: tuple[str, ...]) -> FloatArray:
    """(readings, signals)"""
    if asset.readings is not None:
        rows = [list(map(reading["signals"].__getitem__, signals)) for reading in asset.readings]
        return np.array(rows, dtype=np.float64)
    columns = asset.signals or {}
    return np.array([columns[name] for name in signals], dtype=np.float64).T
