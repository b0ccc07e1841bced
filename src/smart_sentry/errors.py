"""Errors that carry facts: what was expected, what came, what to do next.

Every error is raised with its facts as fields and renders them as one sentence, so that a person can act on it and a
program can read it. One map per transport turns the classes into exit codes (`cli.py`) or HTTP codes (`api/errors.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class SmartSentryError(Exception):
    """Base of every error that the project raises on purpose."""


class ConfigurationError(SmartSentryError):
    """A setting or a configuration file is wrong."""

    def __init__(self, where: Path | str, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = str(where), problem, remedy
        super().__init__(f"{where}: {problem}. {remedy}")


class DataUnavailable(SmartSentryError):
    """No source could deliver a data set."""

    def __init__(self, dataset: str, tried: Sequence[str], remedy: str) -> None:
        self.dataset, self.tried, self.remedy = dataset, tuple(tried), remedy
        super().__init__(f"{dataset} is not available; tried {'; '.join(tried)}. {remedy}")


class ChecksumMismatch(SmartSentryError):
    """A file is not the file that was pinned."""

    def __init__(self, path: Path | str, expected: str, actual: str, remedy: str) -> None:
        self.path, self.expected, self.actual, self.remedy = str(path), expected, actual, remedy
        super().__init__(f"{path}: expected SHA-256 {expected}, found {actual}. {remedy}")


class UnreadableData(SmartSentryError):
    """A data file cannot be parsed into the columns that its asset type names."""

    def __init__(self, path: Path | str, expected: str, found: str, remedy: str) -> None:
        self.path, self.expected, self.found, self.remedy = str(path), expected, found, remedy
        super().__init__(f"{path}: expected {expected}, found {found}. {remedy}")


class TruthMissing(SmartSentryError):
    """The true remaining life of a test set is not known, so it can be predicted but not scored."""

    def __init__(self, dataset: str, path: Path | str) -> None:
        self.dataset, self.path = dataset, str(path)
        super().__init__(
            f"{dataset} can be predicted but not scored: {path} is missing (one remaining life in cycles per test engine). "
            f"Put the file there, for example from NASA's own C-MAPSS archive, and run the command again."
        )


class InsufficientData(SmartSentryError):
    """Too few rows, assets or classes for what was asked."""

    def __init__(self, what: str, have: int, need: int) -> None:
        self.what, self.have, self.need = what, have, need
        super().__init__(
            f"insufficient data: {what}: have {have}, need at least {need}. Add more history and try again."
        )


class ContaminatedCalibration(SmartSentryError):
    """Calibration data that do not look like one healthy machine."""

    def __init__(self, asset_id: str, share: float, most: float, worst: Sequence[str]) -> None:
        self.asset_id, self.share, self.most, self.worst = asset_id, share, most, tuple(worst)
        super().__init__(
            f"calibration of {asset_id} refused: {share:.1%} of the data stand outside 3 standard deviations, at most {most:.0%}"
            f" may; worst: {', '.join(worst)}. Calibrate on a stretch of healthy operation."
        )


class ActionRefused(SmartSentryError):
    """Something was asked for that the present state does not allow."""

    def __init__(self, action: str, subject: str, state: str, allowed: Sequence[str], why: str = "") -> None:
        self.action, self.subject, self.state, self.allowed, self.why = action, subject, state, tuple(allowed), why
        super().__init__(
            f"{action} refused: {subject} is {state}{f'; {why}' if why else ''}. Allowed now: {', '.join(allowed) or 'nothing'}."
        )


class InvalidPredictions(SmartSentryError):
    """Predictions that cannot be scored."""

    def __init__(self, column: str, expected: str, found: str) -> None:
        self.column, self.expected, self.found = column, expected, found
        super().__init__(
            f"predictions cannot be scored: {column} must be {expected}, found {found}. Mend the step that made them."
        )


class ModelUnavailable(SmartSentryError):
    """No trained model is where one is needed."""

    def __init__(self, where: Path | str, remedy: str) -> None:
        self.where, self.remedy = str(where), remedy
        super().__init__(f"no model at {where}. {remedy}")


class VersioningFailed(SmartSentryError):
    """DVC could not do what it was asked."""

    def __init__(self, command: str, exit_code: int, said: str) -> None:
        self.command, self.exit_code, self.said = command, exit_code, said
        super().__init__(
            f"`{command}` ended with exit code {exit_code} instead of 0: {said}. Mend this and run it again."
        )


class ServerNotReady(SmartSentryError):
    """A server that was started does not answer; the message ends with the last lines of its log."""

    def __init__(self, name: str, address: str, problem: str, log: Path | str) -> None:
        self.name, self.address, self.problem, self.log = name, address, problem, str(log)
        last = _last_lines(Path(log))
        quoted = f" It ends with:\n{last}" if last else ""
        super().__init__(f"{name} does not answer at {address}: {problem}. Its log is {log}.{quoted}")


def _last_lines(log: Path, lines: int = 15, most_bytes: int = 4000) -> str:
    """The end of a log; empty where there is none."""
    try:
        with log.open("rb") as opened:
            opened.seek(max(0, log.stat().st_size - most_bytes))
            return "\n".join(opened.read().decode("utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


@dataclass(frozen=True)
class Finding:
    """One rule of a data contract that a table breaks.

    Attributes:
        rule: the rule's name, e.g. "range" (docs/validation.md lists them all).
        columns: the columns that it is about; none for a rule about the whole table.
        message: what was expected and what came.
        first_rows: the first offending rows: `row` (position in the table, from 1), asset_id, cycle and the columns' values.
        remedy: what to do next.
        split: the table: "train", "test" or "truth".
    """

    rule: str
    columns: tuple[str, ...]
    message: str
    first_rows: tuple[dict[str, object], ...]
    remedy: str
    split: str = ""

    def sentence(self) -> str:
        """Rule, columns, facts, first offending rows and remedy in one line."""
        about = f" on {', '.join(self.columns)}" if self.columns else ""
        rows = "; ".join(", ".join(f"{name} {value}" for name, value in row.items()) for row in self.first_rows)
        table = f"[{self.split}] " if self.split else ""
        return f"{table}{self.rule}{about}: {self.message}.{f' Rows: {rows}.' if rows else ''} {self.remedy}"


class ValidationFailed(SmartSentryError):
    """A table breaks its data contract, so nothing may be trained or scored on it."""

    SHOWN = 5

    def __init__(self, dataset: str, split: str, findings: Sequence[Finding], data_docs: Path) -> None:
        self.dataset, self.split, self.findings, self.data_docs = dataset, split, tuple(findings), data_docs
        lines = [f"{number}. {finding.sentence()}" for number, finding in enumerate(findings[: self.SHOWN], start=1)]
        if len(findings) > self.SHOWN:
            lines.append(f"... and {len(findings) - self.SHOWN} more.")
        title = f"the data break their contract in {len(findings)} finding{'' if len(findings) == 1 else 's'}"
        super().__init__("\n".join([f"{dataset} {split}: {title}.", *lines, f"Data Docs: {data_docs}"]))


class ExportDiffers(SmartSentryError):
    """An exported model does not answer like the one it was made of."""

    def __init__(self, what: str, difference: float, tolerance: float) -> None:
        self.what, self.difference, self.tolerance = what, difference, tolerance
        super().__init__(
            f"the exported model's {what} differs by {difference:.2e}, allowed are {tolerance:.0e}. Nothing was promoted: keep"
            " the earlier champion and report the candidate and its hyperparameters."
        )


class StoreUnavailable(SmartSentryError):
    """The database cannot be reached, or not be used as it is."""

    def __init__(self, url: str, problem: str, remedy: str) -> None:
        self.url, self.problem, self.remedy = url, problem, remedy
        super().__init__(f"the store {url} cannot be used: {problem}. {remedy}")


class NotPublished(SmartSentryError):
    """Readings that were to go through Apache Kafka, which did not acknowledge them.

    Attributes:
        retry_after_seconds: after how long another try makes sense, whole seconds.
    """

    def __init__(self, problem: str, retry_after_seconds: int) -> None:
        self.problem, self.retry_after_seconds = problem, retry_after_seconds
        super().__init__(
            f"The readings were not taken: {problem} Send them again in {retry_after_seconds} s, with the same event_id each:"
            " what has arrived already is then taken once."
        )


class NoWorker(SmartSentryError):
    """Something was asked of an asset that a stream's worker watches, and no worker did it in time. It is not done later."""

    def __init__(self, asset_id: str, seconds: float) -> None:
        self.asset_id = asset_id
        super().__init__(
            f"No worker that watches {asset_id} answered within {seconds:g} s; nothing was done. See that the workers run"
            " (smart-sentry stream work) and ask again."
        )


class IngestBusy(SmartSentryError):
    """Readings for which there is no room: too many wait for Apache Kafka already. None of them was taken.

    Attributes:
        retry_after_seconds: after how long another try makes sense, whole seconds.
    """

    def __init__(self, waiting: int, readings: int, retry_after_seconds: int) -> None:
        self.waiting, self.readings, self.retry_after_seconds = waiting, readings, retry_after_seconds
        super().__init__(
            f"No room for {readings} readings: {waiting} wait for Apache Kafka already, and none of these was taken. Send them"
            f" again in {retry_after_seconds} s."
        )


class NotStored(SmartSentryError):
    """Something is referred to that the store does not have."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"the store has no {what}. {remedy}")


class BentoNotBuilt(SmartSentryError):
    """BentoML could not build a Bento."""

    def __init__(self, bundle: str, said: str) -> None:
        self.bundle, self.said = bundle, said
        super().__init__(
            f"no Bento was built from {bundle}; BentoML said:\n{said}\nMend what it names and package again."
        )


class InvalidReadings(SmartSentryError):
    """Readings that cannot be taken; none of the request's was.

    Attributes:
        mistakes: (position in the request, field, what was expected and what came) of each.
    """

    def __init__(self, mistakes: Sequence[tuple[int, str, str]]) -> None:
        self.mistakes = tuple(mistakes)
        position, field, reason = mistakes[0]
        more = f" and {len(mistakes) - 1} more" if len(mistakes) > 1 else ""
        super().__init__(f"reading {position}, {field}: {reason}{more}. Mend them and send the request again.")


class UnknownAsset(SmartSentryError):
    """An asset of which no reading has come, or whose type is not configured any more.

    Attributes:
        asset_type: the type that it had; None where no reading has come.
    """

    def __init__(self, asset_id: str, asset_type: str | None = None) -> None:
        self.asset_id, self.asset_type = asset_id, asset_type
        super().__init__(
            f"no reading of {asset_id} has come yet. Send readings first, or check its name."
            if asset_type is None
            else f"{asset_id} is of the type {asset_type}, which is not known any more. Put its file back into configs/assets, or"
            f" purge {asset_id}."
        )


class StateForbids(SmartSentryError):
    """Something that cannot be done in the state that an asset is in."""

    def __init__(self, asked: str, asset_id: str, state: str, allowed: Sequence[str]) -> None:
        self.asked, self.asset_id, self.state, self.allowed = asked, asset_id, state, tuple(allowed)
        super().__init__(
            f"{asked} of {asset_id} is not possible while it is {state}; allowed now: {', '.join(allowed)}."
        )


class ServiceRefused(SmartSentryError):
    """A running service that does not answer, or refuses what it is asked.

    Attributes:
        absent: whether nobody listens at the address. One that is slow, or hangs up, is there.
    """

    def __init__(self, address: str, problem: str, remedy: str, *, absent: bool = False) -> None:
        self.address, self.problem, self.remedy, self.absent = address, problem, remedy, absent
        super().__init__(f"{address}: {problem}. {remedy}")

    @property
    def answered(self) -> bool:
        """Whether the service said so itself, with a status code."""
        return self.problem[:3].isdigit()


class NotConfirmed(SmartSentryError):
    """A deletion that was not confirmed by name."""

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        told = repr(found) if found else "no confirmation"
        super().__init__(
            f'nothing was deleted: expected {{"confirm": "{expected}"}} in the body, found {told}. A deletion cannot be undone.'
        )


class TrackingFailed(SmartSentryError):
    """MLflow could not be told of something. What was to be logged has happened all the same."""

    def __init__(self, what: str, problem: str) -> None:
        self.what, self.problem = what, problem
        super().__init__(
            f"{what} was not logged in MLflow: {problem}. See SMART_SENTRY_MLFLOW_TRACKING_URI and that mlflow is installed."
        )


class ReportsUnavailable(SmartSentryError):
    """What reports are made with is not installed."""

    def __init__(self, missing: str) -> None:
        self.missing = missing
        super().__init__(
            f"no report can be made: {missing} is not installed. Install it in the checkout: pip install -e '.[reports]'."
        )
