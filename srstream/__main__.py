"""`python -m srstream`, and the installed command."""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line."""
    # Before torch is loaded, since OpenMP reads it then. Between two operations its threads
    # spin for milliseconds by default, and take the processor from each other where other
    # processes are busy: a frame then takes several times as long. Not to spin at all costs
    # a third where none is. A short spin is near the better of the two (bench openmp).
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    # Without it deterministic streams on CUDA are refused by cuBLAS; read before the first
    # operation as well.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    from srstream.cli import app  # noqa: PLC0415 - nothing heavy on import

    app()


if __name__ == "__main__":
    main()
