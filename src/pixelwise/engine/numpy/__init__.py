"""The engine that computes with the NumPy network (pixelwise.scratch). Nothing here imports torch."""
