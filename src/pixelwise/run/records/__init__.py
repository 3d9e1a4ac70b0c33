"""Readers of a run folder that do not trust its author: plain files, strict JSON, one schema for each file."""
