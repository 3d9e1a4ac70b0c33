"""The entries of a cache folder, for tests of it."""

from __future__ import annotations

from pathlib import Path


def entries(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.rglob("about.json"))


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part")) if folder.exists() else []
