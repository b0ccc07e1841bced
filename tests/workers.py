"""How several workers (`pytest -n 2`) share the tests out: whole files, so that what a file's tests share is made once."""

from __future__ import annotations

from typing import Any

import pytest

SHARED = "training"
"""The fixture that takes longest: the files that use it stay together."""
USES_IT = (
    "tests/browser/test_ui.py",
    "tests/integration/test_demo.py",
    "tests/integration/test_dvc_pipeline.py",
    "tests/integration/test_prefect_deployment.py",
)
LONGEST_FIRST = (
    *USES_IT,
    "tests/browser",
    "tests/chaos",
    "tests/integration",
    "tests/contract",
    "tests/parity",
    "tests/unit",
    "src",
)
"""What takes long begins first, so that the workers end at about the same time."""


def _place(item: pytest.Item) -> int:
    fitting = (place for place, begin in enumerate(LONGEST_FIRST) if item.nodeid.startswith(begin))
    return next(fitting, len(LONGEST_FIRST))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Makes sure that the list above is right, and puts the tests of a worker into its order."""
    users = {item.nodeid.partition("::")[0] for item in items if SHARED in getattr(item, "fixturenames", ())}
    if missing := users - set(USES_IT):
        raise pytest.UsageError(f"{', '.join(sorted(missing))} uses `{SHARED}`: name it in {__name__}.USES_IT")
    if hasattr(config, "workerinput"):
        items.sort(key=_place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A worker gets a file at a time; the files that share a training count as one. Asked once, by the controller."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class LoadFiles(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return SHARED if file in USES_IT else file

    return LoadFiles(config, log)
