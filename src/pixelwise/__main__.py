"""`python -m pixelwise` and the `pixelwise` command."""

import gc
import sys


def main() -> None:
    if sys.argv[1:2] == ["list"]:
        gc.disable()  # it ends before there is garbage worth a sixth of its time
    from pixelwise.run.blas import choose_kernels

    choose_kernels()  # before anything loads NumPy
    from pixelwise.cli import app

    app()


if __name__ == "__main__":
    main()
