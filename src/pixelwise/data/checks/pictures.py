"""Checks of what picture files hold: orientation, bits, pages, channels, sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pixelwise.data.checks.survey import Facts, Finding, Survey
from pixelwise.imaging.fit import extremes, proposal

TURNS = 5  # the first EXIF orientation that swaps height and width
CLEARLY = 1.25  # how much better outlines fit one way than the other before either is called right
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
    found = [facts for facts in survey.readable if facts.image is not None and facts.image.largest is not None]
    largest = max((facts.image.largest or 0 for facts in found if facts.image is not None), default=0)
    if found and survey.stretch == 16 and largest < 1 << 14:
        bits = max(8, next((bits for bits in (8, 10, 12, 14) if largest < 1 << bits), 14))
        what = _pictures(len(found), "of 16 bits uses", "of 16 bits use")
        what += f" at most {bits} of them (the largest value is {largest:,}): {_levels(largest)} grey levels are left."
        yield Finding("bits", "warning", what, _files(found), f"Set stretch: {bits}.")


def _levels(largest: int) -> int:
    return (largest * 255 + 32767) // 65535 + 1


def pages(survey: Survey) -> Iterator[Finding]:
    """Files of several pictures, of which the first is read."""
    if found := [facts for facts in survey.facts if facts.image is not None and facts.image.pages > 1]:
        most = max(facts.image.pages for facts in found if facts.image is not None)
        what = f"{_pictures(len(found), 'has', 'have')} several pages ({most} at most): only the first is read."
        yield Finding("pages", "warning", what, _files(found), "Save each page that you need as a file.")


def channels(survey: Survey) -> Iterator[Finding]:
    """Fourth channels that are not transparency, and channels that are not read."""
    known = [(facts, facts.image) for facts in survey.readable if facts.image is not None]
    if found := [facts for facts, image in known if image.unclear > UNCLEAR and survey.alpha]:
        count = _pictures(len(found), "has", "have")
        what = f"{count} a last channel that does not look like transparency: it is laid over white."
        yield Finding(
            "channels", "warning", what, _files(found), "Set alpha: ignore if it is something else, e.g. infrared."
        )
    if found := [
        facts for facts, image in known if image.kind == "TIFF" and image.channels in (2, 4) and not image.unclear
    ]:
        what = f"{_pictures(len(found), 'has', 'have')} 2 or 4 channels: one or three of them are used."
        yield Finding(
            "channels", "warning", what, _files(found), "Say which ones by the option channels, e.g. [3, 0, 1]."
        )


def sizes(survey: Survey) -> Iterator[Finding]:
    """Pictures of several sizes, which are trained at one."""
    counts = Counter(facts.size for facts in survey.readable if facts.size is not None)
    if len(counts) > 1 and survey.of_a_folder:
        what = f"Pictures have {len(counts):,} sizes, {extremes(counts)} (width × height)."
        yield Finding("sizes", "warning", what, (), proposal(counts))
