"""The arithmetic of convolution: what a network costs, sees and is."""
