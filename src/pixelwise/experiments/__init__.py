"""Many runs in one folder: grids, searches, folds. Each run is its own process, so nothing here imports torch.

One runner, one folder and one display serve all; the only difference is who proposes the next recipe.
"""
