"""Checks of the content of picture files: orientation, bits, pages, channels, sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import median

import numpy as np

from pixelwise.data.checks.survey import Facts, Finding, Survey
from pixelwise.imaging.fit import extremes, proposal

TURNS = 5  # the first EXIF orientation that swaps height and width
CLEARLY = 1.25  # how much better outlines fit one way than the other before either is called right
OTHER_SHAPE = 1.3  # times wider or narrower than the median is another shape
DARK, PLAIN = 32, 1.0  # grey levels of 64×64 pixels: of a dark picture; and the standard deviation of a single colour
# Sharpness (survey.py) below which a picture is blurred. Photographs of VOC 2007, Stanford Background and Flowers 17 have
# 0.10 to 0.67; blurred by a Gaussian of 2 pixels, 95 % of them have 0.08 or less.
BLURRED = 0.08
LEAVE_OUT = "If a picture shows nothing, name it in data.exclude."
UNCLEAR = 0.5  # of the pixels, neither clear nor solid: more than soft edges have


def _files(found: list[Facts]) -> tuple[str, ...]:
    return tuple(facts.where for facts in found)


def _pictures(count: int, one: str, many: str) -> str:
    return f"1 picture {one}" if count == 1 else f"{count:,} pictures {many}"


def rotations(survey: Survey) -> Iterator[Finding]:
    """Pictures that their EXIF orientation turns, whose masks may have been drawn over the stored pixels."""
    found = [facts for facts in survey.readable if facts.outlines is not None]
    if not found:
        return
    turned = sum(seen * CLEARLY < stored for seen, stored in (facts.outlines for facts in found if facts.outlines))
    fitting = sum(stored * CLEARLY < seen for seen, stored in (facts.outlines for facts in found if facts.outlines))
    what = _pictures(len(found), "is turned by its EXIF orientation", "are turned by their EXIF orientation")
    if turned > max(fitting, len(found) / 2):
        what += ", and the outlines of their masks fit the pixels as they are stored."
        yield Finding("rotations", "fatal", what, _files(found), "Set exif: ignore, or turn the masks too.")
    elif fitting <= max(turned, len(found) / 2):
        what += ", and nothing shows whether their masks are turned too."
        cure = "Look at one. If the mask fits the picture before it is turned, set exif: ignore."
        yield Finding("rotations", "warning", what, _files(found), cure)


def deep_pictures(survey: Survey) -> Iterator[Finding]:
    """Pictures of 16 bits that use few of them and come out nearly black."""
    found = _shallow(survey)
    if found:
        largest = max(facts.image.largest or 0 for facts in found if facts.image is not None)
        bits = max(8, next((bits for bits in (8, 10, 12, 14) if largest < 1 << bits), 14))
        what = _pictures(len(found), "of 16 bits uses", "of 16 bits use")
        what += f" at most {bits} of them (the largest value is {largest:,}): {_levels(largest)} grey levels are left."
        yield Finding("bits", "warning", what, _files(found), f"Set stretch: {bits}.")


def _shallow(survey: Survey) -> list[Facts]:
    """Pictures of 16 bits, if none of them uses more than 14."""
    found = [facts for facts in survey.readable if facts.image is not None and facts.image.largest is not None]
    largest = max((facts.image.largest or 0 for facts in found if facts.image is not None), default=0)
    return found if survey.stretch == 16 and largest < 1 << 14 else []


def _levels(largest: int) -> int:
    return (largest * 255 + 32767) // 65535 + 1


def pages(survey: Survey) -> Iterator[Finding]:
    """Files of several pages, of which the first is read, and whether it has a single colour."""
    found = _of_several_pages(survey)
    if not found:
        return
    counts = sorted({facts.image.pages for facts in found if facts.image is not None})
    what = f"{_pictures(len(found), 'has', 'have')} several pages ({counts[-1]} at most): only the first is read"
    cure = "Save each page that you need as a file. If pages are channels, set their number, e.g. channels: 3."
    if empty := [facts for facts in found if is_plain(facts)]:
        what += f", and in {len(empty):,} of them it has a single colour"
        if len(counts) == 1 and len(empty) * 2 > len(found) and all(f.image and f.image.kind == "TIFF" for f in found):
            cure = f"Set channels: {counts[0]} if pages are channels of a picture. Else save each page as a file."
    yield Finding("pages", "warning", f"{what}.", _files(found), cure)


def _of_several_pages(survey: Survey) -> list[Facts]:
    """Pictures of which only the first page is read."""
    several = [facts for facts in survey.facts if facts.image is not None and facts.image.pages > 1]
    return [] if survey.chosen else several


def channels(survey: Survey) -> Iterator[Finding]:
    """Fourth channels that are not transparency, and channels that are not read."""
    known = [(facts, facts.image) for facts in survey.readable if facts.image is not None]
    if found := [facts for facts, image in known if image.unclear > UNCLEAR and survey.alpha and not survey.chosen]:
        count = _pictures(len(found), "has", "have")
        what = f"{count} a last channel that does not look like transparency: it is laid over white."
        cure = "Set alpha: ignore if it is something else. channels: 4 gives it to the model too."
        yield Finding("channels", "warning", what, _files(found), cure)
    if found := [
        facts
        for facts, image in known
        if image.kind == "TIFF" and image.channels in (2, 4) and not image.unclear and not survey.chosen
    ]:
        what = f"{_pictures(len(found), 'has', 'have')} 2 or 4 channels: one or three of them are used."
        yield Finding(
            "channels", "warning", what, _files(found), "channels: 4 gives all to the model; [3, 0, 1] chooses these."
        )


def sizes(survey: Survey) -> Iterator[Finding]:
    """Pictures of several sizes, which are trained at one, and of them those of another shape than most."""
    known = [facts for facts in survey.readable if facts.size is not None]
    counts = Counter(facts.size for facts in known if facts.size is not None)
    if len(counts) < 2 or not survey.of_a_folder:
        return
    what = f"Pictures have {len(counts):,} sizes, {extremes(counts)} (width × height)."
    usual = median(size[1] / size[0] for size in counts.elements())
    other = [
        f for f in known if f.size is not None and not 1 / OTHER_SHAPE < f.size[1] / f.size[0] / usual < OTHER_SHAPE
    ]
    if other:
        shapes = [facts.size[1] / facts.size[0] for facts in known if facts.size is not None]
        what += f" Width / height is {min(shapes):.2f} to {max(shapes):.2f}; {_pictures(len(other), 'is', 'are')} more than "
        what += f"{OTHER_SHAPE} times wider or narrower than the median ({usual:.2f})."
    yield Finding("sizes", "warning", what, _files(other), proposal(counts))


def dark_pictures(survey: Survey) -> Iterator[Finding]:
    """Pictures that are nearly black, for another reason than their bits."""
    known = {f.where: f.fine for f in survey.readable if f.fine is not None and not is_plain(f)}
    told = set(_files(_shallow(survey)))
    found = [name for name, fine in known.items() if np.quantile(fine, 0.99) < DARK and name not in told]
    if found:
        what = f"{_pictures(len(found), 'is', 'are')} nearly black: 99 % of the pixels are below {DARK} of 255."
        cure = f"Was the light off, or are they of 16 bits? {LEAVE_OUT}"
        yield Finding("dark pictures", "warning", what, tuple(found), cure)


def plain_pictures(survey: Survey) -> Iterator[Finding]:
    """Pictures of a single colour, for another reason than their bits or pages."""
    told = {*_files(_shallow(survey)), *_files(_of_several_pages(survey))}
    found = [facts for facts in survey.readable if is_plain(facts) and facts.where not in told]
    if found:
        what = f"{_pictures(len(found), 'has', 'have')} a single colour."
        yield Finding("single colours", "warning", what, _files(found), f"Look at them. {LEAVE_OUT}")


def is_plain(facts: Facts) -> bool:
    """Whether a picture has a single colour."""
    return facts.fine is not None and bool(facts.fine.std() < PLAIN)


def blurred_pictures(survey: Survey) -> Iterator[Finding]:
    """Pictures without detail, in a data set of which most have some: out of focus, moved, or enlarged."""
    known = [facts for facts in survey.readable if facts.fine is not None and not is_plain(facts)]
    found = [facts for facts in known if facts.sharpness < BLURRED]
    if found and median(facts.sharpness for facts in known) > 1.5 * BLURRED:
        what = f"{_pictures(len(found), 'is', 'are')} blurred, and most are sharp: out of focus, moved, or enlarged."
        yield Finding("blurred pictures", "warning", what, _files(found), f"Can you see the outlines? {LEAVE_OUT}")
