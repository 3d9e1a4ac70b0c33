"""Writes an export as a folder in one of pixelwise's layouts, with a comparison that shows what was kept."""
