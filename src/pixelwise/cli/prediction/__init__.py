"""What `pixelwise predict` does: which pictures, what is written of each, what is told of all."""
