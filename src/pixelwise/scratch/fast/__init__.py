"""Fast convolution: two algorithms, and the memory and threads that they share.

`unfold` takes any kernel and stride, `winograd` 3×3 with stride 1 in a quarter of the multiplications. Both compute
what `functional.conv2d` computes, band by band (`bands`) in memory that is reused (`workspace`).
"""
