"""The arithmetic of convolution: shapes, counts, receptive fields, matrices, and exercises by hand."""
