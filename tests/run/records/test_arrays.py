"""The index of a safetensors file is believed only where it agrees with the file."""

import json
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from pixelwise.errors import RunError
from pixelwise.run.records.arrays import TYPES, check_finite, read_arrays

SOUND = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros((0, 2), np.int64), "c": np.array(True)}


def packed(index: Any, data: bytes) -> bytes:
    text = index if isinstance(index, bytes) else json.dumps(index).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_what_safetensors_writes_is_read_to_the_bit() -> None:
    arrays = {str(number): np.arange(5).astype(kind) for number, kind in enumerate(TYPES.values())} | SOUND
    found = read_arrays(save(arrays), "model")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def test_metadata_is_left_alone() -> None:
    assert read_arrays(save(SOUND, metadata={"made": "here"}), "model").keys() == SOUND.keys()


WRONG = {
    "empty": (b"", "it has no index"),
    "length": (b"\xff" * 8 + b"{}", "it has no index"),
    "huge length": ((2**40).to_bytes(8, "little"), "it has no index"),
    "no JSON": (packed(b"[" * 100_000, b""), "is nested more than 40 levels deep"),
    "a list": (packed([], b""), "which is not a map of keys"),
    "twice": (packed(b'{"a": 1, "a": 2}', b""), "the key 'a' is given twice"),
    "unknown type": (packed({"a": entry("BF16", [4])}, bytes(8)), "a.dtype: read 'BF16', but it must be 'F16'"),
    "no type": (packed({"a": entry(None)}, bytes(8)), "a.dtype: read null"),
    "negative": (packed({"a": entry(shape=[-2])}, bytes(8)), "a.shape.0: read -2"),
    "huge shape": (packed({"a": entry(shape=[2**62, 2**62])}, bytes(8)), "lies at 0 to 8 of 8"),
    "text": (packed({"a": entry(shape="x")}, bytes(8)), "a.shape: read 'x', which is not a list"),
    "missing": (packed({"a": {"dtype": "F32"}}, bytes(8)), "a.shape: is missing"),
    "beyond": (packed({"a": entry(offsets=[0, 8])}, bytes(4)), "lies at 0 to 8 of 4"),
    "reversed": (packed({"a": entry(offsets=[8, 0])}, bytes(8)), "lies at 8 to 0 of 8"),
    "a hole": (packed({"a": entry(offsets=[4, 12])}, bytes(12)), "lies at 4 to 12 of 12"),
    "shared": (packed({"a": entry(), "b": entry()}, bytes(8)), "'b' of 8 bytes lies at 0 to 8 of 8"),
    "a rest": (packed({"a": entry()}, bytes(9)), "has 1 bytes that belong to no array"),
    "many axes": (packed({"a": entry(shape=[1] * 17 + [2])}, bytes(8)), "it must have at most 16 elements"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_index_that_is_wrong_is_refused_in_one_line(name: str) -> None:
    content, words = WRONG[name]
    with pytest.raises(RunError) as refused:
        read_arrays(content, "last/model.safetensors")
    assert str(refused.value).startswith("last/model.safetensors: ")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


VALUES = (
    (np.nan, False, False),
    (np.nan, True, False),
    (np.inf, False, False),
    (-np.inf, True, True),
    (3e38, False, True),
)


@pytest.mark.parametrize(("value", "infinite", "sound"), VALUES)
def test_values_that_are_not_finite(value: float, infinite: bool, sound: bool) -> None:
    arrays = {"whole": np.array([1, 2]), "w": np.array([0, value], np.float32)}
    if sound:
        check_finite(arrays, "model", infinite=infinite)
        return
    with pytest.raises(RunError, match=r"^model: has NaN.* in w\.$"):
        check_finite(arrays, "model", infinite=infinite)
