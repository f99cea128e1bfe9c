from pathlib import Path

import pytest

from alir.models.file_kinds import kind


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("notes.txt", "text"),
        ("server.LOG", "text"),
        ("config.yaml", "text"),
        ("README.md", "markdown"),
        ("index.HTM", "html"),
        ("report.PDF", "pdf"),
        ("letter.docx", "docx"),
        ("letter.doc", "docx"),
        ("table.csv", "csv"),
        ("table.tsv", "csv"),
        ("data.json", "json"),
        ("data.jsonl", "json"),
        ("app.py", "code"),
        ("app.ts", "code"),
        ("main.rs", "code"),
        ("App.java", "code"),
        ("query.sql", "code"),
        ("script.sh", "code"),
        ("archive.2024.txt", "text"),
        ("README", "unknown"),
        ("Makefile", "unknown"),
        (".gitignore", "unknown"),
        ("notes.whatever", "unknown"),
        ("café.été", "unknown"),
    ],
)
def test_a_name_tells_the_kind_to_read(name: str, expected: str) -> None:
    assert kind(Path("some.pdf") / name) == expected


NOT_DOCUMENTS = """
    a.png a.JPG a.svg a.webp a.heic a.mp3 a.flac a.mp4 a.mkv a.woff2 a.ttf a.zip a.tar.gz a.7z a.whl
    a.exe a.so a.dll a.pyc a.class a.wasm a.sqlite3 a.db a.parquet a.npy a.safetensors a.pt a.gguf
    a.xlsx a.xls a.pptx a.odt a.rtf a.epub a.psd .DS_Store Thumbs.db
"""


@pytest.mark.parametrize("name", NOT_DOCUMENTS.split())
def test_a_name_known_to_be_no_document_has_no_kind(name: str) -> None:
    assert kind(Path(name)) is None
