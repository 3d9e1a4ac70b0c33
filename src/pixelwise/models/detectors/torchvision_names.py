"""torchvision's names of a detector's weights, those of its first files too, and our names for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

THEIRS = "backbone.body."  # what the names of an encoder's weights begin with there
NEW = ("roi_heads.box_predictor", "roi_heads.mask_predictor")  # parts whose shapes depend on the classes
RENAMED = (
    (r"^backbone\.body\.", "encoder.model."),
    (r"^backbone\.fpn\.", "fpn."),
    (r"^(fpn\.(?:inner|layer)_blocks\.\d)\.(weight|bias)$", r"\1.0.\2"),  # files from before convolutions were wrapped
    (r"^(rpn\.head\.conv)\.(weight|bias)$", r"\1.0.0.\2"),
    *((rf"^(roi_heads\.mask_head)\.mask_fcn{n + 1}\.", rf"\1.{n}.0.") for n in range(4)),
)


def is_theirs(names: Iterable[str]) -> bool:
    """Whether these are the names of a detector of torchvision."""
    return any(name.startswith(THEIRS) for name in names)


def our_name(name: str) -> str:
    """Our name of an array of theirs.

    >>> our_name("backbone.body.layer1.0.conv1.weight"), our_name("backbone.fpn.inner_blocks.0.weight")
    ('encoder.model.layer1.0.conv1.weight', 'fpn.inner_blocks.0.0.weight')
    """
    for pattern, ours in RENAMED:
        name = re.sub(pattern, ours, name)
    return name
