"""Checks of objects."""

from __future__ import annotations

from collections.abc import Iterator

from pixelwise.data.checks.shapes import APART, SPECK
from pixelwise.data.checks.survey import Finding, Survey

NUMBERS = "Give each object its own number. Is the mask one of classes? kind: components makes objects of its parts."
ODD = {  # what is odd: the check, what is said of so many objects, the cure
    "several": (
        "several objects under one number",
        f"of parts that are not connected, of which the second has a share of {APART:.0%} or more",
        NUMBERS,
    ),
    "parts": (
        "unconnected objects",
        "of parts that are not connected",
        "Look at them: is something in front of them?",
    ),
    "specks": ("specks", f"with fewer than {SPECK} pixels", "Remove them if they were drawn by mistake."),
    "no area": (
        "objects without area",
        "without area, left out",
        "Draw them, or remove them.",
    ),
    "outside": (
        "objects outside",
        "partly outside of the picture, cut off there",
        "Were the pictures resized or cropped?",
    ),
}


def odd_objects(survey: Survey) -> Iterator[Finding]:
    """Objects that are not connected, specks, several objects under one number, without area, or outside of the picture."""
    for odd, (check, what, cure) in ODD.items():
        found = [facts for facts in survey.readable if facts.objects.get(odd)]
        count = sum(facts.objects[odd] for facts in found)
        if odd == "parts":
            count -= sum(facts.objects.get("several", 0) for facts in survey.readable)
        if count > 0:
            objects = "1 object" if count == 1 else f"{count:,} objects"
            yield Finding(check, "warning", f"{objects} {what}.", tuple(facts.where for facts in found), cure)


def touching_objects(survey: Survey) -> Iterator[Finding]:
    """How many objects touch others: these are the ones that are merged."""
    found = [facts for facts in survey.readable if facts.objects.get("touching")]
    count, total = (sum(facts.objects.get(name, 0) for facts in survey.readable) for name in ("touching", "objects"))
    if found:
        what = f"{count:,} of {total:,} objects touch another one, in {len(found):,} pictures."
        cure = "This is not a fault. The metric instances counts them apart."
        yield Finding("touching objects", "warning", what, tuple(facts.where for facts in found), cure)
