"""Addresses with credentials: what is printed of them, and what is not."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from alir.models.secret_url import HIDDEN, SecretUrl, is_sound

WHOLE = "https://ann:s3cr3t-w0rd@host.test:8443/v1?api_key=t0ken-of-mine&v=2#frag"


class Held(BaseModel):
    address: SecretUrl


def test_it_prints_where_it_is_and_nothing_else() -> None:
    url = SecretUrl(WHOLE)

    assert str(url) == f"{url}" == f"{url:s}" == "https://host.test:8443/v1"
    assert repr(url) == "SecretUrl('https://host.test:8443/v1')"
    assert url.get_secret_value() == WHOLE
    assert url == SecretUrl.of(url) == SecretUrl(WHOLE)
    assert url != SecretUrl("https://host.test:8443/v1")


def test_a_model_that_holds_one_prints_it_so() -> None:
    held = Held(address=WHOLE)  # type: ignore[arg-type]
    printed = (
        repr(held),
        str(held),
        held.model_dump_json(),
        json.dumps(held.model_dump(), default=str),
    )

    assert held.address.get_secret_value() == WHOLE
    assert all("s3cr3t" not in one and "t0ken" not in one for one in printed)
    assert json.loads(printed[2]) == {"address": "https://host.test:8443/v1"}
    with pytest.raises(ValidationError, match="must be a text"):
        Held(address=7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("whole", "printed"),
    [
        ("./.alir/milvus.db", "./.alir/milvus.db"),
        ("./a@b.db", "./a@b.db"),
        ("x", "x"),
        ("ann:secret@host", HIDDEN),
        ("http://[::1]:19530", "http://[::1]:19530"),
        ("http://ann:secret@[::1]:19530/db", "http://[::1]:19530/db"),
        ("http://token@host", "http://host"),
        ("http://ann:se@cret@host", "http://host"),
        ("http://ann:se/cret@host", f"http://{HIDDEN}"),
        ("http://ann:se?cret@host", f"http://{HIDDEN}"),
        ("http://ann:se#cret@host", f"http://{HIDDEN}"),
        ("http://[::1", "http://[::1"),
        ("http://host:port/", "http://host:port/"),
        ("http://ann:secret@host:port/", f"http://{HIDDEN}"),
    ],
)
def test_what_is_printed_of_any_address(whole: str, printed: str) -> None:
    assert str(SecretUrl(whole)) == printed


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=8, max_size=20)


@given(user=TEXT, password=TEXT, token=TEXT, is_escaped=st.booleans())
def test_no_part_is_printed_and_texts_of_others_are_cleared_of_it(
    user: str, password: str, token: str, is_escaped: bool
) -> None:
    def written(text: str) -> str:
        return quote(text, safe="") if is_escaped else text

    whole = f"http://{written(user)}:{written(password)}@host.test:1/v1?t={written(token)}"
    url = SecretUrl(whole)
    told = url.redact(f"cannot connect to {whole}: {written(password)} is wrong")

    shown = f"http://{HIDDEN} http://host.test:1/v1 SecretUrl cannot connect is wrong"
    for secret in (password, token, written(password), written(token)):
        if secret not in shown and not is_escaped:
            assert secret not in f"{url} {url!r}"
        if is_escaped and secret not in shown:
            assert secret not in f"{url} {url!r} {told}"


def test_a_user_without_a_password_is_a_token_and_a_switch_is_none() -> None:
    assert "t0ken" in SecretUrl("http://t0ken@host").secrets
    assert "ann" not in SecretUrl("http://ann:secret@host").secrets
    assert "2" not in SecretUrl(WHOLE).secrets
    assert SecretUrl("http://host/v1").secrets == []
    assert "a b/c" in SecretUrl("http://ann:a%20b%2Fc@host").secrets


def test_a_sound_address_says_which_part_is_which() -> None:
    assert is_sound("http://ann:se%40cret@host:1/v1?x=y")
    assert not is_sound("http://ann:se/cret@host")
    assert not is_sound("http://")
    assert not is_sound("http://host:99999")
