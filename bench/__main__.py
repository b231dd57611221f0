"""`python -m bench CASE`: run one case, print its tables, write its figures."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.arguments import add_arguments, options_from
from bench.cases import CASES, module_of

_WAYS = """\
  python -m bench CASE --help        what a case measures, and its options
  python -m bench control --data DIR
  python -m bench paper --data DIR --pictures 3 --steps 50
  python -m bench quality --data DIR
  python -m bench compare --data DIR --peers DIR
  python -m bench daemon --json bench/results/MACHINE-daemon.json

DIR holds data sets as folders of PNG files: set5, set14, general100.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the case that the arguments name; return the exit status."""
    if arguments and arguments[0] in CASES:
        return _run(arguments[0], import_module(module_of(arguments[0])), arguments[1:])
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=f"{__doc__}\n\ncases:\n{_list_of_cases()}",
        epilog=_WAYS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("case", metavar="CASE", choices=CASES, help="one of the above")
    parser.parse_args(arguments or ["--help"])
    return 0


def _run(name: str, case: Any, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"python -m bench {name}",
        description=case.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser, case.Options)
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write figures and machine to this file"
    )
    given = parser.parse_args(arguments)
    try:
        options = options_from(given, case.Options)
    except ValueError as error:
        parser.error(str(error))

    # Heavy: torch.
    from bench.report import show, write_json  # noqa: PLC0415
    from srstream.engine import prepare_thread  # noqa: PLC0415
    from srstream.runtime.allocator import keep_freed_memory  # noqa: PLC0415
    from srstream.runtime.cpus import usable_cpus  # noqa: PLC0415

    keep_freed_memory()  # as the daemon does: else every large block is faulted in anew
    prepare_thread(usable_cpus())
    try:
        report = case.run(options)
    except (OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    show(report)
    if given.json is not None:
        write_json(given.json, name, options, report)
    return 0


def _list_of_cases() -> str:
    return "\n".join(f"  {name:<13}{summary}" for name, summary in CASES.items())


if __name__ == "__main__":
    # As the command itself does, before torch is loaded: see `bench openmp`.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    sys.exit(main(sys.argv[1:]))
