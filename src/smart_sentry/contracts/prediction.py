"""What the prediction service is asked and what it answers.

One request names one or many assets with their recent readings, oldest first, in one of two forms: rows (`readings`, one object
a cycle) or columns (`cycles` and one list a signal), which is smaller and several times faster for long histories. Numbers must
be JSON numbers: text, true/false, null, NaN and Infinity are refused. What only the asset type knows (names, units and limits
of the signals) is checked by `smart_sentry.api.readings`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import TypedDict  # pydantic refuses typing.TypedDict before Python 3.12

from smart_sentry.contracts.failure import FailureAssessment

MOST_CONTRIBUTIONS = 20
NEWEST_CYCLE = 1_000_000_000

Number = Annotated[float, Field(allow_inf_nan=False)]
Cycle = Annotated[int, Field(ge=1, le=NEWEST_CYCLE)]
# fail_fast: the first wrong element of a list ends its check, so that a hostile body cannot make a million error messages.
Numbers = Annotated[list[Number], Field(fail_fast=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Reading(TypedDict):
    """One reading of all signals. A plain dictionary: a model a reading would double the cost of a request."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    cycle: Cycle
    signals: Annotated[
        dict[str, Number], Field(description="signal name -> value in the signal's unit; GET /model lists them")
    ]


def _one_of_two_forms(schema: dict[str, Any]) -> None:
    """Says in the schema what the validator demands: rows or columns."""
    for name in ("readings", "cycles", "signals"):
        member = schema["properties"][name]
        choice = next(part for part in member.pop("anyOf") if part.get("type") != "null")
        member.pop("default")
        schema["properties"][name] = choice | member
    schema["oneOf"] = [{"required": ["readings"]}, {"required": ["cycles", "signals"]}]


class AssetReadings(_Strict):
    """The recent readings of one asset, oldest first: either `readings` or `cycles` with `signals`."""

    model_config = ConfigDict(json_schema_extra=_one_of_two_forms)

    asset_id: Annotated[str, Field(min_length=1, max_length=128)]
    readings: Annotated[
        list[Reading] | None, Field(min_length=1, fail_fast=True, description="rows: one object a cycle")
    ] = None
    cycles: Annotated[
        list[Cycle] | None, Field(min_length=1, fail_fast=True, description="columns: cycles, strictly increasing")
    ] = None
    signals: Annotated[
        dict[str, Numbers] | None,
        Field(min_length=1, description="columns: signal name -> one value a cycle, in its unit"),
    ] = None

    @model_validator(mode="after")
    def _is_one_form(self) -> AssetReadings:
        rows, columns = self.readings is not None, (self.cycles is not None, self.signals is not None)
        if rows == any(columns) or any(columns) != all(columns):
            raise ValueError("give either readings, or cycles together with signals")
        return self


class PredictionRequest(_Strict):
    """One or many assets with their recent readings."""

    assets: Annotated[list[AssetReadings], Field(min_length=1, fail_fast=True)]
    top_contributions: Annotated[
        int,
        Field(
            ge=0, le=MOST_CONTRIBUTIONS, description="how many signals to name that moved the probability most; 0: none"
        ),
    ] = 5


class PredictionResponse(BaseModel):
    """One assessment an asset, in the order of the request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(description="data set that the model was trained on")
    model_version: str
    assessments: tuple[FailureAssessment, ...]


class ErrorDetail(BaseModel):
    """One thing that is wrong with a request."""

    field: str = Field(
        description="where it stands, e.g. 'assets.0.readings.3.signals.sensor_4'; 'body' or 'header' for the whole"
    )
    reason: str


class Error(BaseModel):
    """Why a request was not answered."""

    code: str = Field(description="stable name of the kind of error, for programs")
    message: str = Field(description="one sentence for people")
    details: list[ErrorDetail]


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: Error
