"""Many runs in one folder: grids, searches, folds. Each run is its own process, so nothing here imports torch.

All of them use the same runner, folder and display; they differ only in how the next recipe is proposed.
"""
