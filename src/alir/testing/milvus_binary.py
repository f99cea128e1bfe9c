"""Find the Milvus standalone binary in the PyPI package `milvus`, and unpack it once."""

import lzma
import platform
import shutil
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from platformdirs import user_cache_path

from alir.errors import ConfigError


class CannotLaunchMilvus(ConfigError):
    """A real Milvus cannot be started on this machine, or without the package."""

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem = problem
        super().__init__(f"Cannot start a Milvus server: {problem}. {remedy}")


def package_files() -> Path:
    """Return the folder of the package's files: the packed binary and its configuration.

    Raises CannotLaunchMilvus where the package is missing or its binary would not run.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise CannotLaunchMilvus(
            f"its binary is for Linux on x86-64, and this is {sys.platform} on "
            f"{platform.machine()}",
            "Run this on such a machine, or use Milvus Lite or a server in Docker.",
        )
    # Not imported: importing it creates two servers, which stop at exit.
    spec = find_spec("milvus")
    files = Path(spec.origin).parent / "data" if spec and spec.origin else None
    if files is None or not (files / "bin" / "milvus.lzma").is_file():
        raise CannotLaunchMilvus(
            "the PyPI package milvus, which carries its binary, is not installed",
            "Install it: pip install 'alir[dev]' (or milvus==2.3.5).",
        )
    return files


def unpacked_binary(cache_dir: Path | None = None) -> Path:
    """Return the path of the `milvus` binary, its libraries beside it; unpack it the first time.

    Its 246 MB live in `cache_dir`, by default alir's folder in the user's cache. Processes may
    call this at once: each unpacks on its own, and the first to rename its folder wins.
    """
    packed = package_files() / "bin"
    unpacked = (cache_dir or user_cache_path("alir")) / f"milvus-{version('milvus')}"
    if not unpacked.is_dir():
        unpack(packed, unpacked)
    return unpacked / "milvus"


def unpack(packed: Path, unpacked: Path) -> None:
    """Unpack every .lzma file of one folder into another, which appears when it is complete."""
    unpacked.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=unpacked.parent, prefix="unpacking-") as scratch:
        fresh = Path(scratch) / "fresh"
        fresh.mkdir()
        for file in packed.glob("*.lzma"):
            target = fresh / file.stem
            with lzma.open(file) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            target.chmod(0o755)
        try:
            fresh.rename(unpacked)
        except OSError:
            if not unpacked.is_dir():  # not another process's work, then: a real failure
                raise
