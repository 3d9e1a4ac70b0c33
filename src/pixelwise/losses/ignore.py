"""What does not count."""

IGNORE = -1
"""The target index of pixels (or pictures) that do not count: they add nothing to either part of a term."""
