"""The reader of batch files: exactly that format, and nothing that a hostile file could want."""

import pickle
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.data.published.cifar10 import read_batch
from pixelwise.errors import DataError


@pytest.fixture
def content(encode):
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    return encode(images, [3, 1, 4, 1, 5], [f"p{i}.png" for i in range(5)])


def test_what_was_written_is_read(encode):
    images = np.random.default_rng(1).integers(0, 256, (7, 32, 32, 3)).astype(np.uint8)
    batch = read_batch(encode(images, list(range(7)), [f"p{i}" for i in range(7)]), "file")
    assert np.array_equal(batch.images, images)
    assert batch.labels.tolist() == list(range(7))
    assert batch.names == tuple(f"p{i}" for i in range(7))


def test_pickle_itself_reads_what_the_tests_write(content, monkeypatch):
    """The oracle: the files of these tests are real pickles, with the content that the reader finds."""
    found = pickle.loads(content, encoding="bytes")  # noqa: S301 - our own bytes, made above
    batch = read_batch(content, "file")
    assert np.array_equal(found[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), batch.images)
    assert found[b"labels"] == batch.labels.tolist()


class Hostile:
    def __reduce__(self):
        return (print, ("owned",))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "value", [Hostile(), {"data": Hostile()}, {b"data": [Hostile()]}], ids=["bare", "dict", "list"]
)
def test_hostile_pickles_are_refused_and_not_run(value, protocol, capsys):
    with pytest.raises(DataError):
        read_batch(pickle.dumps(value, protocol), "data_batch_1")
    assert "owned" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "opcodes",
    [
        b"cos\nsystem\n(U\x04truetR",  # a call of the system
        b"cnumpy\ndtype\n(U\x02O8K\x00K\x01tR",  # an array of objects, which would be unpickled in turn
        b"cnumpy\nndarray\nK\x00\x85R",  # a known name, called in another way
        b"c__builtin__\neval\n(U\x011tR",
        b"(ios\nsystem\n",  # the old instance opcode
        b"}U\x08__dict__b",  # state for a dictionary
        b"\x82\x01",  # extension registry
        b"Pid\n",  # persistent id
        b"h\x00",  # a reference to a note
    ],
)
def test_opcodes_and_names_outside_the_format_are_refused(opcodes, content):
    for place in (2, content.index(b"U\x06labels")):
        with pytest.raises(DataError) as caught:
            read_batch(content[:place] + opcodes + content[place:], "data_batch_1")
        assert caught.value.problems[0].where == "data_batch_1"


def test_the_message_says_which_name_was_wanted(content):
    with pytest.raises(DataError, match="os system"):
        read_batch(b"\x80\x02cos\nsystem\n.", "data_batch_1")


@pytest.mark.parametrize("kept", [0, 1, 2, 3, 40, 0.5, -1])
def test_a_file_that_is_cut_short_is_refused(content, kept):
    end = int(len(content) * kept) if isinstance(kept, float) else kept
    with pytest.raises(DataError):
        read_batch(content[:end], "data_batch_1")


def test_bytes_behind_the_end_are_refused(content):
    with pytest.raises(DataError):
        read_batch(content + b".", "data_batch_1")


def test_numbers_that_do_not_fit_are_refused(content, encode):
    rows = b"M" + struct.pack("<H", 5) + b"M" + struct.pack("<H", 3072)
    for other in (b"M\x06\x00M\x00\x0c", b"M\x0a\x00M\x00\x06", b"J\xff\xff\xff\xffM\x00\x0c"):
        with pytest.raises(DataError):
            read_batch(content.replace(rows, other), "data_batch_1")
    images = np.zeros((2, 32, 32, 3), np.uint8)
    with pytest.raises(DataError, match="2 pictures, 3 labels"):
        read_batch(encode(images, [1, 2, 3], ["a", "b"]), "data_batch_1")


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 400), byte=st.integers(0, 255), noise=st.binary(max_size=6))
def test_damage_anywhere_gives_a_batch_or_a_clear_refusal(place, byte, noise):
    whole = HEAD
    spoilt = whole[:place] + bytes([byte]) + noise + whole[place + 1 :]
    with suppress(DataError):  # any other error would fail the test
        read_batch(spoilt, "data_batch_1")


HEAD = b"\x80\x02}q\x01(U\x06labels](K\x01K\x02eU\x09filenames](U\x01ar\x00\x01\x00\x00U\x01beU\x04data" + (
    b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01M\x00\x00M\x00\x0c\x86"
    b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x00\x00\x00\x00tbu."
)
