"""`smart-sentry stream`: readings through Apache Kafka. What a command needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from smart_sentry.worker.command import throughput

stream_app = typer.Typer(help="Readings through Apache Kafka.", no_args_is_help=True)
stream_app.command()(throughput)
Bootstrap = Annotated[str | None, typer.Option(help="host:port of Kafka; else SMART_SENTRY_KAFKA_BOOTSTRAP")]
Topic = Annotated[str | None, typer.Option(help="topic of the readings; else SMART_SENTRY_KAFKA_TOPIC")]
DeadLettersTopic = Annotated[
    str | None, typer.Option(help="topic of the messages that are no readings; else that of SMART_SENTRY_KAFKA_TOPIC")
]


@stream_app.command("replay")
def stream_replay(
    source: Annotated[
        str, typer.Argument(help="FD001..FD004 or another data set, a CSV or Parquet file, or simulator")
    ],
    split: Annotated[str, typer.Option(help="of a data set: train or test")] = "test",
    asset_type: Annotated[
        str | None, typer.Option("--type", help="of a file or the simulator (configs/assets)")
    ] = None,
    assets: Annotated[int, typer.Option(help="simulated machines")] = 10,
    rows: Annotated[int, typer.Option(help="readings of each simulated machine")] = 1000,
    seed: Annotated[int, typer.Option(help="of the simulated machines")] = 20,
    interval: Annotated[float | None, typer.Option(help="seconds between an asset's readings; else its type's")] = None,
    start: Annotated[str, typer.Option(help="time of the first reading, ISO 8601")] = "2026-01-01T00:00:00Z",
    epoch: Annotated[int, typer.Option(help="a higher one says that all assets started anew")] = 0,
    speed: Annotated[float, typer.Option(help="1: real time, 10: ten times as fast, 0: flat out")] = 0.0,
    limit: Annotated[int | None, typer.Option(min=1, help="most readings; else all")] = None,
    encoding: Annotated[str, typer.Option(help="json, binary or binary32")] = "json",
    partitions: Annotated[
        int | None, typer.Option(min=1, help="of a topic that is not there yet; else SMART_SENTRY_KAFKA_PARTITIONS")
    ] = None,
    bootstrap: Bootstrap = None,
    topic: Topic = None,
    dead_letters_topic: DeadLettersTopic = None,
) -> None:
    """Play a data set, a file or simulated machines into Kafka; once more, and each reading has the same id."""
    from smart_sentry.config import load_settings
    from smart_sentry.simulation.simulator import parse_start
    from smart_sentry.stream.command import ReplayRequest, run_replay
    from smart_sentry.stream.messages import dead_letters_of

    settings, first_at = load_settings(), parse_start(start)
    assert first_at is not None
    into = topic or settings.kafka_topic
    request = ReplayRequest(
        source, split, asset_type, assets, rows, seed, interval, first_at, epoch, speed, limit, encoding, partitions,
        bootstrap, into, dead_letters_topic or dead_letters_of(into),
    )  # fmt: skip
    typer.echo(run_replay(request, settings))


@stream_app.command("work")
def stream_work() -> None:
    """Take readings from Apache Kafka, judge and store each once; until SIGTERM. Any number of workers share the partitions."""
    from smart_sentry.worker.run import main

    raise typer.Exit(main())


@stream_app.command("dead-letters")
def stream_dead_letters(
    send_back: Annotated[bool, typer.Option("--replay", help="send them back to the topics they came from")] = False,
    everything: Annotated[bool, typer.Option("--all", help="list those that were sent back, too")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="the first so many; else all")] = None,
    bootstrap: Bootstrap = None,
    topic: DeadLettersTopic = None,
    readings_topic: Annotated[
        str | None, typer.Option(help="for those that do not say where they came from; else SMART_SENTRY_KAFKA_TOPIC")
    ] = None,
) -> None:
    """List the messages that are no readings, and why; or send them back once the reason is mended."""
    from smart_sentry.config import load_settings
    from smart_sentry.stream.command import list_dead_letters, replay_dead_letters
    from smart_sentry.stream.messages import dead_letters_of

    settings = load_settings()
    letters = topic or dead_letters_of(settings.kafka_topic)
    if send_back:
        typer.echo(replay_dead_letters(settings, bootstrap, letters, readings_topic or settings.kafka_topic, limit))
    else:
        typer.echo(list_dead_letters(settings, bootstrap, letters, everything, limit))
