"""tests/docs/words.py finds what is hard to read, and only where people read it."""

from pathlib import Path

import pytest
from words import comments, hits, phrases, strings, without_code

PAGE = """A part of its own.

    nothing is lost in code

It goes
on, `beneath` the *page*.

```console
$ where there is none
```
It is told.
"""


def found(text: str) -> list[tuple[int, str]]:
    return sorted((line, read) for line, read, _ in hits(text, phrases()))


def test_phrases_are_found_in_sentences_and_not_in_code() -> None:
    assert found(without_code(PAGE)) == [(0, "of its own"), (4, "goes on"), (10, "is told")]


def test_phrases_of_docstrings_and_errors_are_found() -> None:
    source = '"""One row a class. Raises DataError where it is empty."""\nraise ValueError(f"no split \'{a}\'; there is {b}")\n'
    read = sorted(read for _, text in strings(source) for _, read in found(text))
    assert read == ["'; there is {}", "One row a class", "Raises DataError where"]


def test_literals_and_the_parts_of_an_f_string_are_read_and_comments_are_not() -> None:
    source = '"A head of its own."\n# goes on\nname = "one"\nraise ValueError(f"{name}: nothing {1}is lost; goes on")\n'
    assert sorted(read for _, text in strings(source) for _, read in found(text)) == ["goes on", "of its own"]


def test_comments_are_read_and_lines_below_each_other_are_one() -> None:
    source = "# one\nname = 'goes on'  # is\n# told\n\nother = 1  # plain\n"
    assert list(comments(source)) == [(1, "# one\n# is\n# told"), (5, "# plain")]
    assert [read for _, text in comments(source) for _, read in found(text)] == ["is # told"]


@pytest.mark.parametrize(
    "text",
    [
        "There is no mask.",
        "They can be told apart.",
        "one pass over the split",
        "not all the same",
        "Raises DataError if it is empty.",
    ],
)
def test_plain_sentences_are_not_found(text: str) -> None:
    assert not found(text)


def test_the_list_says_what_to_write() -> None:
    assert all(one.write for one in phrases())
    assert (Path(__file__).with_name("words.yaml")).is_file()
