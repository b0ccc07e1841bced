"""What every test of the dashboard's pages needs."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def own_main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit's AppTest leaves its script as `__main__`, which every process that is spawned later would run again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
