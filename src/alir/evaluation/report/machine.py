"""The machine that a figure was measured on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "alir",
    "llama-index-core",
    "llama-index-workflows",
    "llama-index-vector-stores-milvus",
    "llama-index-embeddings-huggingface",
    "pymilvus",
    "milvus-lite",
    "grpcio",
    "sentence-transformers",
    "torch",
    "numpy",
)


def describe() -> dict[str, Any]:
    """Return what the JSON of a report says of the machine, with its present load.

    `cpu`, `cores`, `memory_gib`, `os`, `python`, `packages` (name to version) and `load_average`
    (of 1, 5 and 15 minutes).
    """
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "os": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
