"""docs/settings.md lists every setting, and nothing that is none."""

import re
from pathlib import Path

from smart_sentry.config import Settings
from smart_sentry.environment import library_environment

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
DOCUMENTED = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, flags=re.MULTILINE))


def test_settings_page_lists_every_setting_and_no_other() -> None:
    known = {f"SMART_SENTRY_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in DOCUMENTED if name.startswith("SMART_SENTRY_")} == known


def test_settings_page_gives_the_defaults_that_hold() -> None:
    wrong = {
        name: field.default
        for name, field in Settings.model_fields.items()
        if field.default is not None and DOCUMENTED[f"SMART_SENTRY_{name.upper()}"] != f"`{field.default}`"
    }
    assert wrong == {}


def test_settings_page_lists_every_variable_that_the_project_sets_for_libraries() -> None:
    assert set(library_environment(Path())) <= set(DOCUMENTED)
