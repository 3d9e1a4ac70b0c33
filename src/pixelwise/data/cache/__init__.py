"""A split, decoded and resized once, mapped into memory."""

from pixelwise.data.cache.opening import CachedSplit, open_split
from pixelwise.data.cache.reading import ReadSplit

__all__ = ["CachedSplit", "ReadSplit", "open_split"]
