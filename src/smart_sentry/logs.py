"""Log lines for people, or one JSON object a line for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]
_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_USUAL = frozenset((*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"))


class JsonLines(logging.Formatter):
    """time (ISO 8601, UTC), level, logger, message; the fields of `extra`; and the traceback as `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without line feeds in it."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        line |= {name: value for name, value in vars(record).items() if name not in _USUAL and name not in line}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def set_up_logging(log_format: LogFormat) -> None:
    """A program's own logging, from INFO on, to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if log_format == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def set_up_guest_logging(log_format: LogFormat) -> None:
    """Logging of this project within a server that has set up its own: JSON lines go past that one's."""
    ours = logging.getLogger("smart_sentry")
    ours.setLevel(logging.INFO)
    if log_format == "json":
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
        ours.handlers, ours.propagate = [handler], False
