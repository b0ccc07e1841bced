"""The registered model of a data set: its versions, and which of them is champion and which is challenger.

A version is one bundle checksum. Why it was promoted or not stands in its tags; `smart_sentry.prognosis.promotion`
decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smart_sentry.errors import ModelUnavailable
from smart_sentry.prognosis.promotion import Decision, ValidationFigures
from smart_sentry.tracking.pyfunc_loader import CHECKSUM_KEY
from smart_sentry.tracking.records import LoggedModel, experiment_name

if TYPE_CHECKING:
    from smart_sentry.tracking.mlflow_tracking import Tracker

CHAMPION, CHALLENGER = "champion", "challenger"
DECISION_TAG, REASON_TAG, PREVIOUS_TAG, FIGURES_TAG = "decision", "reason", "previous_champion", "validation_figures"
AUTHOR_TAG = "decided_by"
PROMOTED, REJECTED, ROLLED_BACK = "promoted", "rejected", "rolled_back"


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of the registered model.

    Attributes:
        version: its number in the registry, as text.
        model: the logged model behind it, with the checksum that a loader must demand.
        figures: what it showed on out-of-fold predictions.
        decision, reason: "promoted", "rejected" or "rolled_back", and why; empty before a decision.
        author: who decided; empty where it was the pipeline's policy.
    """

    version: str
    model: LoggedModel
    figures: ValidationFigures
    decision: str
    reason: str
    author: str = ""


class ModelRegistry:
    """Versions and aliases of one data set's model, e.g. smart-sentry-FD001. Every call may be repeated."""

    def __init__(self, tracker: Tracker, dataset: str) -> None:
        self._client = tracker.client
        self.name = experiment_name(dataset)

    def register_challenger(self, model: LoggedModel, figures: ValidationFigures) -> RegisteredVersion:
        """Makes a version of a logged model and calls it challenger; the same checksum is the same version.

        A version that is champion already stays only that.
        """
        if not self._client.search_registered_models(f"name = '{self.name}'"):
            self._client.create_registered_model(self.name)
        known = self._client.search_model_versions(f"name = '{self.name}' and tags.{CHECKSUM_KEY} = '{model.sha256}'")
        if known:
            found = known[0]
        else:
            tags = {CHECKSUM_KEY: model.sha256, FIGURES_TAG: figures.model_dump_json()}
            found = self._client.create_model_version(
                self.name, model.uri, run_id=model.run_id, tags=tags, model_id=model.model_id
            )
        if self._aliases().get(CHAMPION) != str(found.version):
            self._client.set_registered_model_alias(self.name, CHALLENGER, str(found.version))
        return self._registered(str(found.version))

    def champion(self) -> RegisteredVersion | None:
        """The version that serves; None before the first promotion."""
        return self._by_alias(CHAMPION)

    def challenger(self) -> RegisteredVersion | None:
        """The version that waits for a decision, or lost the last one; None where there is none."""
        return self._by_alias(CHALLENGER)

    def apply(self, challenger: RegisteredVersion, decision: Decision) -> Decision:
        """Carries a decision out: writes it on the version, and moves the champion's alias where it promotes.

        A champion is left as it is, and a version that a person rolled back is not promoted again by a repeated
        pipeline.

        Returns:
            what came of it.
        """
        champion = self.champion()
        if champion is not None and champion.version == challenger.version:
            return Decision(True, f"version {champion.version} is the champion already: {champion.reason}")
        if challenger.decision == ROLLED_BACK:
            return Decision(False, f"version {challenger.version} was rolled back: {challenger.reason}")
        self._tag(challenger.version, PROMOTED if decision.promote else REJECTED, decision.reason)
        if decision.promote:
            self._crown(challenger.version, champion)
        return decision

    def versions(self) -> list[RegisteredVersion]:
        """Every version, the newest first."""
        found = self._client.search_model_versions(f"name = '{self.name}'")
        return sorted((_registered(one) for one in found), key=lambda one: -int(one.version))

    def version(self, number: str) -> RegisteredVersion:
        """A version by its number.

        Raises:
            ModelUnavailable: there is none.
        """
        for known in self.versions():
            if known.version == number:
                return known
        raise ModelUnavailable(f"{self.name}/{number}", "Name a version that `smart-sentry models list` shows.")

    def promote(self, number: str, reason: str, author: str) -> RegisteredVersion:
        """Makes a version champion because a person says so; one that was rejected or rolled back, too.

        Returns:
            the champion from now on.

        Raises:
            ModelUnavailable: there is no such version.
        """
        champion, chosen = self.champion(), self.version(number)
        self._tag(chosen.version, PROMOTED, reason, author)
        if champion is None or champion.version != chosen.version:
            self._crown(chosen.version, champion)
        return self._registered(chosen.version)

    def before_champion(self) -> RegisteredVersion:
        """The champion's predecessor, which a rollback makes champion again.

        Raises:
            ModelUnavailable: there is no champion, or none before it.
        """
        failed = self.champion()
        previous = failed and self._client.get_model_version(self.name, failed.version).tags.get(PREVIOUS_TAG)
        if failed is None or not previous:
            raise ModelUnavailable(
                f"{self.name}@{CHAMPION}", "No earlier champion is registered: train and promote one."
            )
        return self._registered(previous)

    def rollback(self, reason: str, author: str = "") -> RegisteredVersion:
        """Makes the champion's predecessor champion again and writes the reason on the version that failed.

        Returns:
            the champion from now on.

        Raises:
            ModelUnavailable: there is no champion, or none before it.
        """
        previous, failed = self.before_champion(), self.champion()
        assert failed is not None
        self._tag(failed.version, ROLLED_BACK, reason, author)
        self._client.set_registered_model_alias(self.name, CHAMPION, previous.version)
        return self._registered(previous.version)

    def _crown(self, version: str, champion: RegisteredVersion | None) -> None:
        if champion is not None:
            self._client.set_model_version_tag(self.name, version, PREVIOUS_TAG, champion.version)
        self._client.set_registered_model_alias(self.name, CHAMPION, version)
        if self._aliases().get(CHALLENGER) == version:
            self._client.delete_registered_model_alias(self.name, CHALLENGER)

    def _tag(self, version: str, decision: str, reason: str, author: str = "") -> None:
        for key, value in ((DECISION_TAG, decision), (REASON_TAG, reason), (AUTHOR_TAG, author)):
            self._client.set_model_version_tag(self.name, version, key, value)

    def _aliases(self) -> dict[str, str]:
        found = self._client.search_registered_models(f"name = '{self.name}'")
        return {alias: str(version) for alias, version in found[0].aliases.items()} if found else {}

    def _by_alias(self, alias: str) -> RegisteredVersion | None:
        version = self._aliases().get(alias)
        return None if version is None else self._registered(version)

    def _registered(self, version: str) -> RegisteredVersion:
        return _registered(self._client.get_model_version(self.name, version))


def _registered(found: Any) -> RegisteredVersion:
    return RegisteredVersion(
        version=str(found.version),
        model=LoggedModel(found.source or "", found.run_id or "", found.tags[CHECKSUM_KEY]),
        figures=ValidationFigures.model_validate_json(found.tags[FIGURES_TAG]),
        decision=found.tags.get(DECISION_TAG, ""),
        reason=found.tags.get(REASON_TAG, ""),
        author=found.tags.get(AUTHOR_TAG, ""),
    )
