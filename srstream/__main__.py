"""`python -m srstream`, and the installed command."""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line."""
    # Before torch is loaded, since OpenMP reads it then. By default the threads of one
    # operation spin until the next; beside another busy process they then take the
    # processor from each other, and a frame took thirty times as long (bench openmp).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from srstream.cli import app  # noqa: PLC0415 - nothing heavy on import

    app()


if __name__ == "__main__":
    main()
