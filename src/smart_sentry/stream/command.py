"""What `smart-sentry stream` does, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.config import Settings
from smart_sentry.errors import ConfigurationError
from smart_sentry.stream.broker import bootstrap_of, ensure_topics
from smart_sentry.stream.dead_letters import DeadLetter, DeadLetters
from smart_sentry.stream.messages import Form
from smart_sentry.stream.producer import Producer
from smart_sentry.stream.replay import send_replay
from smart_sentry.stream.sources import Clock, Replay, limited, of_dataset, of_file, of_machines

SIMULATOR = "simulator"
_FILES = (".csv", ".parquet")
_SHOWN_DETAIL, _SHOWN_PLACES = 100, 10


@dataclass(frozen=True)
class ReplayRequest:
    """What is asked of `smart-sentry stream replay`.

    Attributes:
        source: name of a data set, path of a file, or "simulator".
        split: of a data set.
        asset_type: name, of a file and of the simulator.
        assets, rows, seed: of the simulator: machines, readings of each, and what makes them the same again.
        interval_s: between an asset's readings; None: its type's.
        start: time of the first reading.
        epoch: of all assets.
        speed: 1 is real time, 0 flat out.
        limit: most readings; None: all.
        encoding: name of a form of values.
        partitions: of the topic of readings; None: as many as it has, or as the settings say where it is made.
        bootstrap: of Kafka; None: as the settings say.
        topic, dead_letters_topic: made where they are missing.
    """

    source: str
    split: str
    asset_type: str | None
    assets: int
    rows: int
    seed: int
    interval_s: float | None
    start: datetime
    epoch: int
    speed: float
    limit: int | None
    encoding: str
    partitions: int | None
    bootstrap: str | None
    topic: str
    dead_letters_topic: str


def run_replay(request: ReplayRequest, settings: Settings) -> str:
    """Sends a replay with a progress bar.

    Returns:
        one line: how many readings, how fast, how many bytes.

    Raises:
        ConfigurationError: the request cannot be met as it is.
        KafkaUnavailable: Kafka does not answer.
        NotDelivered: it did not acknowledge all.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    form = _form(request.encoding)
    bootstrap = bootstrap_of(settings, request.bootstrap)
    replay = limited(_replay(request, settings), request.limit)
    wanted, if_new = {request.topic: request.partitions, request.dead_letters_topic: None}, settings.kafka_partitions
    made = ensure_topics(bootstrap, wanted, if_new={request.topic: if_new})
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    producer = Producer(bootstrap)
    try:
        with Progress(*columns, transient=True, console=Console(stderr=True)) as progress:
            bar = progress.add_task(replay.name, total=replay.rows)
            done = send_replay(
                replay, producer, request.topic, form, request.speed, lambda sent: progress.update(bar, completed=sent)
            )
    finally:
        producer.close()
    partitions = made[request.topic]
    return f"{replay.name} -> {request.topic} ({partitions} partition{'s' * (partitions > 1)}): {done.sentence()}"


def _form(name: str) -> Form:
    if name not in tuple(Form):
        raise ConfigurationError("encoding", f"{name!r} is not one", f"Name one of {', '.join(Form)}.")
    return Form(name)


def _replay(request: ReplayRequest, settings: Settings) -> Replay:
    if request.source == SIMULATOR:
        kind = _asset_type(request, settings)
        return of_machines(kind, request.assets, request.rows, request.seed, _clock(request, kind))
    if (path := Path(request.source)).suffix in _FILES:
        return of_file(path, _asset_type(request, settings), request.epoch)
    return _dataset(request, settings)


def _asset_type(request: ReplayRequest, settings: Settings) -> AssetType:
    if request.asset_type is None:
        raise ConfigurationError(request.source, "no asset type is named", "Add --type, e.g. --type motor.")
    return load_asset_type(settings.configs_folder / "assets" / f"{request.asset_type}.yaml")


def _dataset(request: ReplayRequest, settings: Settings) -> Replay:
    from smart_sentry.datasets.catalog import source_for

    source = source_for(request.source, settings, settings.configs_folder / "assets", request.seed)
    source.fetch(settings.raw_folder)
    fleet = source.load(settings.raw_folder)
    return of_dataset(fleet, request.split, _clock(request, fleet.asset_type))


def _clock(request: ReplayRequest, asset_type: AssetType) -> Clock:
    interval_s = asset_type.sampling_seconds if request.interval_s is None else request.interval_s
    return Clock(request.start, interval_s, request.epoch)


def list_dead_letters(
    settings: Settings, bootstrap: str | None, topic: str, everything: bool, limit: int | None
) -> str:
    """A table of dead letters and how many they are; `everything`: with those that have been sent back.

    Raises:
        KafkaUnavailable: Kafka does not answer.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("at", "from", "key", "reason", "detail")
    count = 0
    with DeadLetters(bootstrap_of(settings, bootstrap), topic) as letters:
        for letter in islice(letters.read(everything=everything), limit):
            table.add_row(*map(Text, _cells(letter)))
            count += 1
    if not count:
        return f"{topic}: no dead letters{'' if everything else ' that have not been sent back'}"
    console = Console(width=160)
    with console.capture() as shown:
        console.print(table)
    return f"{shown.get()}{count} dead letters in {topic}"


def _cells(letter: DeadLetter) -> Iterator[str]:
    key = (letter.original.key or b"").decode(errors="replace")
    place = f"{letter.topic}[{letter.source_partition}]@{letter.source_offset}"
    detail = f"({letter.missing_bytes} bytes are missing) {letter.detail}" if letter.missing_bytes else letter.detail
    for text in (letter.refused_at, place, key[:_SHOWN_DETAIL], letter.reason, detail[:_SHOWN_DETAIL]):
        yield "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def replay_dead_letters(
    settings: Settings, bootstrap: str | None, topic: str, readings_topic: str, limit: int | None
) -> str:
    """Sends dead letters back.

    Returns:
        one line: how many, and which cannot be.

    Raises:
        KafkaUnavailable: Kafka does not answer.
        NotDelivered: not all arrived; all remain dead letters.
    """
    found = bootstrap_of(settings, bootstrap)
    producer = Producer(found)
    try:
        with DeadLetters(found, topic) as letters:
            done = letters.send_back(producer, islice(letters.read(), limit), readings_topic)
    finally:
        producer.close()
    said = f"{done.count} dead letters of {topic} sent back"
    if not done.refused:
        return said
    places = ", ".join(done.refused[:_SHOWN_PLACES]) + (", ..." if len(done.refused) > _SHOWN_PLACES else "")
    return f"{said}; {len(done.refused)} not, as they were too large to be kept whole: {places}. Send these from their source."
