"""Writing what an export says into a folder in the layouts of pixelwise, with the proof of what it has kept."""
