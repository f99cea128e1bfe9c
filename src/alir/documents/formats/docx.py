"""DOCX: paragraphs and tables in document order, then the notes.

Read from the XML itself. python-docx leaves out tracked insertions, content controls, text boxes
and notes, unpacks every picture into memory, and trusts the sizes an archive declares.
"""

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from lxml import etree

from alir.documents.formats import blocks, office
from alir.documents.formats.source import OpenDocument
from alir.models.reading import Cursor, Reading

XML_BYTES = 64 * 1024 * 1024
"""Largest size of an unpacked XML part; its parsed tree takes several times that."""

# Names without their namespace: it differs between Transitional and Strict (ECMA-376).
_INSTEAD = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
# Deleted, moved away, pronunciation, properties; a fallback repeats its alternative.
_SKIPPED = frozenset({"del", "moveFrom", "rt", "pPr", "rPr", "tblPr", "sdtPr", "Fallback"})
_NOTES = ("/footnotes", "/endnotes")
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    etree.XMLSyntaxError,
    EOFError,
    KeyError,  # a part that is not there
    NotImplementedError,  # a compression Python does not know
    ValueError,
)


def read(source: OpenDocument, _at: Cursor | None, _budget_chars: int) -> Reading:
    """Return all text of the document, in blocks; a table row is a line "a | b | c"."""
    try:
        with zipfile.ZipFile(source.file) as archive:
            if reason := office.zip_reason(archive, source.suffix):
                raise source.refuse(reason)
            lines = list(_document(source, archive))
    except _DAMAGE as exc:
        what = "DOCX" if source.suffix == ".docx" else "ZIP archive"
        raise source.refuse(f"is a damaged or truncated {what}; get a whole one") from exc
    except RecursionError as exc:
        raise source.refuse("nests its elements too deeply to be read") from exc
    return Reading(list(blocks.segments("\n".join(lines))), None)


def _document(source: OpenDocument, archive: zipfile.ZipFile) -> Iterator[str]:
    (main,) = _related(source, archive, "", ("/officeDocument",))
    yield from _lines(_xml(source, archive, main))
    for notes in dict.fromkeys(_related(source, archive, main, _NOTES)):
        yield from _lines(_xml(source, archive, notes))


def _related(
    source: OpenDocument, archive: zipfile.ZipFile, part: str, kinds: tuple[str, ...]
) -> Iterator[str]:
    """Return the parts that `part` refers to as one of `kinds`; "" is the package."""
    folder, name = posixpath.split(part)
    relations = posixpath.join(folder, "_rels", f"{name}.rels")
    if relations not in archive.namelist():
        return
    for relation in _xml(source, archive, relations):
        inside = relation.get("TargetMode") != "External"
        if inside and str(relation.get("Type")).endswith(kinds):
            target = posixpath.join("/", folder, str(relation.get("Target")))
            yield posixpath.normpath(target).lstrip("/")


def _xml(source: OpenDocument, archive: zipfile.ZipFile, name: str) -> Any:
    member = archive.getinfo(name)
    if member.file_size > XML_BYTES:
        raise source.refuse(f"unpacks to {member.file_size >> 20} MB of text; split it")
    if member.flag_bits & 1:
        raise source.refuse("is password-protected; remove the password and ingest again")
    with archive.open(member) as file:
        # With a size, so that no more is unpacked than is declared.
        content = file.read(member.file_size + 1)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(content, parser)
    if root.getroottree().docinfo.internalDTD is not None:
        # Forbidden by ECMA-376-2, 8.1.4; an entity would swallow the text around it.
        raise source.refuse("declares XML entities, as no Word document does; save it again")
    return root


def _lines(container: Any) -> Iterator[str]:
    """Yield the paragraphs and table rows in `container`, at any depth, without empty ones."""
    for name, child in _children(container):
        if name == "p":
            if text := _paragraph(child).strip():
                yield text
        elif name == "tr":
            cells = [" ".join(" ".join(_lines(cell)).split()) for cell in _cells(child)]
            if any(cells):
                yield " | ".join(cells)
        else:
            yield from _lines(child)


def _cells(row: Any) -> Iterator[Any]:
    for name, child in _children(row):
        if name == "tc":
            yield child
        else:
            yield from _cells(child)


def _paragraph(element: Any) -> str:
    parts: list[str] = []
    for name, child in _children(element):
        if name == "t":
            parts.append(child.text or "")
        elif name in _INSTEAD:
            parts.append(_INSTEAD[name])
        elif name == "p":  # in a text box
            parts.append(f"\n{_paragraph(child)}\n")
        else:
            parts.append(_paragraph(child))
    return "".join(parts)


def _children(element: Any) -> Iterator[tuple[str, Any]]:
    for child in element.iterchildren(etree.Element):
        name = child.tag.rpartition("}")[2]
        if name not in _SKIPPED:
            yield name, child
