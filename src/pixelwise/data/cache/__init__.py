"""A split, decoded and resized once, mapped into memory."""

from pixelwise.data.cache.opening import CachedSplit, ReadSplit, open_split

__all__ = ["CachedSplit", "ReadSplit", "open_split"]
