"""The int8 model: smaller weights, nearly the same answers."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
from small_champion import SmallChampion

from smart_sentry.edge.int8 import latency_us, probability_of, quantise
from smart_sentry.edge.onnx_export import failure_onnx
from smart_sentry.prognosis.row_metrics import average_precision


@pytest.fixture(scope="module")
def pair(small_champion: SmallChampion, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The champion's logistic part in float32 and in int8."""
    folder = tmp_path_factory.mktemp("edge")
    logistic = small_champion.failure.members["logistic_regression"]
    (folder / "logistic.onnx").write_bytes(failure_onnx(logistic, small_champion.features.shape[1]))
    quantise(folder / "logistic.onnx", folder / "int8.onnx")
    return folder / "logistic.onnx", folder / "int8.onnx"


def weights_in(path: Path) -> dict[int, int]:
    """ONNX element type -> bytes of the matrices of that type."""
    found: dict[int, int] = {}
    for constant in onnx.load(path).graph.initializer:
        if len(constant.dims) == 2:
            size = onnx.numpy_helper.to_array(constant).nbytes
            found[constant.data_type] = found.get(constant.data_type, 0) + size
    return found


def test_int8_weights_take_a_quarter_of_the_bytes(pair: tuple[Path, Path], small_champion: SmallChampion) -> None:
    width = small_champion.features.shape[1]
    assert weights_in(pair[0]) == {onnx.TensorProto.FLOAT: 4 * width}
    assert weights_in(pair[1]) == {onnx.TensorProto.INT8: width}


def test_int8_model_answers_nearly_like_the_original(pair: tuple[Path, Path], small_champion: SmallChampion) -> None:
    features, positive = small_champion.features, small_champion.fleet.rul_cycles <= 30
    whole, small = (probability_of(path, features) for path in pair)
    assert np.abs(whole - small).mean() < 0.02
    assert average_precision(small, positive) > average_precision(whole, positive) - 0.02
    assert not np.array_equal(whole, small)


def test_float_model_answers_like_the_model_it_was_made_of(
    pair: tuple[Path, Path], small_champion: SmallChampion
) -> None:
    wanted = small_champion.failure.members["logistic_regression"].probability(small_champion.features)
    np.testing.assert_allclose(probability_of(pair[0], small_champion.features), wanted, atol=1e-5)


def test_latency_is_that_of_one_row(pair: tuple[Path, Path], small_champion: SmallChampion) -> None:
    assert 0 < latency_us(pair[1], small_champion.features) < 100_000


def test_quantising_leaves_the_logging_of_others_as_it_was(pair: tuple[Path, Path], tmp_path: Path) -> None:
    before = list(logging.getLogger().filters)
    quantise(pair[0], tmp_path / "again.onnx")
    assert logging.getLogger().filters == before
    assert (tmp_path / "again.onnx").read_bytes() == pair[1].read_bytes()
