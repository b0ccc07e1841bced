"""`python -m benchmarks`, which is `make bench`: every measurement against its target; exit code 1 where one is missed."""

import sys

from benchmarks import scoring, serving

if __name__ == "__main__":
    met = [measure() for measure in (scoring.main, serving.main)]
    sys.exit(0 if all(met) else 1)
