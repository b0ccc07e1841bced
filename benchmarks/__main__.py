"""`python -m benchmarks`, which is `make bench`: every measurement against its target; exit code 1 where one is missed."""

import sys

from benchmarks import calibration, ingest, monitoring, public_sets, scoring, serving
from smart_sentry.errors import SmartSentryError


def main() -> int:
    try:
        met = [
            measure()
            for measure in (
                calibration.main, public_sets.main, monitoring.main, ingest.main, scoring.main, serving.main,
            )
        ]  # fmt: skip
    except SmartSentryError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
