"""pixelwise: convolutional vision, from the arithmetic of one convolution to whole labelled pictures."""

__version__ = "0.1.0"
