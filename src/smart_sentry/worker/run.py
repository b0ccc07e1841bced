"""A worker as its settings describe it, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial

from smart_sentry.bundle import Bundle
from smart_sentry.champion import WatchedModel, load_champion, mark_of_champion
from smart_sentry.config import Settings, load_settings
from smart_sentry.errors import ChecksumMismatch, SmartSentryError
from smart_sentry.feed.open import open_publisher
from smart_sentry.garbage import collected_between_batches
from smart_sentry.logs import set_up_logging
from smart_sentry.plant.open import load_asset_types
from smart_sentry.stores.store import Store
from smart_sentry.stores.throughput import Throughput
from smart_sentry.stream.broker import bootstrap_of, ensure_topics
from smart_sentry.stream.messages import dead_letters_of
from smart_sentry.stream.producer import Producer
from smart_sentry.worker.consumer import WorkerOptions
from smart_sentry.worker.metrics import PUBLISH, WorkerMetrics
from smart_sentry.worker.partition import PartitionPlant
from smart_sentry.worker.warm_up import warm_up
from smart_sentry.worker.worker import Worker

_log = logging.getLogger(__name__)
_SWITCH_SECONDS = 0.0001
"""Between threads. With Python's 5 ms those that judge and store would wait as long for their turn after every compiled step and
every answer of the database."""
_LAST_PATIENCE_S = 1.5
"""After a worker that was told to stop has given everything up."""


def work(settings: Settings) -> Worker:
    """Runs a worker in this process; returns it once it has been told to stop.

    Raises:
        ConfigurationError: no Kafka is set, or an asset type is wrong.
        KafkaUnavailable, StoreUnavailable: it does not answer at the start.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    topic = settings.kafka_topic
    options = WorkerOptions(bootstrap_of(settings), topic, dead_letters_of(topic))
    wanted, if_new = {topic: None, options.dead_letters: None}, {topic: settings.kafka_partitions}
    ensure_topics(options.bootstrap, wanted, if_new=if_new)
    types, model = load_asset_types(settings), champion_of(settings)
    _held = warm_up(types, settings.models_folder, model.bundle)
    with Store(settings.database_url) as store:
        publisher = open_publisher(settings, store)
        metrics = WorkerMetrics(publisher)
        if publisher is not None:
            publisher.sent = partial(metrics.took, PUBLISH)
            publisher.start()

        def open_partition(partition: int) -> PartitionPlant:
            return PartitionPlant(
                types, settings.models_folder, store, options.topic, partition, failure_model=model.bundle,
                publisher=publisher,
            )  # fmt: skip

        dead_letters = Producer(options.bootstrap)

        def give_up() -> None:
            store.abandon()
            dead_letters.close()
            if not worker.ended.wait(_LAST_PATIENCE_S):  # it is about to connect, which nothing ends
                _log.warning("ended by force: nothing is lost by it")
                logging.shutdown()
                os._exit(0)

        worker = Worker(
            options, open_partition, dead_letters, metrics, partial(record_throughput, store), model, give_up
        )  # fmt: skip
        if settings.metrics_port is not None:
            worker.metrics.serve(settings.metrics_port, settings.host)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: worker.stop())
        _log.info("working on %s at %s, into %s", options.topic, options.bootstrap, store.shown_url)
        with collected_between_batches() as between:
            worker.run(between)
        dead_letters.close()
        if publisher is not None:
            publisher.close()
    return worker


def champion_of(settings: Settings) -> WatchedModel:
    """The champion as it changes; each is warmed up before it judges, so that its last files are read and checked, too."""

    def load() -> Bundle:
        bundle = load_champion(settings.home, settings.served)
        warm_up({bundle.manifest.asset_type.name: bundle.manifest.asset_type}, settings.models_folder, bundle)
        return bundle

    model = WatchedModel(load, partial(mark_of_champion, settings.home, settings.served))
    model.look()
    if isinstance(model.problem, ChecksumMismatch):
        _log.error("no failure model judges: %s", model.problem)
    return model


def record_throughput(store: Store, rows: Sequence[Throughput]) -> None:
    """Stores rows in a transaction of their own.

    Raises:
        StoreUnavailable: the database cannot be reached.
    """
    with store.transaction() as batch:
        batch.throughput.add(rows)


def main() -> int:
    """The program: exit code 1 where it cannot begin."""
    try:
        settings = load_settings()
        set_up_logging(settings.log_format)
        done = work(settings)
    except SmartSentryError as problem:
        print(f"smart-sentry: {problem}", file=sys.stderr)  # noqa: T201
        return 1
    _log.info("readings: %s; dead letters: %s", dict(done.tally.outcomes), dict(done.tally.refused))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
