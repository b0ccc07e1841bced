"""An int8 logistic model for devices at the machine, and what it costs to be that small."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_TIMED_CALLS = 300


def quantise(source: Path, target: Path) -> None:
    """Dynamic int8 quantisation of the weights of MatMul; standardisation and bias stay in float."""
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().addFilter(_is_no_preprocessing_hint)
    try:
        quantize_dynamic(
            source, target, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, per_channel=False
        )
    finally:
        logging.getLogger().removeFilter(_is_no_preprocessing_hint)


def _is_no_preprocessing_hint(record: object) -> bool:
    """ONNX Runtime advises to pre-process large graphs first; this one has five nodes."""
    return "pre-processing" not in str(getattr(record, "msg", ""))


def probability_of(path: Path, features: NDArray[np.float32]) -> FloatArray:
    """(rows,) what a failure model on disk answers."""
    (answer,) = _session(path).run(None, {"features": features})
    return np.asarray(answer, dtype=np.float64).reshape(-1)


def latency_us(path: Path, features: NDArray[np.float32]) -> float:
    """Median microseconds for one row on one thread."""
    session, row = _session(path), features[:1]
    taken = []
    for _ in range(_TIMED_CALLS):
        begun = time.perf_counter()
        session.run(None, {"features": row})
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken) * 1e6)


def _session(path: Path):  # type: ignore[no-untyped-def]
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
