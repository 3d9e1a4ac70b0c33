"""Records in words."""

import pytest

from pixelwise.run.words import convention_label
from pixelwise.types import Score


@pytest.mark.parametrize(
    ("convention", "words"),
    [
        ("", ""),
        ("void=ignore,absent=skipped", "void ignored, absent classes left out"),
        ("k=5", "k = 5"),
        ("bins=15", "15 intervals of confidence"),
        ("palette=24,absent=skipped", "over 24 palette colours, absent classes left out"),
        ("n>100", "more than 100 training pictures"),
        ("n=20..100", "20 to 100 training pictures"),
        ("n<20", "fewer than 20 training pictures"),
        ("of=somebody", "of: somebody"),
    ],
)
def test_conventions_are_told_as_people_say_them(convention: str, words: str) -> None:
    assert convention_label(Score.from_key(f"score[{convention}]").convention) == words
