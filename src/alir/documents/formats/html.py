"""HTML: the title and the visible text."""

import re
from typing import Any

from inscriptis.css_profiles import STRICT_CSS_PROFILE
from inscriptis.html_engine import Inscriptis
from inscriptis.html_properties import Display
from inscriptis.model.config import ParserConfig
from inscriptis.model.html_element import HtmlElement
from inscriptis.model.tag import CustomHtmlTagHandlerMapping
from lxml.etree import ErrorTypes, ParserError
from lxml.html import HTMLParser, document_fromstring

from alir.documents.formats import blocks, stream
from alir.documents.formats.source import OpenDocument
from alir.models.reading import Cursor, Reading

_DECLARED = re.compile(
    rb"""<meta[^>]{1,200}?charset\s*=\s*["']?\s*([\w.:-]+)"""
    rb"""|<\?xml[^>]{1,200}?encoding\s*=\s*["']([\w.:-]+)""",
    re.IGNORECASE,
)
_UNSEEN = ("audio", "canvas", "object", "svg", "template", "video")
_BLOCKS = (
    "caption center dd details dialog dir dl dt fieldset form legend menu noscript optgroup option "
    "section summary table tr"
)
_TABLE_TAGS = dict.fromkeys(("table", "tr", "td", "th"))
_CONFIG = ParserConfig(
    # inscriptis runs elements it does not know into one word: <dt>a</dt><dd>b</dd> gives "ab".
    css=STRICT_CSS_PROFILE
    | {tag: HtmlElement(display=Display.block) for tag in _BLOCKS.split()}
    | {tag: HtmlElement(display=Display.none) for tag in _UNSEEN},
    # It pads table cells to the width of the widest: 0.6 MB of HTML can make 40 MB of spaces.
    custom_html_tag_handler_mapping=CustomHtmlTagHandlerMapping(_TABLE_TAGS, _TABLE_TAGS),
)
# Each list in a list is indented further: without an end to that, 0.4 MB can make 70 MB of spaces.
_MAX_INDENT = 40
_DEEP_LINE = re.compile(rf"^ {{{_MAX_INDENT + 1},}}", re.MULTILINE)
_TOO_DEEP = "nests its elements too deeply to be read"


def read(source: OpenDocument, _at: Cursor | None, _budget_chars: int) -> Reading:
    """Return all text of the page, in blocks; a table row is a line "a | b | c"."""
    if declared := _DECLARED.search(source.head):
        claim = (declared[1] or declared[2]).decode()
    else:
        claim = ""
    text = _visible(source, stream.whole(source, "an HTML page", claim))
    return Reading(list(blocks.segments(text)), None)


def _visible(source: OpenDocument, markup: str) -> str:
    # huge_tree: by default everything nested more than 256 deep is dropped without a word.
    parser = HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        page = document_fromstring(markup.encode(), parser=parser)
    except ParserError:
        return ""  # nothing but white space and comments
    if parser.error_log.filter_types(ErrorTypes.ERR_RESOURCE_LIMIT):
        raise source.refuse(_TOO_DEEP)
    for row in page.iter("tr"):
        for cell in list(row.iterchildren("td", "th"))[1:]:
            cell.text = f" | {cell.text or ''}"
    try:
        body = Inscriptis(page, _CONFIG).get_text()
    except RecursionError as exc:
        raise source.refuse(_TOO_DEEP) from exc
    lines = (line.rstrip() for line in _DEEP_LINE.sub(" " * _MAX_INDENT, body).split("\n"))
    text = "\n".join(lines).strip("\n")
    title = _title(page)
    return text if title in text else f"{title}\n\n{text}"


def _title(page: Any) -> str:
    element = page.find("head/title")
    return "" if element is None else " ".join(element.text_content().split())
