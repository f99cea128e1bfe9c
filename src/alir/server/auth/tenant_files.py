"""The paths that a caller may name, and the file names of its uploads."""

import os
import unicodedata
from pathlib import Path

from alir.models.file_kinds import kind
from alir.models.files import source_id
from alir.server.auth.caller import Tenant
from alir.server.problems import ProblemException, refusal

MAX_NAME_BYTES = 200
_UNSAFE = frozenset('<>:"|?*')


def resolve_path(given: str, tenant: Tenant) -> Path:
    """Return the real path that a caller names below the tenant's folder.

    Raises:
        ProblemException: It is outside the folder, hidden, or missing.
    """
    folder = tenant.folder
    if "\0" in given:
        raise _outside()
    try:
        real = Path(os.path.realpath(folder / given))
        str(real).encode()  # JSON could not say it
    except (OSError, ValueError) as error:
        raise _outside() from error
    if not real.is_relative_to(folder):
        raise _outside()
    inside = real.relative_to(folder)
    if any(part.startswith(".") for part in inside.parts):
        raise _outside()
    if not os.path.exists(real):  # noqa: PTH110  `Path.exists` raises where it may not look
        detail = f"There is no {inside} in your folder."
        raise refusal(422, "Path Not Found", detail)
    return real


def is_inside(file: Path, tenant: Tenant) -> bool:
    """Return whether a file is below the tenant's folder, also after following links."""
    return Path(os.path.realpath(file)) == file and file.is_relative_to(tenant.folder)


def find_upload(source: str, tenant: Tenant) -> Path | None:
    """Return the file of a source id where a tenant's uploads lie, though no index has it; or None.

    An admin key sees the uploads of all tenants. Blocks.
    """
    for pattern in ("*",) if tenant.name else ("*", "*/*"):
        for file in tenant.folder.glob(pattern):
            if not file.name.startswith(".") and source_id(file) == source and file.is_file():
                return file
    return None


def safe_name(given: str) -> str:
    """Return a safe file name for an upload: the last part, without special characters.

    Raises:
        ProblemException: No name is left, or alir does not read this kind of file.
    """
    last = unicodedata.normalize("NFC", given).replace("\\", "/").rpartition("/")[2]
    plain = (c if c.isprintable() and c not in _UNSAFE else "_" for c in last)
    name = "".join(plain).strip().lstrip(".").strip()
    stem, dot, suffix = name.rpartition(".")
    if not stem or not suffix or len(suffix.encode()) > MAX_NAME_BYTES // 4:
        detail = "A file needs a name with a suffix, such as report.pdf."
        raise refusal(422, "Unusable Name", detail)
    room = MAX_NAME_BYTES - len(dot + suffix.encode().decode()) - 3
    stem = stem.encode("utf-8", "replace")[:room].decode("utf-8", "ignore").rstrip()
    name = f"{stem}{dot}{suffix}"
    if kind(Path(name)) is None:
        raise refusal(415, "Unsupported Media Type", f"alir reads no .{suffix} files.")
    return name


def _outside() -> ProblemException:
    return refusal(403, "Outside", "Name files and folders below your own folder.")
