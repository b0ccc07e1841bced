import json

import pytest
from pydantic import ValidationError

from smart_sentry.contracts.prediction import PredictionRequest

ROWS = {"asset_id": "a", "readings": [{"cycle": 1, "signals": {"flow": 1}}]}
COLUMNS = {"asset_id": "a", "cycles": [1], "signals": {"flow": [1.5]}}


@pytest.mark.parametrize("asset", [ROWS, COLUMNS])
def test_request_in_either_form_survives_a_round_trip(asset: dict[str, object]) -> None:
    request = PredictionRequest.model_validate_json(json.dumps({"assets": [asset]}))
    assert request.top_contributions == 5
    assert PredictionRequest.model_validate_json(request.model_dump_json()) == request


def test_whole_number_is_taken_for_a_signal_as_json_does_not_tell_them_apart() -> None:
    request = PredictionRequest.model_validate_json(json.dumps({"assets": [ROWS]}))
    assert request.assets[0].readings == [{"cycle": 1, "signals": {"flow": 1.0}}]


def test_request_cannot_be_changed() -> None:
    request = PredictionRequest.model_validate({"assets": [COLUMNS]})
    with pytest.raises(ValidationError):
        request.top_contributions = 3  # type: ignore[misc]


def test_first_wrong_element_of_a_list_ends_its_check() -> None:
    asset = {"asset_id": "a", "cycles": [1, 2, 3], "signals": {"flow": ["x", "y", "z"], "speed": ["x"]}}
    with pytest.raises(ValidationError) as caught:
        PredictionRequest.model_validate_json(json.dumps({"assets": [asset]}))
    assert [error["loc"] for error in caught.value.errors()] == [
        ("assets", 0, "signals", "flow", 0),
        ("assets", 0, "signals", "speed", 0),
    ]


def test_schema_says_that_an_asset_has_one_of_two_forms() -> None:
    schema = PredictionRequest.model_json_schema()["$defs"]["AssetReadings"]
    assert schema["oneOf"] == [{"required": ["readings"]}, {"required": ["cycles", "signals"]}]
    assert schema["required"] == ["asset_id"]
    assert schema["properties"]["cycles"]["type"] == "array"
    assert schema["additionalProperties"] is False
