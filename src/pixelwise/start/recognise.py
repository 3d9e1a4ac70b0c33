"""The content of a folder: images and masks, folders of classes, a table of labels, instance maps, or pictures alone.

Names decide first, then a few masks are read. There are no questions: every assumption is a sentence, and the option of the
data set that changes it is in the recipe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pixelwise.data.pairing.files import find_files
from pixelwise.data.pairing.groups import PATTERNS, suggested_groups
from pixelwise.data.pairing.lists import SPELLINGS
from pixelwise.data.pairing.matching import Naming, pair_files
from pixelwise.data.single.table import SUFFIXES_OF_TABLES, find_file, read_table
from pixelwise.errors import DataError, PixelwiseError, listing
from pixelwise.start.layouts import in_each_folder, not_read, pairing, side_by_side, two_folders, voc_lists
from pixelwise.start.masks import CITYSCAPES, look_at_masks, objects_of_cityscapes

Kind = Literal["masks", "objects", "classes", "pictures"]
LOOKED_AT = 20  # lines of a table
ANNOTATIONS = (".json", ".xml", ".zip")


@dataclass
class Found:
    """The result of recognising a folder.

    dataset:  the data set of the recipe, its name and options
    said:     what was found and what is assumed, one sentence each
    keys:     the keys of the recipe that change an assumption: key → what it is for
    exclude:  pictures that are left out, as `split/name`
    pictures: a folder with pictures, where the options of the data set do not name it
    names:    of the pictures with masks, or of an export that says no splits
    suggested: option that names suggest → the sentence about it
    """

    path: Path
    kind: Kind
    dataset: dict[str, Any]
    said: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    exclude: list[str] = field(default_factory=list)
    pictures: Path | None = None
    names: tuple[str, ...] = ()
    suggested: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of reports and runs: that of the folder, or of the zip."""
        place = Path(str(self.dataset["path"]))
        return place.stem if place.suffix.lower() == ".zip" else self.path.resolve().name


def recognise(
    path: Path,
    *,
    table: str = "",
    objects: bool = False,
    given: Mapping[str, Any] | None = None,
    root: Path | None = None,
) -> Found:
    """Recognise the content of the folder at `path`.

    table:    a file in it that has the labels: a table, or one of an export
    objects:  whether objects are to be told apart
    given:    options of the data set that are known, and its name: nothing else is then tried
    root:     the data folder, in whose cache a zip is unpacked

    Raises DataError if there is no picture, or if the labels are in a file of another kind.
    """
    given = given or {}
    if not path.is_dir():
        raise DataError("this folder does not exist.", where=str(path))
    if given.get("name", "annotated") == "annotated":
        from pixelwise.start.exports import recognise_export

        export = recognise_export(path, path / table, objects, str(given.get("format", "auto")), root)
        if export is not None:
            if export.names and "group" not in given:
                _group(export, export.names)
            return export
        if "name" in given:
            raise DataError("is not an export that is read.", where=str(path), hint="docs/formats.md shows them.")
    if table and Path(table).suffix.lower() not in SUFFIXES_OF_TABLES:
        raise _of_another_kind(path, path / table)
    there = find_files(path, "")
    pictures = there.files
    if not pictures:
        kinds = listing(sorted({file.suffix.lower() for file in there.unread}))
        what = f"no picture that can be read was found below it{f'; it has {kinds}' if kinds else ''}."
        raise DataError(what, where=str(path), hint="Save pictures as PNG or JPEG." if kinds else "")
    names = [name for name, _ in pictures]
    found = _recognised(path, names, table or str(given.get("table", "")), objects, given)
    if (found is None or found.kind == "classes") and (inner := _only_folder(path, names)) and not (table or given):
        deeper = _with_masks(inner, [name.partition("/")[2] for name in names], objects, given)
        found = deeper or found
    if found is None:
        others = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in ANNOTATIONS]
        if others and not given.get("name"):
            raise _of_another_kind(path, others[0])
        found = Found(path, "pictures", {"name": "pictures", "path": str(path)})
        found.said.append(f"{len(names):,} pictures without labels: the task is colourization, colours from grey.")
    if objects and found.kind != "objects":
        what = "has no masks, so objects cannot be told apart."
        raise DataError(what, where=str(path), hint="Leave out --instances.")
    if "group" not in given:
        _group(found, found.names or names)
    return found


def _only_folder(path: Path, names: Sequence[str]) -> Path | None:
    """The one folder that all pictures are in, as archives have it; None if there are several, or it is that of a split."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in names}
    top = next(iter(tops))
    return path / top if len(tops) == 1 and top and top.lower() not in SPELLINGS else None


def _recognised(path: Path, names: Sequence[str], table: str, objects: bool, given: Mapping[str, Any]) -> Found | None:
    """What was found with labels, of the data set that was named if one was."""
    wanted = given.get("name", "labelled" if table else "")
    tries: dict[str, tuple[Callable[[], Found | None], ...]] = {
        "folder": (lambda: _with_masks(path, names, objects, given),),
        "labelled": (lambda: _with_table(path, table), lambda: _with_classes(path, names)),
        "pictures": (),
    }
    if wanted and wanted not in tries:
        hint = "Write a recipe for it: `pixelwise show dataset " + str(wanted) + "`."
        what = f"recipes can be made for {listing([*tries, 'annotated'])}; read '{wanted}'."
        raise DataError(what, where="data.dataset.name", hint=hint)
    chosen = tries[wanted] if wanted else [one for some in tries.values() for one in some]
    found = next(filter(None, (one() for one in chosen)), None)
    if found is None and wanted in ("folder", "labelled"):
        what = "masks of the same names" if wanted == "folder" else "folders of classes, or a table of labels"
        raise DataError(f"no pictures with {what} were found.", where=str(path))
    return found


def _of_another_kind(path: Path, file: Path) -> DataError:
    """The error for labels in a file whose format is not read, or that is empty."""
    if file.is_file() and file.stat().st_size == 0:
        return DataError("is empty (0 bytes): it has no labels.", where=str(file), hint="Export it again.")
    what = f"the labels seem to be in {file.relative_to(path)}, which this command does not read."
    from pixelwise.data.formats.base import MINIMAL, has_minimal
    from pixelwise.data.formats.source import Source

    minimal = file.suffix.lower() == ".json" and has_minimal(Source(file))
    hint = MINIMAL if minimal else "docs/formats.md shows the exports of labelling tools that are read."
    return DataError(what, where=str(path), hint=hint)


# -- images and masks ----------------------------------------------------------------------------------------------


def _with_masks(path: Path, names: Sequence[str], objects: bool, given: Mapping[str, Any]) -> Found | None:
    """Pairs of images and masks: in two folders, or side by side with suffixes, prefixes or kinds of files."""
    options = _as_given(path, given, objects) or two_folders(path, names, objects) or side_by_side(path)
    for place in () if options else sorted(path.iterdir()):  # side by side in the folders of splits
        if place.is_dir() and place.name.lower() in SPELLINGS:
            options = options or side_by_side(place)
    if options is None and _only_folder(path, names) is None:
        options = side_by_side(path, "**/") or in_each_folder(path, names)
    if options is None:
        return None
    images, masks, naming = options
    dataset: dict[str, Any] = {"name": "folder", "path": str(path)}
    dataset |= {key: value for key, value in (("images", images), ("masks", masks)) if value != key}
    dataset |= naming.options() | voc_lists(path)
    paired = [pair_files(place, images, masks, naming) for place in _places(path, images)]
    pairs = [pair for one in paired for pair in one.known.values()]
    found = Found(path, "objects" if objects else "masks", dataset, names=tuple(pair.name for pair in pairs))
    found.said.append(f"{len(pairs):,} pictures with masks: images in {images}, masks in {masks}.")
    if naming != Naming():
        by = ", ".join(f"{key} {value!r}" for key, value in naming.options().items())
        found.said.append(f"Names pair by {by}.")
    used = {file for pair in pairs for file in (pair.image, pair.mask)}
    told = {Path(file) for one in paired for problem in (*one.unpaired, *one.problems) for file in problem.files}
    found.said += not_read(path, used | told, naming)
    if objects and naming.mask_suffix.endswith(CITYSCAPES):
        look = objects_of_cityscapes()
    else:
        look = look_at_masks([pair.mask for pair in pairs], path / "classes.txt", objects)
    found.dataset |= look.options
    found.said += look.said
    found.keys |= look.keys
    return found


def _as_given(path: Path, given: Mapping[str, Any], objects: bool) -> tuple[str, str, Naming] | None:
    """The folders that were named; None if none was."""
    if not given.keys() & {"images", "masks"} or given.get("name", "folder") != "folder":
        return None
    images, masks = str(given.get("images", "images")), str(given.get("masks", "masks"))
    naming = {key: str(given[key]) for key in vars(Naming()) if key in given}
    place = _places(path, images)[0]
    return images, masks, Naming(**naming) if naming else pairing(place, images, masks, objects) or Naming()


def _places(path: Path, images: str) -> list[Path]:
    """The folders in which images and masks lie: those of splits, else the folder itself."""
    named = [one for one in sorted(path.iterdir()) if one.name.lower() in SPELLINGS and one.is_dir()]
    splits = [one for one in named if find_files(one, images).files]
    return splits or [path]


# -- labels of whole pictures ----------------------------------------------------------------------------------------


def _with_table(path: Path, table: str) -> Found | None:
    """A table of labels: the one that was named, else the only one that can be read as such."""
    from pixelwise.data.single.labelled import Labelled

    tables = [table] if table else [f.name for f in sorted(path.iterdir()) if f.suffix.lower() in SUFFIXES_OF_TABLES]
    read: dict[str, Labelled] = {}
    for name in tables:
        try:
            read[name] = Labelled(path, path, table=name, val=0.0)
        except PixelwiseError:
            if table or _names_pictures(path / name, path):
                raise
    if not read:
        return None
    files = {
        name: {made.sources(split, at)[0] for split in made.splits() for at in range(len(made.names(split)))}
        for name, made in read.items()
    }
    name = max(read, key=lambda one: (len(read[one].info.classes) > 1, len(files[one])))
    found = Found(path, "classes", {"name": "labelled", "path": str(path), "table": name})
    what = f"{len(files[name]):,} pictures with {len(read[name].info.classes)} classes, from the table {name}."
    found.said.append(what)
    if others := [one for one in read if one != name]:
        what = f"Other tables of labels are not read: {listing(others)}. To read one, give it in place of the folder."
        found.said.append(what)
    found.said += not_read(path, files[name])
    return found


def _names_pictures(table: Path, path: Path) -> bool:
    """Whether a table that cannot be read as labels has pictures of the folder in its lines: then its fault is said."""
    try:
        rows = read_table(table)
    except PixelwiseError:
        return False
    known = [file for _, file in find_files(path, "").files]
    return any(find_file(row.file, known, path) is not None for row in rows[:LOOKED_AT])


def _with_classes(path: Path, names: Iterable[str]) -> Found | None:
    """Folders named after classes, also within those of splits; at least two of them."""
    inner: Counter[str] = Counter()
    first: Counter[str] = Counter()
    for name in names:
        parts = name.split("/")
        first[parts[0] if len(parts) > 1 else ""] += 1
        parts = parts[1:] if len(parts) > 2 and parts[0].lower() in SPELLINGS else parts
        inner[parts[0] if len(parts) > 1 else ""] += 1
    options: dict[str, Any] = {"name": "labelled", "path": str(path)}
    classes = [name for name in inner if name]
    if len(classes) == 1 and not inner[""]:  # one folder around those of the classes
        deeper = _with_classes(path / classes[0], [name.partition("/")[2] for name in names])
        if deeper is not None:
            deeper.path = path
            deeper.dataset |= options | {"images": classes[0]}
        return deeper
    if len(classes) < 2 or inner[""] > sum(inner.values()) / 2 or set(map(str.lower, classes)) <= set(SPELLINGS):
        return None
    found = Found(path, "classes", options)
    some = ", ".join(f"{name} {inner[name]:,}" for name in classes[:6])
    more = f" and {len(classes) - 6} more" if len(classes) > 6 else ""
    found.said.append(f"{len(classes)} folders are taken as classes: {some}{more}.")
    return found


# -- groups ----------------------------------------------------------------------------------------------------------


def _group(found: Found, names: Sequence[str]) -> None:
    """Set the option `group` where names suggest pictures that belong together: the frames of one scene, one patient."""
    patterns = [pattern for pattern in PATTERNS if found.kind != "classes" or "/" not in pattern]  # folders are classes
    suggested = suggested_groups(names, patterns)
    if suggested is None:
        return
    found.dataset["group"] = suggested.pattern
    groups, some = len(suggested.groups), ", ".join([*suggested.groups][:3])
    sentence = f"Names suggest {groups} groups, by {suggested.what} ({some}, …): pictures of one stay in one split."
    found.suggested["group"] = sentence
    found.said.append(sentence)
    found.keys["data.dataset.group=''"] = "draw the splits picture by picture"
