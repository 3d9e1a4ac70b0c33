"""A convolutional network in plain NumPy, its backward pass written out."""
