"""JSON of a stranger: limits, no repeated keys, no numbers or characters that could not be written again."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelwise.errors import RunError
from pixelwise.run.records import json_text
from pixelwise.run.records.json_text import DEPTH, parse_json, read_json

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(values, st.booleans())
def test_what_json_writes_comes_back_equal(value: object, ascii_only: bool) -> None:
    try:
        text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8")
    except UnicodeEncodeError:  # keys with half a pair
        return
    if b"\\ud" not in text.lower():
        assert parse_json(text, "a.json") == value


REFUSED = {
    "NaN": (b'{"a": NaN}', "NaN is not a number of JSON"),
    "infinity": (b'{"a": -Infinity}', "-Infinity is not a number of JSON"),
    "large": (b'{"a": 1e999}', "'1e999' is too large for a floating-point number"),
    "digits": (b'{"a": ' + b"9" * 5000 + b"}", "is not a whole number of 64 bits"),
    "400 digits": (b'{"a": 1' + b"0" * 400 + b"}", "is not a whole number of 64 bits"),
    "2⁶³": (b'{"a": 9223372036854775808}', "'9223372036854775808' is not a whole number of 64 bits"),
    "twice": (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' is given twice"),
    "half a pair": (b'{"a": "\\ud800"}', "half a surrogate pair"),
    "half a pair in a key": (b'{"\\udfff": 1}', "half a surrogate pair"),
    "deep": (b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1), f"nested more than {DEPTH} deep"),
    "very deep": (b"[" * 100_000, f"is nested more than {DEPTH} levels deep"),
    "deep maps": (b'{"a":' * 200 + b"1" + b"}" * 200, f"nested more than {DEPTH} deep"),
    "Latin-1": (b'{"a": "\xe9"}', "is not UTF-8 text: byte 7 is 0xe9"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "is not UTF-8 text: byte 0 is 0xff"),
    "cut": (b'{"a": ', "is not a readable JSON file"),
    "empty": (b"", "is not a readable JSON file"),
    "zeros": (b"\0" * 100, "is not a readable JSON file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line_with_the_file(name: str, tmp_path: Path) -> None:
    content, words = REFUSED[name]
    path = tmp_path / "setup.json"
    path.write_bytes(content)
    with pytest.raises(RunError) as refused:
        read_json(path)
    said = str(refused.value)
    assert said.startswith(f"{path}: ")
    assert words in said
    assert "\n" not in said


def test_a_byte_of_a_name_that_is_not_utf8_comes_back() -> None:
    assert parse_json(rb'{"name": "a\udcff"}', "a") == {"name": "a\udcff"}


def test_whole_pairs_and_the_deepest_allowed() -> None:
    assert parse_json(rb'["\ud83d\ude00"]', "a") == ["😀"]
    deepest = b"[" * DEPTH + b"]" * DEPTH
    assert parse_json(deepest, "a") is not None


def test_a_file_of_any_size_costs_no_more_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "setup.json"
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # a hole of a tebibyte
    with pytest.raises(RunError, match="is larger than 32 MiB, the most that is read"):
        read_json(path)
    monkeypatch.setattr(json_text, "LIMIT", 10)
    path.write_text('{"a": "0123456789"}')
    with pytest.raises(RunError, match="is larger than"):
        read_json(path)
