"""A grid of runs: each is a process of its own, `pixelwise train`, so nothing here imports torch."""
