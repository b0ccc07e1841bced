"""The baselines of many assets as arrays, so that one compiled pass can score all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np
from numba import njit
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.isolation import ForestStack
from smart_sentry.detection.settings import fill_doubts, fill_terms
from smart_sentry.detection.statistics import DetectorArrays
from smart_sentry.features.steps import Steps, channel_names
from smart_sentry.phases import PHASES, Phase
from smart_sentry.quality import run_limits

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Expected(NamedTuple):
    """What is normal of steps, each (steps, channels): centre and deviation in the channels' units, and how far off they are."""

    centre: FloatArray
    scale: FloatArray
    deviation: FloatArray


@dataclass(frozen=True)
class BaselineStack:
    """What was learnt of assets 0, 1, ...; an asset without a baseline has no detector and no forest.

    Attributes:
        run_limits, spike_limits: (assets, signals) as in quality.
        adaptation: (assets, channels) rates of slow means.
        settings: (assets, 4, settings) centre, scale, low and high of each setting.
        regimes: (assets, regimes, settings) NaN where an asset has fewer. reach: (assets, settings)
        centre, scale: (assets, phases, channels). slope, spread: (assets, phases, channels, terms).
        detectors: of all assets and phases.
        forests: of single steps, and of the last ten.
        learnt_from: what is stacked.
    """

    run_limits: IntArray
    spike_limits: FloatArray
    adaptation: FloatArray
    settings: FloatArray
    regimes: FloatArray
    reach: FloatArray
    centre: FloatArray
    scale: FloatArray
    slope: FloatArray
    spread: FloatArray
    detectors: DetectorArrays
    forests: tuple[ForestStack, ForestStack]
    learnt_from: tuple[Baseline, ...]

    @classmethod
    def of(cls, asset_type: AssetType, baselines: Sequence[Baseline]) -> BaselineStack:
        """Stacks baselines of one asset type in the order given. Nobody may write to it: the same ones are stacked once.

        Raises:
            ModelUnavailable: the type has changed since one of them was learnt.
        """
        key = _Key(
            asset_type.signal_names, asset_type.setting_names, asset_type.sampling_seconds, tuple(map(id, baselines))
        )
        found = _KNOWN.get(key)
        if found is None:
            found = _KNOWN[key] = cls._laid_out(asset_type, baselines)
        return found

    @classmethod
    def _laid_out(cls, asset_type: AssetType, baselines: Sequence[Baseline]) -> BaselineStack:
        for baseline in baselines:
            baseline.refuse_changed(asset_type)
        assets, phases, channels = len(baselines), len(PHASES), len(channel_names(asset_type))
        settings = len(asset_type.setting_names)
        regimes = max((len(baseline.settings.regimes) for baseline in baselines), default=0)
        terms = 2 * settings + regimes
        stack = cls(
            np.full((assets, len(asset_type.signals)), np.iinfo(np.int64).max),
            np.full((assets, len(asset_type.signals)), np.inf),
            np.zeros((assets, channels)),
            np.ones((assets, 4, settings)),
            np.full((assets, regimes, settings), np.nan),
            np.zeros((assets, settings)),
            np.zeros((assets, phases, channels)),
            np.ones((assets, phases, channels)),
            np.zeros((assets, phases, channels, terms)),
            np.zeros((assets, phases, channels, terms)),
            DetectorArrays.empty(assets, phases, channels),
            (
                ForestStack.of([baseline.reading_forest for baseline in baselines]),
                ForestStack.of([baseline.window_forest for baseline in baselines]),
            ),
            tuple(baselines),
        )
        for slot, baseline in enumerate(baselines):
            stack._put(slot, baseline)
        return stack

    def arranged(self, places: IntArray) -> BaselineStack:
        """(assets,) of `places` in this stack, in that order; -1: an asset without a baseline, of which nothing is known."""
        wide = self.grown(len(self.run_limits) + 1)  # its last row is what -1 gives
        named = {
            field.name: getattr(wide, field.name)[places]
            for field in fields(self)
            if field.name not in ("detectors", "forests", "learnt_from")
        }
        return replace(
            self,
            **named,
            detectors=DetectorArrays(*(array[places] for array in wide.detectors)),  # type: ignore[arg-type]
            forests=(wide.forests[0].arranged(places), wide.forests[1].arranged(places)),
        )

    @property
    def nbytes(self) -> int:
        """Bytes of all that is stacked; the baselines themselves not counted."""
        own = [getattr(self, field.name) for field in fields(self)]
        arrays = [part for part in (*own, *self.detectors) if isinstance(part, np.ndarray)]
        return sum(part.nbytes for part in arrays) + sum(forest.nbytes for forest in self.forests)

    def _put(self, slot: int, baseline: Baseline) -> None:
        self.run_limits[slot] = run_limits(baseline.longest_run)
        self.spike_limits[slot] = baseline.spike_limit
        self.adaptation[slot] = baseline.adaptation
        its = baseline.settings
        self.settings[slot] = np.stack([its.centre, its.scale, its.low, its.high])
        self.regimes[slot, : len(its.regimes)], self.reach[slot] = its.regimes, its.reach
        for name, part in baseline.phases.items():
            at = slot, PHASES.index(Phase(name))
            self.centre[at], self.scale[at] = part.normal.centre, part.normal.scale
            self.slope[at][:, : its.width], self.spread[at][:, : its.width] = part.normal.slope, part.normal.spread
            self.detectors.covered[at] = True
            for field, value in part.detector._asdict().items():
                getattr(self.detectors, field)[at] = value

    def grown(self, assets: int) -> BaselineStack:
        """The same with room for further assets, of which nothing is known."""

        def more(array: NDArray[Any], fill: Any) -> NDArray[Any]:
            return np.concatenate([array, np.full((assets - len(array), *array.shape[1:]), fill, dtype=array.dtype)])

        return replace(
            self,
            run_limits=more(self.run_limits, np.iinfo(np.int64).max),
            spike_limits=more(self.spike_limits, np.inf),
            adaptation=more(self.adaptation, 0.0),
            settings=more(self.settings, 1.0),
            centre=more(self.centre, 0.0),
            scale=more(self.scale, 1.0),
            slope=more(self.slope, 0.0),
            spread=more(self.spread, 0.0),
            regimes=more(self.regimes, np.nan),
            reach=more(self.reach, 0.0),
            detectors=DetectorArrays(*(more(array, False) for array in self.detectors)),
            forests=(self.forests[0].grown(assets), self.forests[1].grown(assets)),
        )

    def expect(self, steps: Steps, phase: IntArray) -> Expected:
        """What each asset's own normal in its phase and at its settings expects of the steps."""
        out = Expected(*(np.empty_like(steps.channels) for _ in Expected._fields))
        _expect(
            steps.channels, steps.settings, steps.slot, phase, self.settings, self.regimes, self.reach, self.centre, self.scale,
            self.slope, self.spread, out,
        )  # fmt: skip
        return out


class _Key(NamedTuple):
    """What a stack is known by: all of the type that it depends on, and the ids of its baselines, which it keeps."""

    signals: tuple[str, ...]
    settings: tuple[str, ...]
    sampling_seconds: float
    baselines: tuple[int, ...]


_DOUBT, _DOUBT_OF_SPREAD = 1.0, 0.4
"""How far, in standard deviations and in the logarithm of one, a missing setting may move what is normal of a channel that is
judged all the same."""
_KNOWN: WeakValueDictionary[_Key, BaselineStack] = WeakValueDictionary()
"""Each of a worker's partitions has the same ones."""


@njit(cache=True, nogil=True)
def _expect(
    channels: Any, settings: Any, slots: Any, phase: Any, moments: Any, regimes: Any, reach: Any, centre: Any, scale: Any,
    slope: Any, spread: Any, out: Any,
) -> None:  # fmt: skip
    terms, doubts = np.empty(slope.shape[3]), np.empty(slope.shape[3])
    for row in range(slots.size):
        slot, its = slots[row], phase[row]
        in_doubt = False
        if terms.size:
            fill_terms(settings[row], moments[slot], regimes[slot], reach[slot], terms)
            in_doubt = fill_doubts(settings[row], moments[slot], doubts)
        for i in range(channels.shape[1]):
            expected, wider = centre[slot, its, i], 0.0
            for j in range(terms.size):
                expected += slope[slot, its, i, j] * terms[j]
                wider += spread[slot, its, i, j] * terms[j]
            out.centre[row, i] = expected
            out.scale[row, i] = scale[slot, its, i] * np.exp(wider)
            out.deviation[row, i] = (channels[row, i] - expected) / out.scale[row, i]
            if in_doubt:
                for j in range(terms.size):
                    moves = abs(slope[slot, its, i, j]) * doubts[j] > _DOUBT * scale[slot, its, i]
                    if moves or abs(spread[slot, its, i, j]) * doubts[j] > _DOUBT_OF_SPREAD:
                        out.deviation[row, i] = np.nan
