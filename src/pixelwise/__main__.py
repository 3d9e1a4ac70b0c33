"""`python -m pixelwise` and the `pixelwise` command."""


def main() -> None:
    from pixelwise.cli import app

    app()


if __name__ == "__main__":
    main()
