"""The stream worker: readings from Apache Kafka, judged and stored exactly once: `python -m serving.worker`."""

from smart_sentry.worker.run import main

if __name__ == "__main__":
    raise SystemExit(main())
