"""Bringing data sets from their publishers: addresses with checksums, download, careful unpacking."""

from pixelwise.data.fetch.addresses import ADDRESSES, Archive
from pixelwise.data.fetch.download import fetch

__all__ = ["ADDRESSES", "Archive", "fetch"]
