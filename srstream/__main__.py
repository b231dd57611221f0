"""`python -m srstream`, and the installed command."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from srstream.cli import app  # noqa: PLC0415 - nothing heavy on import

    app()


if __name__ == "__main__":
    main()
