"""The files that `pixelwise start` writes. Files that it did not write are never replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pixelwise.run.atomic import write_text

MARK = '<p class="kicker">pixelwise start</p>'  # a page with it was made here


def write_recipe(folder: Path, text: Callable[[str], str], name: str = "recipe") -> Path:
    """Write `recipe.yaml`, or `recipe-2.yaml` and so on where another recipe has that name; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        file = folder / (f"{name}.yaml" if number == 1 else f"{name}-{number}.yaml")
        content = text(str(file))
        if not file.exists():
            write_text(file, content)
            return file
        if file.is_file() and file.read_bytes() == content.encode():
            return file
        number += 1


def write_page(file: Path, page: str) -> Path:
    """Write a page in place of an earlier one that was made here; beside it if another program wrote that file."""
    number, free = 1, file
    while free.exists() and MARK not in free.read_text(encoding="utf-8", errors="replace"):
        number += 1
        free = file.with_name(f"{file.stem}-{number}{file.suffix}")
    write_text(free, page)
    return free
