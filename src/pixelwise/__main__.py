"""`python -m pixelwise` and the `pixelwise` command."""


def main() -> None:
    from pixelwise.run.blas import choose_kernels

    choose_kernels()  # before anything loads NumPy
    from pixelwise.cli import app

    app()


if __name__ == "__main__":
    main()
