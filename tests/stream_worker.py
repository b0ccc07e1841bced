"""A worker on pumps, as a program: `python stream_worker.py BOOTSTRAP TOPIC DEAD_LETTERS DATABASE MODELS [METRICS_PORT]`."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path

from plant_fixture import PUMP

from smart_sentry.stores.store import Store
from smart_sentry.stream.producer import Producer
from smart_sentry.worker.consumer import WorkerOptions
from smart_sentry.worker.partition import PartitionPlant
from smart_sentry.worker.worker import Worker


def main(bootstrap: str, topic: str, dead_letters: str, database: str, models: str, metrics_port: str = "") -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(name)s %(message)s")
    options = WorkerOptions(bootstrap, topic, dead_letters, group=topic, session_seconds=6.0)
    with Store(database) as store:

        def open_partition(partition: int) -> PartitionPlant:
            return PartitionPlant({PUMP.name: PUMP}, Path(models), store, topic, partition)

        worker = Worker(options, open_partition, Producer(bootstrap), give_up=store.abandon)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        if metrics_port:
            worker.metrics.serve(int(metrics_port), "127.0.0.1")
        worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
