"""Encodings: found, or the file is refused; never mangled."""

from pathlib import Path

import pytest

from alir.documents.formats import document_text
from alir.errors import UnreadableFile

TEXTS = {
    "fr": "Voilà l'été : les élèves français dînent à l'hôtel, près du château. Où êtes-vous ?\n",
    "de": "Die Bürger hören schöne Grüße aus München, über die Straße läuft der Fußgänger.\n",
    "es": "El niño comió mañana en la estación; ¿qué pasó después? España está aquí, según él.\n",
    "it": "Perché è così? La città è più bella di giorno, però la verità è che non lo so.\n",
    "pt": "São Paulo não é a capital; a estação fica à direita, avó e avô já vêm com pão.\n",
    "sv": "Smörgåsbord på svenska är gott, och många åker gärna över ån till en ö.\n",
    "da": "Æbler og øl på dansk er dejligt, når man går langs åen om søndagen.\n",
    "nl": "Hij had er één, en zij had er één.\n",
    "pl": "Zażółć gęślą jaźń. Wczoraj poszliśmy do księgarni, żeby kupić książkę o Łodzi.\n",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy. Včera jsme šli do města koupit houby.\n",
    "hu": "Árvíztűrő tükörfúrógép. Tegnap elmentünk a könyvesboltba, és vettünk egy könyvet.\n",
    "tr": "Dün büyük bir kitapçıya gittik ve Türkiye tarihi hakkında birçok kitap aldık.\n",
    "ru": "Вчера мы ходили в большой магазин и купили много интересных книг по истории России.\n",
    "el": "Χθες πήγαμε στο μεγάλο βιβλιοπωλείο και αγοράσαμε πολλά βιβλία για την ιστορία.\n",
    "he": "אתמול הלכנו לחנות ספרים גדולה וקנינו ספרים רבים על ההיסטוריה של ישראל.\n",
    "ar": "ذهبنا أمس إلى مكتبة كبيرة واشترينا العديد من الكتب عن تاريخ العرب.\n",
    "zh": "昨天我们去了一家很大的书店,买了许多关于中国历史的书籍。检索增强生成很有用。\n",
    "zh-TW": "昨天我們去了一家很大的書店,買了許多關於中國歷史的書籍。檢索增強生成很有用。\n",
    "ja": "昨日、私たちは大きな本屋に行って、日本の歴史についての本をたくさん買いました。\n",
    "ko": "어제 우리는 큰 서점에 가서 한국 역사에 관한 많은 책을 샀습니다. 매우 유용합니다.\n",
}
LEGACY = [
    *((language, "cp1252") for language in ("fr", "de", "es", "it", "pt", "sv", "da", "nl")),
    ("fr", "latin-1"),
    ("fr", "iso8859-15"),
    ("pl", "cp1250"),
    ("pl", "iso8859-2"),
    ("cs", "cp1250"),
    ("cs", "iso8859-2"),
    ("hu", "cp1250"),
    ("tr", "cp1254"),
    ("ru", "cp1251"),
    ("ru", "koi8-r"),
    ("el", "cp1253"),
    ("he", "cp1255"),
    ("ar", "cp1256"),
    ("zh", "gb18030"),
    ("zh-TW", "big5"),
    ("ja", "shift-jis"),
    ("ja", "euc-jp"),
    ("ja", "iso2022-jp"),
    ("ko", "euc-kr"),
]


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("language", "encoding"), LEGACY)
@pytest.mark.parametrize("lines", [1, 50])
def test_a_text_in_its_language_s_legacy_encoding_is_read_right(
    tmp_path: Path, language: str, encoding: str, lines: int
) -> None:
    text = TEXTS[language] * lines
    assert document_text(write(tmp_path / "file.txt", text.encode(encoding))) == text


@pytest.mark.parametrize("text", ["café", "Été à la plage", "Grüße", "Perché è così?", "naïve\n"])
def test_a_few_accents_in_a_short_text_are_western(tmp_path: Path, text: str) -> None:
    assert document_text(write(tmp_path / "file.txt", text.encode("latin-1"))) == text


def test_accents_of_many_languages_in_a_list_are_western(tmp_path: Path) -> None:
    text = "".join(f"{char} is a letter\n" for char in "ÀÁÃÄÇÈÍÏÑÓÔÕÖÙÚÜÝàáãäçèíïñóôõöùúüýÿæø")
    assert document_text(write(tmp_path / "file.txt", text.encode("latin-1"))) == text


def test_single_chinese_characters_among_digits_are_chinese(tmp_path: Path) -> None:
    text = "2020年1月1日, 2021年2月2日\n" * 3
    assert document_text(write(tmp_path / "file.txt", text.encode("gb18030"))) == text


def test_one_accent_late_in_a_long_ascii_file_decides_its_encoding(tmp_path: Path) -> None:
    text = "plain words\n" * 200_000 + "déjà vu\n"
    assert document_text(write(tmp_path / "file.txt", text.encode("cp1252"))) == text


def test_one_accent_late_in_a_long_ascii_line_decides_its_encoding(tmp_path: Path) -> None:
    text = "plain words " * 20_000 + "déjà vu"
    assert document_text(write(tmp_path / "file.txt", text.encode("cp1252"))) == text


def test_a_chinese_line_longer_than_the_sample_is_read(tmp_path: Path) -> None:
    text = "x" + TEXTS["zh"].strip() * 2_000
    assert document_text(write(tmp_path / "file.txt", text.encode("gb18030"))) == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_read(tmp_path: Path, encoding: str) -> None:
    text = "Exported by an old tool,\r\nwithout a mark: déjà vu.\r\n" * 3
    path = write(tmp_path / "file.txt", text.encode(encoding))
    assert document_text(path) == path.read_text(encoding=encoding)


def test_a_terminal_log_with_colours_is_text(tmp_path: Path) -> None:
    text = "\x1b[32mok\x1b[0m all tests passed\n" * 10
    assert document_text(write(tmp_path / "run.log", text.encode())) == text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"some text\0more text", "is binary, not a document alir reads"),
        (b"text " * 2_000 + b"\0", r"is binary \(a NUL at byte 10000\)"),
        (bytes(range(1, 256)) * 4, "is binary|no text encoding"),
        (b"\x01\x02\x03\x04 soup \x05\x06\x07", "is binary"),
        ("deux étés, ".encode() * 9 + b"\xe9t\xe9", "UTF-8 text with a damaged character at byte"),
        ("検索".encode()[:-1], "UTF-8 text with a damaged character at byte 3"),
        (b"\xff\xfea\0b", "is damaged UTF-16-LE text"),
        (b"\xff\xfe\0\xd8a\0", "is damaged UTF-16-LE text"),
    ],
)
def test_what_is_not_whole_text_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        document_text(write(tmp_path / "file.txt", content))
