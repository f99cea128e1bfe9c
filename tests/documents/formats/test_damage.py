"""Whatever happens to a file's bytes, the only error is UnreadableFile."""

import io
import random
from collections.abc import Callable
from pathlib import Path

import docx
import pytest

from alir.documents.formats import read
from alir.errors import UnreadableFile


def docx_bytes() -> bytes:
    document = docx.Document()
    document.add_paragraph("some words")
    document.add_table(1, 2).cell(0, 0).text = "cell"
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>> endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R
/Resources<</Font<</F1 5 0 R>>>>>> endobj
4 0 obj<</Length 33>>stream
BT /F1 9 Tf 9 9 Td (words)Tj ET  
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Times>> endobj
trailer<</Root 1 0 R>>
startxref
0
%%EOF
"""  # noqa: W291
WHOLE: dict[str, Callable[[], bytes]] = {
    "a.pdf": lambda: PDF,
    "a.docx": docx_bytes,
    "a.html": lambda: b"<title>T</title><table><tr><td>a<td>b</table><ol><li>x</ol><pre>y</pre>",
    "a.csv": lambda: b'a,b\n1,"c\nd"\n2,e\n',
    "a.json": lambda: b'{"a": [1, 2.5, null], "b": "\xc3\xa9"}',
    "a.txt": lambda: "déjà vu 検索\r\n".encode() * 5,
}


def damaged(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice([1, 3, 20])):
        position = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[position] = chance.randrange(256)
            case 1:
                del changed[position : position + chance.randrange(1, 40)]
            case 2:
                changed[position:position] = changed[: chance.randrange(1, 40)]
            case _:
                del changed[max(position, len(changed) // 2) :]
        changed = changed or bytearray(b"x")
    return bytes(changed)


def refusal(path: Path) -> str | None:
    """Why `path` is not read; None if it is."""
    try:
        segments = read(path).segments
    except UnreadableFile as exc:
        return exc.reason
    assert all(segment.text.encode() for segment in segments)
    return None


@pytest.mark.parametrize("name", WHOLE)
def test_damage_of_any_kind_is_an_unreadable_file_or_still_text(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = WHOLE[name]()
    path.write_bytes(content)
    assert refusal(path) is None
    chance = random.Random(11)  # noqa: S311
    reasons = []
    for _ in range(150):
        path.write_bytes(damaged(content, chance))
        reasons.append(refusal(path))
    assert any(reasons)
    assert all("\n" not in reason for reason in reasons if reason)
