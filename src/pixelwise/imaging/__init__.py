"""Pixels: files, colours, drawings."""
