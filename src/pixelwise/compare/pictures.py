"""The same pictures side by side: picture and truth once, then what each group made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pixelwise.compare.gather import Comparison, Group, Member
from pixelwise.imaging.palettes import VOC_VOID
from pixelwise.report.gallery import Panel, Seen, build_card
from pixelwise.run.folder import RunFolder
from pixelwise.run.words import number
from pixelwise.types import RGB

MOST_PICTURES, MOST_GROUPS = 6, 8
SIDE = 240  # pixels


@dataclass(frozen=True)
class Strip:
    """Member picture with everything that was made of it."""

    name: str
    panels: tuple[Panel, ...]
    words: tuple[tuple[str, str], ...] = ()  # of what cannot be drawn: the truth, and what each group said


@dataclass(frozen=True)
class SideBySide:
    """Pictures that every group has kept, and the colours in them. shown: the groups, where not all could be."""

    strips: tuple[Strip, ...]
    legend: tuple[tuple[str, RGB], ...]
    shown: str = ""


def side_by_side(comparison: Comparison) -> SideBySide | None:
    """Pictures that the first run of every group has kept; None where there are none."""
    groups = comparison.groups[:MOST_GROUPS]
    kept = [(group, group.runs[0], _entries(group.runs[0])) for group in groups]
    names = [name for name in kept[0][2] if all(name in entries for _, _, entries in kept)][:MOST_PICTURES]
    if not names:
        return None
    seen = Seen()
    strips = [_strip(name, kept, seen) for name in names]
    first = kept[0][1].record
    legend = [(name, first.colours[i]) for i, name in enumerate(first.classes) if i in seen.indices]
    if first.void is not None and first.void in seen.indices:
        legend.append(("void (not labelled)", VOC_VOID))
    shown = "" if len(groups) == len(comparison.groups) else f"the first {MOST_GROUPS} groups"
    return SideBySide(tuple(strips), tuple(legend), shown)


def _entries(run: Member) -> dict[str, Mapping[str, Any]]:
    """The kept pictures by name, those that all runs of a split have in common first."""
    entries: dict[str, Mapping[str, Any]] = {}
    for part in ("shared", "pictures"):
        for entry in run.record.gallery.get(part) or ():
            entries.setdefault(str(entry.get("name")), entry)
    return entries


def _strip(name: str, kept: list[tuple[Group, Member, dict[str, Mapping[str, Any]]]], seen: Seen) -> Strip:
    panels: list[Panel] = []
    words: list[tuple[str, str]] = []
    for place, (group, run, entries) in enumerate(kept):
        card = build_card(entries[name], run.record, RunFolder(run.path).predictions, SIDE, seen)
        if place == 0:
            panels += [panel for panel in card.panels if panel.caption != "prediction"]
            words += [pair for pair in card.words if pair[0] != "prediction"]
        score = "" if card.score is None else f" {number(card.score, 3)}"
        panels += [
            Panel(f"{group.letter}{score}", panel.uri, panel.height, panel.width)
            for panel in card.panels
            if panel.caption == "prediction"
        ]
        words += [(group.letter, said) for part, said in card.words if part == "prediction"]
    return Strip(name, tuple(panels), tuple(words))
