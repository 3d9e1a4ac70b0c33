"""Lists of names that say which picture is in which split."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from pathlib import Path, PureWindowsPath

from pixelwise.data.pairing.matching import Pair
from pixelwise.errors import DataError, Problem, did_you_mean, listing
from pixelwise.imaging.files import SUFFIXES
from pixelwise.yaml_text import read_file

SPLITS = ("train", "val", "test")
SPELLINGS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
MOST_BYTES = 1 << 26  # of a list of names


def list_files(path: Path, lists: str) -> dict[str, Path]:
    """The lists of splits: in the folder `lists`, else beside the images; train, val, test first, then others."""
    named = {file.stem.lower(): file for file in sorted((path / lists).glob("*.txt")) if not file.name.startswith(".")}
    if not named:
        named = {file.stem.lower(): file for file in sorted(path.glob("*.txt")) if file.stem.lower() in SPELLINGS}
    found = {SPELLINGS.get(stem, stem): file for stem, file in named.items()}
    order = sorted(found, key=lambda split: (SPLITS.index(split) if split in SPLITS else len(SPLITS), split))
    return {split: found[split] for split in order}


def read_list(
    file: Path, known: Mapping[str, Pair], unpaired: bool, left_out: Collection[str] = ()
) -> tuple[tuple[Pair, ...], list[Problem]]:
    """The pairs that a list names; a line may be a name, or a file name or path that ends in one, also in quotes.

    unpaired: whether there are pictures or masks without a partner, which a strange name may mean
    left_out: names that the list may have, although they have no partner
    """
    by_last: dict[str, list[str]] = {}
    for name in known:
        by_last.setdefault(Path(_composed(name)).name, []).append(name)
    pairs, strange, unclear = [], [], dict[str, list[str]]()
    for word in filter(None, map(str.strip, read_file(file, DataError, MOST_BYTES).splitlines())):
        bare = word.strip("\"'")
        short = bare.rsplit(".", 1)[0] if Path(bare).suffix.lower() in SUFFIXES else bare
        if short not in known and "\\" in short:
            short = PureWindowsPath(short).as_posix()
        names = [short] if short in known else _named(short, by_last)
        if len(names) == 1:
            pairs.append(known[names[0]])
        elif names:
            unclear[word] = names
        elif short not in left_out:
            strange.append(word)
    problems = []
    if unclear:
        word, names = next(iter(unclear.items()))
        what = f"{_lines(len(unclear))} more than one picture: {listing(unclear)}."
        problems.append(Problem(str(file), what, f"Write the folder too: {' or '.join(names[:3])} for {word}."))
    if strange:
        what = f"{_lines(len(strange))} no pair: {listing(strange)}."
        problems.append(Problem(str(file), what, "" if unpaired else _hint(strange[0], known)))
    return tuple(pairs), problems


def _lines(count: int) -> str:
    return f"{count} {'line names' if count == 1 else 'lines name'}"


def _named(path: str, by_last: Mapping[str, list[str]]) -> list[str]:
    """The pictures whose name the path ends in; the longest such name where there are several."""
    parts = Path(_composed(path)).parts
    names = by_last.get(parts[-1], []) if parts else []
    ends = [name for name in names if _ends_in(parts, Path(_composed(name)).parts)]
    return [max(ends, key=len)] if ends else names


def _ends_in(parts: tuple[str, ...], name: tuple[str, ...]) -> bool:
    return parts[-len(name) :] == name


def _composed(name: str) -> str:
    """The name with every letter and its accents as one character, whatever the system that wrote it."""
    return unicodedata.normalize("NFC", name)


def _hint(word: str, known: Mapping[str, Pair]) -> str:
    short = Path(word).stem.casefold()
    if same := [name for name in known if Path(name).name.casefold() == short]:
        return f"Names differ in upper and lower case: did you mean '{same[0]}'?"
    return did_you_mean(word, known)
