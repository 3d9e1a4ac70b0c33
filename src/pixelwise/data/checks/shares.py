"""The check of how large a part of each split every class has."""

from __future__ import annotations

from collections.abc import Iterator

from pixelwise.data.checks.survey import Facts, Finding, Survey
from pixelwise.errors import listing

FEW_PIXELS, FEW_OF_USUAL = (
    1e-4,
    0.05,
)  # share of a split's pixels, and of the share that the class has in the other splits
HARDLY = 1e-5  # share of the pixels that is nearly nothing, however rare the class is elsewhere
FEW_PICTURES, EXPECTED = 2, 10  # pictures of a class where so many would be expected by its share in the other splits


def rare_classes(survey: Survey) -> Iterator[Finding]:
    """Classes that are nearly absent from a split: a few pixels, or a picture or two, where the other splits have many."""
    by_pixels = "mask" in survey.info.knows
    counts = {split: survey.class_counts(split) for split in survey.splits}
    for split in survey.splits:
        total, others = sum(counts[split]), sum(sum(counts[other]) for other in survey.splits if other != split)
        found: dict[int, str] = {}
        for number, name in enumerate(survey.info.classes):
            count = counts[split][number]
            usual = sum(counts[other][number] for other in survey.splits if other != split) / max(1, others)
            if not count or not _is_rare(count, total, usual, by_pixels):
                continue
            where = [facts for facts in survey.of(split) if _has(facts, number)]
            unit = ("pixel" if count == 1 else "pixels") if by_pixels else ("picture" if count == 1 else "pictures")
            places = f", in {len(where)} {'picture' if len(where) == 1 else 'pictures'}" if by_pixels else ""
            found[number] = f"{name} ({count:,} {unit} of {total:,}{places}; elsewhere {usual:.2g} of them)"
        if found:
            files = [facts.where for facts in survey.of(split) if any(_has(facts, number) for number in found)]
            end = "it can hardly be learnt." if split == "train" else "its score depends on them alone."
            what = f"The split '{split}' contains very little of {listing(found.values(), 6)}: {end}"
            cure = "Move pictures with it to this split, draw the splits again, or leave the class out."
            yield Finding("rare classes", "warning", what, tuple(files), cure)


def _is_rare(count: int, total: int, usual: float, by_pixels: bool) -> bool:
    share = count / total
    if by_pixels:
        return share < HARDLY or (share < FEW_PIXELS and share < FEW_OF_USUAL * usual)
    return count <= FEW_PICTURES and usual * total >= EXPECTED


def _has(facts: Facts, number: int) -> bool:
    return facts.label == number if facts.values is None else bool(facts.values.get(number))
