"""docs/params.md and docs/asset-types.md list every key, and no other, with the value that holds."""

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from smart_sentry.assets import (
    AlarmRules,
    AssetType,
    DetectionPolicy,
    FailurePolicy,
    FileMapping,
    HealthPolicy,
    PhaseRule,
    Signal,
)
from smart_sentry.params import Params, load_params

ROOT = Path(__file__).parents[2]
PARTS: dict[str, type[BaseModel]] = {
    "phase": PhaseRule,
    "detection": DetectionPolicy,
    "health": HealthPolicy,
    "failure": FailurePolicy,
}


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows(name: str) -> dict[str, str]:
    return dict(re.findall(r"^\| `([\w.]+)` \| (.*?) \|", page(name), flags=re.MULTILINE))


def test_params_page_lists_every_key_with_the_value_of_the_file() -> None:
    told: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    flat = {
        f"{name}.{key}" if isinstance(value, dict) else name: its
        for name, value in told.items()
        for key, its in (value if isinstance(value, dict) else {"": value}).items()
    }
    assert {key: yaml.safe_load(value.strip("`")) for key, value in rows("params.md").items()} == flat


def test_params_file_names_every_key() -> None:
    told = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert load_params(ROOT / "params.yaml").model_dump().keys() == Params.model_fields.keys() == told.keys()
    for name, value in load_params(ROOT / "params.yaml").model_dump().items():
        assert not isinstance(value, dict) or value.keys() == told[name].keys()


def test_asset_types_page_lists_every_key_of_the_file_and_of_a_signal() -> None:
    text = page("asset-types.md")
    assert all(f"`{name}`" in text for name in (*AssetType.model_fields, *Signal.model_fields))


def test_asset_types_page_lists_every_key_of_the_parts_with_the_default_that_holds() -> None:
    told = {key: value for key, value in rows("asset-types.md").items() if "." in key}
    keys = {f"{part}.{name}": field for part, model in PARTS.items() for name, field in model.model_fields.items()}
    assert told.keys() == keys.keys()
    wrong = {
        key: field.default
        for key, field in keys.items()
        if not field.is_required() and field.default is not None and told[key] != f"`{field.default}`"
    }
    assert wrong == {}


def test_keys_of_alarms_and_files_stand_on_their_own_pages() -> None:
    alarms, files = page("alarms.md"), page("data.md")
    assert all(f"`{name}`" in alarms for name in AlarmRules.model_fields)
    assert all(name in files for name in FileMapping.model_fields)
