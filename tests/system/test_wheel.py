"""The wheel: it builds, holds the package alone, and runs from where it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what builds the wheel."""
    folder = tmp_path_factory.mktemp("backend")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = project["build-system"]["requires"]
    done = run([*PIP, "install", "--target", str(folder), *needed], cwd=folder)
    if done.returncode:
        pytest.skip(f"{needed} cannot be fetched: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.fixture(scope="module")
def wheel(backend: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-cache-dir"]
    done = run([*build, "--wheel-dir", str(folder), str(ROOT)], cwd=folder, path=backend)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def run(
    command: Sequence[str], *, cwd: Path, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run to the end, with this folder before all others that are imported from."""
    environ = {key: v for key, v in os.environ.items() if not key.startswith("SRSTREAM_")}
    if path is not None:
        environ["PYTHONPATH"] = str(path)
    return subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    beside = {name for name in names if ".dist-info/" not in name}
    sources = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "srstream").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert beside == sources
    assert "srstream/py.typed" in beside
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_what_the_wheel_installs_runs(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    command = [*PIP, "install", "--no-deps", "--target", str(installed), str(wheel)]
    done = run(command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    where = [sys.executable, "-c", "import srstream; print(srstream.__file__)"]
    done = run(where, cwd=tmp_path, path=installed)
    assert Path(done.stdout.strip()).is_relative_to(installed)

    version = wheel.name.split("-")[1]
    program = [sys.executable, "-m", "srstream"]
    done = run([*program, "version"], cwd=tmp_path, path=installed)
    assert done.stdout == f"srstream {version}\n"

    reference = str(ROOT / "config" / "reference.toml")
    done = run([*program, "config", "check", reference], cwd=tmp_path, path=installed)
    assert done.returncode == 0, done.stderr
