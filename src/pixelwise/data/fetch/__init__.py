"""Bringing data sets from their publishers: addresses with checksums, download, careful unpacking."""

from pixelwise.data.fetch.download import ADDRESSES, Archive, fetch

__all__ = ["ADDRESSES", "Archive", "fetch"]
