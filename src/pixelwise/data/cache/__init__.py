"""A split, decoded and resized once, mapped into memory."""

from pixelwise.data.cache.opening import CachedSplit, open_split

__all__ = ["CachedSplit", "open_split"]
