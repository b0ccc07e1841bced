"""One file from the network into a file, with a progress bar: whole, or an error that says how far it came."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from smart_sentry.errors import ConfigurationError, SmartSentryError

_CHUNK_BYTES = 1 << 16


class DownloadFailed(SmartSentryError):
    """A download did not come, or came in part."""

    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"{url}: {reason}")


def download(url: str, target: Path, timeout_s: float, console: Console | None = None) -> None:
    """Fetches an address; the bar shows bytes, speed and the time that remains.

    Args:
        url: http or https.
        target: where the bytes go. Its content is meaningless when this raises: give a temporary name.
        timeout_s: longest silence that is borne, for the connection and between two pieces.
        console: where the bar is drawn; default: standard error.

    Raises:
        ConfigurationError: the address is neither http nor https.
        DownloadFailed: no connection, an error status, silence, or fewer bytes than announced.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(
            "cmapss_url", f"{url!r} is not an http or https address", "Mend SMART_SENTRY_CMAPSS_URL."
        )
    request = urllib.request.Request(url, headers={"User-Agent": "smart-sentry"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response, target.open("wb") as file:
            length = response.headers.get("Content-Length")
            announced = int(length) if length and length.isdigit() else None
            received = _copy(response, file, announced, console or Console(stderr=True))
    except urllib.error.HTTPError as error:
        raise DownloadFailed(url, f"HTTP status {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise DownloadFailed(url, f"no connection ({error.reason})") from error
    except TimeoutError as error:
        raise DownloadFailed(url, f"no answer within {timeout_s:g} s") from error
    except (http.client.HTTPException, ConnectionError) as error:
        raise DownloadFailed(url, f"the connection broke ({error!r})") from error
    # A connection that the other side closes early ends like a complete one: only the count tells.
    if announced is not None and received != announced:
        raise DownloadFailed(url, f"the connection ended after {received} of {announced} bytes")


def _copy(response: IO[bytes], file: IO[bytes], announced: int | None, console: Console) -> int:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    received = 0
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Downloading", total=announced)
        while piece := response.read(_CHUNK_BYTES):
            file.write(piece)
            received += len(piece)
            progress.update(task, completed=received)
    return received
