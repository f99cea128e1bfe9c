"""Fence: passages of documents in a prompt, so that they are data there and nothing else.

What a document says cannot end its fence, which has a name made for this prompt alone, nor look
like one, nor hold what a model's own template would take for the end of its turn. None of it is
seen in an answer's quotes: those are compared to the stored chunk, where what is invisible counts
for nothing (`normalize`).
"""

import re
import secrets
import unicodedata
from collections.abc import Sequence

_TAG = re.compile("[<＜﹤‹⟨〈❮ᐸ˂](?=\\s*(?:[/／⁄∕]\\s*)?([^\\s<>]{1,40}))")
_LOOK_ALIKES = str.maketrans("аеѕрαερɑɡᴘᴀꜱɢᴇ", "aespaepagpasge")
# <|im_start|>, <｜User｜>, [INST], <<SYS>>, <s>, <start_of_turn>: models read these as their own.
_TEMPLATE = re.compile(
    r"<(?=[|｜])|\[(?=/?INST\])|<(?=</?SYS>>)|<(?=/?s>)|<(?=(?:start|end)_of_turn>)", re.IGNORECASE
)
_JOINERS = "\u00ad\u200c\u200d"
"""Not seen either, but words and emoji are spelt with them, and a word may end a line at one."""
_SELECTORS = range(0xE0100, 0xE01F0)
"""Variation selectors that no text needs, and that whole sentences can be hidden in."""


def fenced(texts: Sequence[str]) -> str:
    """Return `texts` one below the other, each between tags with its number, from 1."""
    name = f"passage-{secrets.token_hex(4)}"
    return "\n\n".join(
        f'<{name} number="{number}">\n{harmless(text)}\n</{name}>'
        for number, text in enumerate(texts, start=1)
    )


def harmless(text: str) -> str:
    """Return `text` without what cannot be seen, its tags and templates no longer such."""
    # Each letter that occurs is looked at once: a passage has thousands, and a hundred different.
    hidden = {ord(letter): None for letter in set(text) if not _is_seen(letter)}
    seen = text.translate(hidden) if hidden else text
    return _TEMPLATE.sub(lambda match: f"{match[0]} ", _TAG.sub(_apart, seen))


def _is_seen(letter: str) -> bool:
    if letter in "\n\t" or letter in _JOINERS:
        return True
    return unicodedata.category(letter) not in {"Cc", "Cf"} and ord(letter) not in _SELECTORS


def _apart(tag: re.Match[str]) -> str:
    # Accents, joiners and fillers between the letters do not make it another word.
    folded = unicodedata.normalize("NFKD", tag[1]).casefold().translate(_LOOK_ALIKES)
    word = "".join(letter for letter in folded if "a" <= letter <= "z")
    return "&lt;" if word.startswith("passage") else tag[0]
