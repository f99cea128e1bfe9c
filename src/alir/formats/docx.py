"""DOCX: paragraphs and tables in document order, then the notes.

python-docx opens the package. Its `Paragraph.text` and `iter_inner_content` leave out tracked
insertions, content controls and text boxes, so the text is taken from the XML itself.
"""

from collections.abc import Iterator
from typing import Any

import docx
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml.ns import qn
from docx.oxml.parser import parse_xml

from alir.formats import blocks, office
from alir.formats.source import Source
from alir.models import Cursor, Reading

_TEXT = frozenset((qn("w:t"), qn("m:t")))
_INSTEAD = {
    qn("w:tab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
# Deleted, moved away, pronunciation, properties; a fallback repeats its alternative.
_SKIPPED = frozenset(
    (
        *(qn(f"w:{name}") for name in ("del", "moveFrom", "rt", "pPr", "rPr", "tblPr", "sdtPr")),
        "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    )
)
_PARAGRAPH, _ROW, _CELL = qn("w:p"), qn("w:tr"), qn("w:tc")
_NOTES = (RELATIONSHIP_TYPE.FOOTNOTES, RELATIONSHIP_TYPE.ENDNOTES)


def read(source: Source, _at: Cursor | None, _budget_chars: int) -> Reading:
    """All of the document's text, in blocks; a table row is a line "a | b | c"."""
    office.check_is_docx(source)
    try:
        document = docx.Document(source.file)
        lines = [*_lines(document.element.body)]
        for relation in document.part.rels.values():
            if relation.reltype in _NOTES and not relation.is_external:
                lines += _lines(parse_xml(relation.target_part.blob))
    except RecursionError as exc:
        raise source.refuse("nests its elements too deeply to be read") from exc
    return Reading(list(blocks.segments("\n".join(lines))), None)


def _lines(container: Any) -> Iterator[str]:
    """The paragraphs and table rows in `container`, however deep; empty ones are left out."""
    for child in container:
        if child.tag == _PARAGRAPH:
            if text := _paragraph(child).strip():
                yield text
        elif child.tag == _ROW:
            cells = [" ".join(" ".join(_lines(cell)).split()) for cell in _cells(child)]
            if any(cells):
                yield " | ".join(cells)
        elif child.tag not in _SKIPPED:
            yield from _lines(child)


def _cells(row: Any) -> Iterator[Any]:
    for child in row:
        if child.tag == _CELL:
            yield child
        elif child.tag not in _SKIPPED:
            yield from _cells(child)


def _paragraph(element: Any) -> str:
    parts: list[str] = []
    for child in element:
        if child.tag in _TEXT:
            parts.append(child.text or "")
        elif child.tag in _INSTEAD:
            parts.append(_INSTEAD[child.tag])
        elif child.tag == _PARAGRAPH:  # in a text box
            parts.append(f"\n{_paragraph(child)}\n")
        elif child.tag not in _SKIPPED:
            parts.append(_paragraph(child))
    return "".join(parts)
