"""Lists of names that say which picture is in which split."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from pixelwise.data.pairing.matching import Naming, Pair
from pixelwise.errors import DataError, Problem, did_you_mean, listing
from pixelwise.imaging.files import SUFFIXES
from pixelwise.yaml_text import read_file

SPLITS = ("train", "val", "test")
SPELLINGS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
MOST_BYTES = 1 << 26  # of a list of names
FLAG = re.compile(r"(.*\S)\s+(?:1|-1|0)")  # a name and whether its picture has a class, as in VOC's ImageSets/Main


def list_files(path: Path, lists: str) -> dict[str, Path]:
    """The lists of splits: in the folder `lists`, else beside the images; train, val, test first, then others."""
    named = {file.stem.lower(): file for file in sorted((path / lists).glob("*.txt")) if not file.name.startswith(".")}
    if not named:
        named = {file.stem.lower(): file for file in sorted(path.glob("*.txt")) if file.stem.lower() in SPELLINGS}
    found = {SPELLINGS.get(stem, stem): file for stem, file in named.items()}
    order = sorted(found, key=lambda split: (SPLITS.index(split) if split in SPLITS else len(SPLITS), split))
    return {split: found[split] for split in order}


@dataclass
class Listed:
    """What a list says.

    pairs:    those that it names, each once
    strange:  lines that name no pair
    unclear:  line that names more than one picture → these
    again:    names that it has more than once
    flagged:  how many names have a flag behind them
    """

    file: Path
    pairs: dict[str, Pair] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    unclear: dict[str, list[str]] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    flagged: int = 0

    @property
    def is_strange(self) -> bool:
        """Whether it has lines, and none of them names a pair."""
        return not self.pairs and bool(self.strange or self.unclear)


def read_list(file: Path, known: Mapping[str, Pair], naming: Naming, left_out: Collection[str] = ()) -> Listed:
    """The pairs that a list names; a line may be a name, or a file name or path that ends in one, also in quotes.

    left_out: names that the list may have, although they have no partner
    """
    by_last: dict[str, list[str]] = {}
    for name in known:
        by_last.setdefault(Path(naming.key(name)).name, []).append(name)
    listed = Listed(file)
    for word in filter(None, map(str.strip, read_file(file, DataError, MOST_BYTES).splitlines())):
        short, names = _meant(word, known, by_last, naming)
        if not names and (flag := FLAG.fullmatch(word)):
            short, names = _meant(flag[1], known, by_last, naming)
            listed.flagged += bool(names)
        if len(names) == 1 and names[0] in listed.pairs:
            listed.again.append(names[0])
        elif len(names) == 1:
            listed.pairs[names[0]] = known[names[0]]
        elif names:
            listed.unclear[word] = names
        elif short not in left_out:
            listed.strange.append(word)
    return listed


def _meant(
    word: str, known: Mapping[str, Pair], by_last: Mapping[str, list[str]], naming: Naming
) -> tuple[str, list[str]]:
    """The name in a line, and the pictures that it may mean."""
    bare = word.strip("\"'")
    short = bare.rsplit(".", 1)[0] if Path(bare).suffix.lower() in SUFFIXES else bare
    if short not in known and "\\" in short:
        short = PureWindowsPath(short).as_posix()
    return short, [short] if short in known else _named(short, by_last, naming)


def notices_of(lists: Sequence[Listed]) -> Iterator[Problem]:
    """What was decided about names that are in a list twice or have a flag."""
    for one in (one for one in lists if one.again):
        names = "1 name is" if len(one.again) == 1 else f"{len(one.again)} names are"
        what = f"{names} in {one.file.name} more than once, and read once: {listing(one.again)}."
        yield Problem(str(one.file), what)
    if some := [one for one in lists if one.flagged]:
        count = sum(one.flagged for one in some)
        what = f"{count} {'line has' if count == 1 else 'lines have'} a flag behind the name (1, -1 or 0), as VOC's lists have:"
        what += " all their pictures are in the split, and the flags are not used."
        yield Problem(_where(some), what, "To take some of the pictures, write their names alone.")


def faults_of(lists: Sequence[Listed], known: Mapping[str, Pair], unpaired: bool) -> Iterator[Problem]:
    """One problem for each kind of fault, whatever the number of lists.

    unpaired: whether there are pictures or masks without a partner, which a strange name may mean
    """
    if some := [one for one in lists if one.unclear]:
        unclear = {word: names for one in some for word, names in one.unclear.items()}
        word, names = next(iter(unclear.items()))
        what = f"{_lines(len(unclear))} more than one picture: {listing(unclear)}."
        yield Problem(_where(some), what, f"Write the folder too: {' or '.join(names[:3])} for {word}.")
    if some := [one for one in lists if one.strange]:
        strange = [word for one in some for word in one.strange]
        what = f"{_lines(len(strange))} no pair: {listing(strange)}."
        yield Problem(_where(some), what, "" if unpaired else _hint(strange[0], known))


def _where(lists: Sequence[Listed]) -> str:
    """`pets/splits/train.txt`, or `pets/splits/train.txt, val.txt`"""
    return ", ".join([str(lists[0].file), *(one.file.name for one in lists[1:])])


def _lines(count: int) -> str:
    return f"{count} {'line names' if count == 1 else 'lines name'}"


def _named(path: str, by_last: Mapping[str, list[str]], naming: Naming) -> list[str]:
    """The pictures whose name the path ends in; the longest such name where there are several."""
    parts = Path(naming.key(path)).parts
    names = by_last.get(parts[-1], []) if parts else []
    ends = [name for name in names if _ends_in(parts, Path(naming.key(name)).parts)]
    return [max(ends, key=len)] if ends else names


def _ends_in(parts: tuple[str, ...], name: tuple[str, ...]) -> bool:
    return parts[-len(name) :] == name


def _hint(word: str, known: Mapping[str, Pair]) -> str:
    short = Path(word).stem.casefold()
    if same := [name for name in known if Path(name).name.casefold() == short]:
        return f"Names differ in upper and lower case: did you mean '{same[0]}'? If so, set case: ignore."
    return did_you_mean(word, known)
