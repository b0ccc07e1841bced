"""`python -m serving.worker` that counts as dead after 6 s of silence instead of 10, the least that Kafka's brokers allow.

SIGUSR1 makes it say where each of its threads is.
"""

from __future__ import annotations

import faulthandler
import signal
from functools import partial

from smart_sentry.worker import run

if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)
    run.WorkerOptions = partial(run.WorkerOptions, session_seconds=6.0)
    raise SystemExit(run.main())
