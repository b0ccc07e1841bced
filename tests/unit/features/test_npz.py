"""The arrays of a .npz are what NumPy reads from it."""

from __future__ import annotations

import io

import numpy as np
import pytest

from smart_sentry.features.npz import read_arrays

ARRAYS = {
    "plain": np.arange(6.0),
    "a/b": np.arange(6, dtype=np.int16).reshape(2, 3),
    "by column": np.asfortranarray(np.arange(12, dtype=np.int32).reshape(3, 4)),
    "none": np.empty((0, 4)),
    "single": np.array(3.5),
    "words": np.array(["a", "bcd"]),
}


def packed(save: object, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_as_they_were_and_may_be_written(save: object) -> None:
    found = read_arrays(packed(save, **ARRAYS))
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        np.testing.assert_array_equal(found[name], array)
        assert found[name].flags.writeable
        assert found[name].flags.aligned
        assert found[name].flags.f_contiguous == array.flags.f_contiguous, name


def test_array_of_objects_is_refused() -> None:
    with pytest.raises(ValueError, match="pickle"):
        read_arrays(packed(np.savez, objects=np.array([{}], dtype=object)))
