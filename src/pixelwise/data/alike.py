"""Which pictures of a data set look alike, so that a draw of splits keeps them in one split.

Every picture is read once, for its thumbnail. What was found is kept in the cache, under a name made of path, size
and time of change of every file, so that the next draw reads nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from pixelwise.data.base import cache_folder
from pixelwise.data.copies import CONTRAST, NEAR, digest_of, group_copies, thumbnail_of
from pixelwise.errors import DataError, PixelwiseError
from pixelwise.imaging.channels import USUAL, Reading
from pixelwise.imaging.files import read_image
from pixelwise.run.atomic import write_json
from pixelwise.run.records.json_text import read_json

FORMAT = 1


def find_groups(images: Mapping[str, Path], root: Path, reading: Reading = USUAL) -> dict[str, str]:
    """Name → the first name of its group, for each picture that looks like an earlier one.

    images:  name → file, in order
    root:    the data folder, beside which the cache lies
    reading: how pictures are read

    A picture that cannot be read is in no group: reading it as a sample says why.
    """
    states = [[name, str(file), *_state(file)] for name, file in images.items()]
    words = json.dumps([FORMAT, NEAR, CONTRAST, states, *([] if reading == USUAL else [str(reading)])])
    memory = cache_folder(root) / "alike" / f"{hashlib.sha256(words.encode()).hexdigest()[:24]}.json"
    with suppress(PixelwiseError, OSError):
        known = read_json(memory)
        if isinstance(known, dict) and set(known) | {str(first) for first in known.values()} <= set(images):
            return known
    groups = _look(images, reading)
    with suppress(PixelwiseError, OSError):  # where nothing can be written, it is found out again
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_json(memory, groups)
    return groups


def _look(images: Mapping[str, Path], reading: Reading) -> dict[str, str]:
    names, digests, thumbnails = [], [], []
    for name, file in images.items():
        with suppress(DataError):
            image = read_image(file, reading=reading)
            names.append(name)
            digests.append(digest_of(image))
            thumbnails.append(thumbnail_of(image))
    return group_copies(names, digests, np.stack(thumbnails)) if len(names) > 1 else {}


def _state(file: Path) -> list[int]:
    with suppress(OSError):
        status = os.stat(file)
        return [status.st_size, status.st_mtime_ns]
    return []
