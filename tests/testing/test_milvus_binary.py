import lzma
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alir.testing import CannotLaunchMilvus
from alir.testing.milvus_binary import package_files, unpack, unpacked_binary


def test_a_missing_package_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setitem(sys.modules, "milvus", None)  # Python's way to say: cannot be imported
    with pytest.raises(CannotLaunchMilvus, match=r"not installed\. .*alir\[dev\]"):
        package_files()


def test_another_platform_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    with pytest.raises(CannotLaunchMilvus, match="this is darwin on arm64"):
        package_files()


def test_the_binary_is_unpacked_with_its_libraries_beside_it(milvus_binary: Path) -> None:
    assert milvus_binary.read_bytes()[:4] == b"\x7fELF"
    assert (milvus_binary.parent / "libknowhere.so").is_file()


def test_a_second_call_unpacks_nothing(milvus_binary: Path) -> None:
    before = milvus_binary.stat()
    assert unpacked_binary(milvus_binary.parent.parent) == milvus_binary
    assert milvus_binary.stat().st_ino == before.st_ino


def test_unpacking_at_once_leaves_one_complete_folder(tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.mkdir()
    for number in range(20):
        (packed / f"file{number}.lzma").write_bytes(lzma.compress(b"content" * 1000))
    unpacked = tmp_path / "cache" / "unpacked"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(unpack, [packed] * 8, [unpacked] * 8))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["unpacked"]
    assert {path.read_bytes() for path in unpacked.iterdir()} == {b"content" * 1000}
    assert len(list(unpacked.iterdir())) == 20


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "packed").mkdir()
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OSError, match="taken"):
        unpack(tmp_path / "packed", tmp_path / "taken")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed", "taken"]
