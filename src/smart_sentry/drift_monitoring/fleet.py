"""Which assets there are, and a fleet of one type round by round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, as_completed

from smart_sentry.assets import AssetType
from smart_sentry.drift_monitoring.round import AssetDrift, rounds_of, watch_round
from smart_sentry.drift_monitoring.windows import Source
from smart_sentry.errors import ConfigurationError, UnknownAsset
from smart_sentry.stores.store import Batch


def assets_by_type(
    batch: Batch, types: Mapping[str, AssetType], asset_type: str | None = None, asset_id: str | None = None
) -> dict[str, list[str]]:
    """Type -> its assets, by name.

    Args:
        batch: of the database.
        types: those that are known.
        asset_type: only this one.
        asset_id: only the type of this asset; all of its assets, for they are its neighbours.

    Raises:
        ConfigurationError: there is no such type. UnknownAsset: no reading of it has come.
    """
    if asset_type is not None and asset_type not in types:
        known = ", ".join(sorted(types))
        raise ConfigurationError("asset type", f"expected one of {known}, found {asset_type!r}", "Name one of these.")
    states = batch.states.all()
    if asset_id is not None and (asset_id not in states or asset_type not in (None, states[asset_id].asset_type)):
        raise UnknownAsset(asset_id)
    wanted = asset_type if asset_id is None else states[asset_id].asset_type
    found: dict[str, list[str]] = {}
    for name, state in sorted(states.items()):
        if state.asset_type in types and wanted in (None, state.asset_type):
            found.setdefault(state.asset_type, []).append(name)
    return dict(sorted(found.items()))


def watch_fleet(
    pool: Executor, source: Source, asset_type: AssetType, assets: Sequence[str], hours: float, now: float,
    wanted: Sequence[str] | None = None, told: Callable[[int], object] = lambda _: None,
) -> list[AssetDrift]:  # fmt: skip
    """Judges assets of a type, in the order of their names.

    Args:
        pool: runs the rounds.
        source: of readings and baselines.
        asset_type: their type.
        assets: all of the type.
        hours: length of the recent window.
        now: when it is done, seconds since 1970 UTC.
        wanted: those that are to be judged; None: all.
        told: called with the number of assets of every round that has ended.

    Raises:
        StoreUnavailable: the database cannot be reached.
    """
    rounds = rounds_of(assets, wanted)
    futures = {
        pool.submit(watch_round, source, asset_type, names, hours, now, wanted): number
        for number, names in enumerate(rounds)
    }
    found: dict[int, list[AssetDrift]] = {}
    for future in as_completed(futures):
        number = futures[future]
        found[number] = future.result()
        told(len(rounds[number]))
    return [one for number in range(len(rounds)) for one in found[number]]
