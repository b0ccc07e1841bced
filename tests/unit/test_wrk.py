import pytest

from benchmarks.wrk import Load, read

SAID = """Running 3s test @ http://127.0.0.1:4000/predict
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    62.71ms   85.17ms   1.20s    89.50%
    Req/Sec   703.90    120.05     1.00k    75.00%
  Latency Distribution
     50%  850.00us
     75%   57.98ms
     90%  126.40ms
     99%    1.05s
  2114 requests in 3.01s, 2.07MB read
{more}Requests/sec:    702.46
Transfer/sec:    703.42KB
"""


def test_output_of_wrk_is_read_in_milliseconds() -> None:
    assert read(SAID.format(more="")) == Load(requests_per_s=702.46, p50_ms=0.85, p99_ms=1050.0)


@pytest.mark.parametrize(
    "line", ["  Non-2xx or 3xx responses: 12\n", "  Socket errors: connect 0, read 3, write 0, timeout 1\n"]
)
def test_run_with_requests_that_failed_is_no_measurement(line: str) -> None:
    with pytest.raises(RuntimeError, match=line.strip()):
        read(SAID.format(more=line))


def test_unknown_output_is_shown() -> None:
    with pytest.raises(RuntimeError, match="unknown:\nusage: wrk"):
        read("usage: wrk")
