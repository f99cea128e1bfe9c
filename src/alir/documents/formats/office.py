"""Recognise Office files by their container: a zip archive or an OLE compound file."""

import zipfile

from alir.documents.formats.source import OpenDocument

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_OTHER_ZIPS = {
    "xl/workbook.xml": "is an Excel workbook; save its sheets as CSV and ingest those",
    "xl/workbook.bin": "is an Excel workbook; save its sheets as CSV and ingest those",
    "ppt/presentation.xml": "is a PowerPoint presentation; save it as PDF and ingest that",
    "META-INF/container.xml": "is an EPUB book; save it as HTML or PDF and ingest that",
    "content.xml": "is an OpenDocument file; save it as DOCX or PDF and ingest that",
}
_OLE_STREAMS = {
    "EncryptedPackage": "is password-protected; remove the password and ingest again",
    "WordDocument": "is a legacy Word document; save it as .docx and ingest again",
    "Workbook": "is a legacy Excel workbook; save its sheets as CSV and ingest those",
    "PowerPoint Document": "is a legacy PowerPoint presentation; save it as PDF and ingest that",
}


def zip_reason(archive: zipfile.ZipFile, suffix: str) -> str | None:
    """Return why an archive is not read; None for a Word document."""
    names = set(archive.namelist())
    if any(name.startswith("word/") for name in names):
        return None
    for name, reason in _OTHER_ZIPS.items():
        if name in names:
            return reason
    if suffix == ".docx":
        return "is named .docx but is a ZIP archive of something else"
    return "is binary (ZIP archive), not a document alir reads"


def ole_reason(source: OpenDocument) -> str:
    """Return why an OLE compound file is not read: encrypted, legacy Office or another kind."""
    # Microsoft, [MS-CFB] 2.2: the sector size's exponent, the directory's first sector.
    exponent = min(int.from_bytes(source.head[30:32], "little"), 12)
    sector = int.from_bytes(source.head[48:52], "little")
    source.file.seek((sector + 1) << exponent)
    directory = source.file.read(8192)
    for name, reason in _OLE_STREAMS.items():
        if f"{name}\0".encode("utf-16-le") in directory:
            return reason
    return "is binary (legacy Office file), not a document alir reads"
