"""Normalize: what only looks different is found, and given back as it stands."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alir.steps.ask.text.normalize import find


def found(wanted: str, text: str) -> str | None:
    span = find(wanted, text)
    return None if span is None else text[span.start : span.end]


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("fly south", "fly\n  south"),
        ("fly south", "fly\u00a0south"),
        ("fly  south", "fly south"),
        ("difficult offices", "diﬃcult oﬃces"),
        ("diﬃcult oﬃces", "difficult offices"),
        ("ＡＢＣ１２", "ABC12"),
        ("café au lait", "cafe\u0301 au lait"),
        ("cafe\u0301 au lait", "café au lait"),
        ("tiê\u0323n", "tiện"),
        ("tiện", "tie\u0302\u0323n"),
        ("각하", "\u1100\u1161\u11a8\u1112\u1161"),
        ("it's 'new'", "it’s “new”"),
        ("«it’s» new", "'it's' new"),
        ("points—all of them", "points-all of them"),
        ("1990-95", "1990–95"),
        ("−5 percent", "-5 percent"),
        ("wait... what", "wait… what"),
        ("unsupported", "un\u00adsup\u00adported"),
        ("unsupported", "un\u200bsupported"),
        ("left to right", "left \u200fto\u200e right"),
        ("unsupported claims", "unsup-\nported claims"),
        ("unsupported claims", "unsup-\r\n  ported claims"),
        ("unsupported claims", "unsup\u00ad\nported claims"),
        ("unsupported claims", "unsup-ported claims"),
        ("well-known facts", "well-\nknown facts"),
    ],
)
def test_what_only_looks_different_is_found_as_it_stands(wanted: str, text: str) -> None:
    assert found(wanted, f"Before {text}, after.") == text


@pytest.mark.parametrize(
    ("wanted", "text", "as_it_stands"),
    [
        ("机器学习", "它是机器\n学习的", "机器\n学习"),
        ("ばら", "赤いばらです", "ばら"),
        ("长城很长。", "他说长城很长。熊猫吃竹子。", "长城很长。"),
        ("「はい」と言った", "彼は「はい」と言った。", "「はい」と言った"),
        ("Milvus", "使用Milvus数据库", "Milvus"),
        ("数据库", "使用Milvus数据库", "数据库"),
    ],
)
def test_what_is_written_without_spaces_is_found_among_other_words(
    wanted: str, text: str, as_it_stands: str
) -> None:
    assert found(wanted, text) == as_it_stands


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("fly south", "fly southwards"),
        ("fly south", "butterfly south"),
        ("fly south", "Fly South"),
        ("fly south", "flysouth"),
        ("fly south", "fly, south"),
        ("cafe", "café"),
        ("cafe", "cafe\u0301"),
        ("102", "10²"),
        ("12", "½"),
        ("well-known", "wellknown"),
        ("well-known", "well known"),
        ("20", "2-0"),
        ("20", "2\n0"),
        ("of", "oﬀ"),
        ("fly", "flу"),  # the last letter is Cyrillic
        ("は", "ば"),
        ("हिन्द", "हिन्दी"),
        ("ที", "ที่"),
        ("", "fly"),
        (" \u200b", "fly"),
    ],
)
def test_what_is_different_is_not_found(wanted: str, text: str) -> None:
    assert found(wanted, text) is None


def test_the_first_place_is_found() -> None:
    assert find("a b", "x a  b a b") == find("a b", "x a  b")


def test_characters_that_mean_something_in_a_pattern_mean_themselves() -> None:
    assert found("a.*(b)[c]?", "see a.*(b)[c]? there") == "a.*(b)[c]?"
    assert found("a.*b", "a and b") is None


LOOKS = st.sampled_from(
    [
        lambda text: text.replace(" ", "\n "),
        lambda text: text.replace("'", "’").replace('"', "“"),
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: text.replace("fi", "ﬁ"),
        lambda text: text.replace("e", "e\u200b"),
        lambda text: text.replace("-", "–"),
    ]
)
WORDS = st.lists(
    st.sampled_from(["fix", "été", "it's", '"so"', "Ümlaut", "up-to", "3.5", "été", "e"]),
    min_size=1,
    max_size=8,
).map(" ".join)


@given(WORDS, st.lists(LOOKS, max_size=4), st.data())
def test_a_stretch_of_whole_words_is_found_however_the_text_looks(
    text: str, looks: list, data: st.DataObject
) -> None:
    words = text.split()
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    looking = text
    for look in looks:
        looking = look(looking)

    assert find(" ".join(words[start:end]), looking) is not None


@given(st.text(), st.text())
def test_a_span_is_always_within_the_text(wanted: str, text: str) -> None:
    span = find(wanted, f"{text} {wanted} {text}")
    if span is not None:
        assert 0 <= span.start < span.end <= len(f"{text} {wanted} {text}")
