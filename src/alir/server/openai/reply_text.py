"""The text of a reply, as far as the client lets it go: to a number of tokens, or to a text."""

from collections.abc import Sequence
from typing import Literal

from alir.server.openai.tokens import encoding


class ReplyText:
    """Passes on the pieces of a text until a limit is reached, and says which limit it was.

    What may be the begin of a text to stop at is held back until more is known.

    Args:
        max_tokens: The most tokens; None is no limit.
        stops: The text ends before the first of these.
    """

    def __init__(self, *, max_tokens: int | None = None, stops: Sequence[str] = ()) -> None:
        self._tokens_left = max_tokens
        self._stops = stops
        self._hold_chars = max(map(len, stops), default=1) - 1
        self._held = ""
        self._is_over = False
        self.finish_reason: Literal["stop", "length"] = "stop"

    def feed(self, piece: str) -> str:
        """Return what can be passed on now."""
        if self._is_over:
            return ""
        text = self._held + piece
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            passed = self._within_tokens(text[: min(found)])
            self._is_over = True
            return passed
        end = max(0, len(text) - self._hold_chars)
        self._held = text[end:]
        return self._within_tokens(text[:end])

    def finish(self) -> str:
        """Return what was held back."""
        held, self._held = self._held, ""
        return "" if self._is_over else self._within_tokens(held)

    def _within_tokens(self, text: str) -> str:
        if self._tokens_left is None or not text:
            return text
        tokens = encoding().encode(text, disallowed_special=())
        if len(tokens) > self._tokens_left:
            self._is_over = True
            self.finish_reason = "length"
            # The last character may have lost its end.
            kept = encoding().decode_bytes(tokens[: self._tokens_left])
            text = kept.decode(errors="ignore")
        self._tokens_left = max(0, self._tokens_left - len(tokens))
        return text
