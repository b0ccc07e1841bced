"""Of which type each asset of a partition is: that of its first reading.

Told from messages and the stored state alone, so that whoever reads a partition again decides as was decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from smart_sentry.plant.parts import Part


class FirstTypes:
    """Remembers types.

    Args:
        known: asset -> name of its type.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._assets_of: defaultdict[str, set[str]] = defaultdict(set)
        for asset, name in known.items():
            self._assets_of[name].add(asset)

    def type_of(self, asset_id: str) -> str | None:
        """Name of an asset's type; None: it is not known."""
        return next((name for name, its in self._assets_of.items() if asset_id in its), None)

    def strangers(self, parts: Sequence[Part]) -> list[list[int]]:
        """Of each part the rows of assets that are known as another type; what is not known is what it comes as first.

        Args:
            parts: of one batch, one a type.
        """
        if all(self._assets_of[part.asset_type].issuperset(part.assets) for part in parts):
            return [[] for _ in parts]
        came = [
            (position, asset, part.asset_type)
            for part in parts
            for position, asset in zip(part.positions.tolist(), part.assets, strict=True)
        ]
        for _, asset, name in sorted(came):
            if asset not in self._assets_of[name] and self.type_of(asset) is None:
                self._assets_of[name].add(asset)
        return [
            [row for row, asset in enumerate(part.assets) if asset not in self._assets_of[part.asset_type]]
            for part in parts
        ]

    def forget(self, asset_id: str | None) -> None:
        """Forgets an asset, or all (None): it may come as another type."""
        for its in self._assets_of.values():
            if asset_id is None:
                its.clear()
            else:
                its.discard(asset_id)

    def snapshot(self, kept: Callable[[str], bool]) -> dict[str, list[str]]:
        """Type -> its assets, of those that are kept."""
        return {name: [asset for asset in its if kept(asset)] for name, its in self._assets_of.items()}
