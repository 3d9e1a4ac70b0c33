"""Many runs in one folder: grids, searches, folds. Each run is a process of its own, so nothing here imports torch.

One runner, one folder and one display serve all; the only difference is who proposes the next recipe.
"""
