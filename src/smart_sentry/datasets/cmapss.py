"""NASA's C-MAPSS turbofan engines, sets FD001 to FD004 (A. Saxena, K. Goebel, D. Simon and N. Eklund, PHM 2008)."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, RUL_COLUMN, AssetType
from smart_sentry.datasets.cmapss_files import SHA256, contents_of, install, is_whole
from smart_sentry.datasets.cmapss_tables import read_final_rul, read_readings
from smart_sentry.datasets.download import DownloadFailed, download
from smart_sentry.datasets.fetch_report import FetchReport, report_of
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.errors import ConfigurationError, DataUnavailable, UnreadableData

FOLDER = "cmapss"
"""The files of all four sets stand in this folder of data/raw."""
ENVIRONMENT_VARIABLE = "SMART_SENTRY_CMAPSS"


@dataclass(frozen=True)
class Cmapss:
    """Source of one set.

    Attributes:
        name: FD001..FD004.
        asset_type: configs/assets/turbofan.yaml.
        local: a zip or a folder that holds the files (settings.cmapss).
        url: NASA's archive (settings.cmapss_url), used only where nothing local has the files.
        timeout_s: longest silence borne from the network.
    """

    name: str
    asset_type: AssetType
    local: Path | None
    url: str
    timeout_s: float = 30.0

    @property
    def _readings(self) -> tuple[str, str]:
        return f"train_{self.name}.txt", f"test_{self.name}.txt"

    @property
    def _truth(self) -> str:
        return f"RUL_{self.name}.txt"

    def fetch(self, raw_folder: Path) -> FetchReport:
        """Brings the set's files: those already whole in `raw_folder`, then from `local`, then from `url`.

        The true remaining life (RUL_FD00x.txt) may be missing, as it is in some copies of FD004: the report says so.

        Raises:
            ConfigurationError: `local` does not exist.
            ChecksumMismatch: an origin holds another file than the pinned one.
            UnreadableData: an archive is damaged or cut short.
            DataUnavailable: no origin delivered the files; says all that was tried.
        """
        folder = raw_folder / FOLDER
        origin, tried = str(folder), [f"{folder} ({self._state(folder)})"]
        if self._unsettled(folder, with_truth=self.local is not None) and self.local is not None:
            origin = str(self.local)
            tried.append(self._from_local(self.local, folder))
        else:
            tried.append(f"${ENVIRONMENT_VARIABLE} (not set)")
        if self._unsettled(folder, with_truth=False):
            origin = self.url
            tried.append(self._from_network(folder, tried))
        if self._unsettled(folder, with_truth=False):
            raise self._unavailable(tried)
        present = [name for name in (*self._readings, self._truth) if (folder / name).is_file()]
        missing = [] if self._truth in present else [self._truth]
        return report_of([folder / name for name in present], origin, missing)

    def load(self, raw_folder: Path) -> RunToFailure:
        """Parses the set's files. Their checksums were verified by `fetch`; here their shape is.

        Raises:
            DataUnavailable: the readings have not been fetched.
            UnreadableData: a line is not 26 numbers; names file, line and what was found.
        """
        folder = raw_folder / FOLDER
        absent = [name for name in self._readings if not (folder / name).is_file()]
        if absent:
            tried = [f"{folder} (no {', '.join(absent)})"]
            raise DataUnavailable(self.name, tried, f"Run `smart-sentry data get {self.name}`.")
        train, test = (read_readings(folder / name, self.asset_type.signal_names) for name in self._readings)
        return RunToFailure(
            self.name, self.asset_type, train, test, self._final_rul(folder, test), str(folder / self._truth)
        )

    def _final_rul(self, folder: Path, test: pd.DataFrame) -> pd.Series | None:
        path = folder / self._truth
        if not path.is_file():
            return None
        final, engines = read_final_rul(path), test[ASSET_COLUMN].unique()
        if len(final) != len(engines):
            expected = f"one remaining life for each of the {len(engines)} engines in test_{self.name}.txt"
            raise UnreadableData(path, expected, f"{len(final)} lines", f"Run `smart-sentry data get {self.name}`.")
        return pd.Series(final, index=pd.Index(engines, name=ASSET_COLUMN), name=RUL_COLUMN)

    def _unsettled(self, folder: Path, *, with_truth: bool) -> list[str]:
        """Files that must still be brought. A damaged truth file must be: it would be read."""
        optional = [self._truth] if with_truth or (folder / self._truth).is_file() else []
        return [name for name in (*self._readings, *optional) if not is_whole(folder / name)]

    def _state(self, folder: Path) -> str:
        damaged = [name for name in self._unsettled(folder, with_truth=True) if (folder / name).is_file()]
        if damaged:
            return f"wrong checksum: {', '.join(damaged)}"
        absent = [name for name in self._readings if not (folder / name).is_file()]
        return f"no {', '.join(absent)}" if absent else "whole"

    def _from_local(self, local: Path, folder: Path) -> str:
        if not local.exists():
            remedy = f"Point ${ENVIRONMENT_VARIABLE} at the C-MAPSS zip or folder, or unset it."
            raise ConfigurationError(f"${ENVIRONMENT_VARIABLE}", f"{local} does not exist", remedy)
        with contents_of(local) as contents:
            held = install(contents, self._unsettled(folder, with_truth=True), folder, str(local))
        return f"${ENVIRONMENT_VARIABLE} = {local} (held {', '.join(held) or 'none of the missing files'})"

    def _from_network(self, folder: Path, tried: list[str]) -> str:
        """Downloads NASA's archive and keeps the files of all four sets: the way is long, the files are small."""
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as parts:
            archive = Path(parts) / "cmapss.zip"
            try:
                download(self.url, archive, self.timeout_s)
            except DownloadFailed as error:
                raise self._unavailable([*tried, str(error)]) from error
            with contents_of(archive) as contents:
                wanted = [name for name in SHA256 if not is_whole(folder / name)]
                held = install(contents, wanted, folder, self.url)
        return f"{self.url} (held {', '.join(held) or 'no C-MAPSS file'})"

    def _unavailable(self, tried: list[str]) -> DataUnavailable:
        remedy = (
            f"Set {ENVIRONMENT_VARIABLE} to a C-MAPSS zip or folder, put the files into data/raw/{FOLDER}, "
            "or use the simulated fleet `motor_fleet`, which needs no download."
        )
        return DataUnavailable(self.name, tried, remedy)
