"""One step downhill: optimizers, learning rates, the update itself."""
