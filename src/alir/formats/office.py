"""What an Office file holds, told from its container: a zip archive or an OLE compound file."""

import zipfile

from alir.formats.source import Source

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

UNPACKED_BYTES = 512 * 1024 * 1024
"""The most a DOCX may unpack to, pictures included."""
XML_BYTES = 64 * 1024 * 1024
"""The most one XML part of a DOCX may unpack to; a parsed tree takes several times that."""

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


def check_is_docx(source: Source) -> None:
    """Raises: UnreadableFile for an archive that is not a DOCX, or unpacks to an absurd size."""
    try:
        with zipfile.ZipFile(source.file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as exc:
        what = "DOCX" if source.suffix == ".docx" else "ZIP archive"
        raise source.refuse(f"is a damaged or truncated {what}") from exc
    names = {member.filename for member in members}
    for name, reason in _OTHER_ZIPS.items():
        if name in names and source.suffix != ".docx":
            raise source.refuse(reason)
    if "word/vbaProject.bin" in names:
        raise source.refuse("is a Word document with macros; save it as .docx and ingest again")
    # Some programs call the main part document2.xml.
    if not any(name.startswith("word/document") for name in names):
        if source.suffix == ".docx":
            raise source.refuse("is named .docx but is a ZIP archive of something else")
        raise source.refuse("is binary (ZIP archive), not a document alir reads")
    # Python reads no more of a member than it declares.
    largest = max(member.file_size for member in members if _is_xml(member.filename))
    if largest > XML_BYTES or sum(member.file_size for member in members) > UNPACKED_BYTES:
        raise source.refuse("unpacks to more than alir accepts of a DOCX; split it")


def ole_reason(source: Source) -> str:
    """Why an OLE compound file is not read: encrypted, legacy Office or something else."""
    # Microsoft, [MS-CFB] 2.2: the sector size's exponent, the directory's first sector.
    exponent = min(int.from_bytes(source.head[30:32], "little"), 12)
    sector = int.from_bytes(source.head[48:52], "little")
    source.file.seek((sector + 1) << exponent)
    directory = source.file.read(8192)
    for name, reason in _OLE_STREAMS.items():
        if f"{name}\0".encode("utf-16-le") in directory:
            return reason
    return "is binary (legacy Office file), not a document alir reads"


def _is_xml(name: str) -> bool:
    return name.lower().endswith((".xml", ".rels"))
