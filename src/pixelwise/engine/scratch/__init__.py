"""The NumPy network bound to data sets, metrics, recipes and run folders. Nothing here imports torch."""
