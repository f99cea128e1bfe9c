"""The wheel: what is in it, and that alir works from it where nothing else of the checkout is."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "alir"
NOT_FOR_USERS = {"bench", "benchmarks", "conftest.py", "examples", "soak", "tests"}

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def alir(wheel: Path) -> Command:
    """Run `alir` from the wheel, among all packages of this Python but alir's own."""
    unpacked, others = wheel.with_name("unpacked"), wheel.with_name("others")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    others.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("alir", "_alir", "__editable__")):
            (others / path.name).symlink_to(path)
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("ALIR_")}
    environment["PYTHONPATH"] = f"{unpacked}{os.pathsep}{others}"

    def run(*arguments: object, cwd: Path) -> "subprocess.CompletedProcess[str]":
        # -S: without the site-packages of this Python, where alir is installed.
        command = [sys.executable, "-S", "-m", "alir", *map(str, arguments)]
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_the_wheel_holds_the_package_whole_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    ours = {path.relative_to(SOURCE.parent).as_posix() for path in SOURCE.rglob("*.*")}
    sources = {name for name in ours if "__pycache__" not in name}
    assert {name for name in names if ".dist-info/" not in name} == sources
    parts = {part for name in names for part in Path(name).parts}
    assert parts & NOT_FOR_USERS == set()
    assert [part for part in parts if part.startswith("test_")] == []


def test_the_wheel_installs_one_program_and_no_further_command(wheel: Path) -> None:
    points = ConfigParser()
    with zipfile.ZipFile(wheel) as archive:
        [file] = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
        points.read_string(archive.read(file).decode())

    assert {name: dict(points[name]) for name in points.sections()} == {
        "console_scripts": {"alir": "alir.cli.main:main"}
    }


def test_alir_from_the_wheel_has_no_bench(alir: Command, tmp_path: Path) -> None:
    shown = alir("--help", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "ingest" in shown.stdout
    assert "bench" not in shown.stdout

    refused = alir("bench", cwd=tmp_path)
    assert refused.returncode == 2
    assert "No such command 'bench'" in refused.stderr


def test_alir_from_the_wheel_answers_from_a_file(alir: Command, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes((ROOT / "README.md").read_bytes())

    question = "What happens to a file that cannot be read?"
    answered = alir("ask", "--source", "README.md", question, cwd=tmp_path)

    assert answered.returncode == 0, answered.stderr
    assert "[1] README.md, characters " in answered.stdout
