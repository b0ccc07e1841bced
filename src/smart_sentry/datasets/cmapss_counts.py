"""Rows and engines that C-MAPSS is known to have: a truncated file is noticed even where its checksum is not asked for."""

from __future__ import annotations

from collections.abc import Mapping

PINNED_COUNTS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "FD001": {"train": (20631, 100), "test": (13096, 100)},
    "FD002": {"train": (53759, 260), "test": (33991, 259)},
    "FD003": {"train": (24720, 100), "test": (16596, 100)},
    "FD004": {"train": (61249, 249), "test": (41214, 248)},
}
"""Data set -> split -> (rows, engines). Other data sets pin none."""
