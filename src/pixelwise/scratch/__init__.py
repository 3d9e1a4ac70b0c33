"""A convolutional network in NumPy, with its backward pass written out.

Read it in this order: `functional` (each function with its gradient directly below), `layers` and `network` (the same
functions with their weights), `optim`, `gradcheck` (how a gradient is tested). Then `fast`: the two
convolutions made for speed.

Two conventions hold everywhere. A picture batch is x of shape (N, C, H, W), in float32 or float64, in any order in memory.
The fast functions store the channels of a pixel side by side ("channels last"); all others keep the order of their inputs.
A forward function returns `(out, cache)`; the cache is a frozen value that its backward
function reads. Nothing in it is overwritten later, so it may be used late, in any order, and more than once.
"""
