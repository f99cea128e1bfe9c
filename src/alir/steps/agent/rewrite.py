"""Rewrite: another query for a question, where the last one found too little."""

import re
from collections import Counter
from collections.abc import Sequence

from llama_index.core.llms import ChatMessage
from llama_index.core.schema import MetadataMode, NodeWithScore

from alir.steps.agent.consult import messages
from alir.steps.ask.text.sentences import content_words

MAX_ADDED = 3
"""Words of the passages found that a query without a language model gets."""

_INSTRUCTIONS = """\
A search of a library found too little for a question. Write one other query for it: other words \
for the same thing, or fewer.
Reply with the query alone, on one line."""

_WORD = re.compile(r"\w[\w.,'’-]*\w|\w")


def rewrite(question: str, tried: Sequence[str], passages: Sequence[NodeWithScore]) -> str | None:
    """Return a query not `tried` yet, made by rule; None if there is no other.

    First the question's content words alone; then with the words, three at most, that most of the
    passages found have and the question has not (Rocchio's pseudo-relevance feedback).
    """
    words = [word for word in _WORD.findall(question) if content_words(word)]
    keywords = " ".join(words)
    asked = content_words(question)
    having = Counter(word for passage in passages for word in sorted(_words(passage) - asked))
    shared = [word for word, passages_with in having.most_common() if passages_with > 1]
    expanded = " ".join([keywords, *shared[:MAX_ADDED]])
    return next((query for query in (keywords, expanded) if query and query not in tried), None)


def prompt(question: str, tried: Sequence[str]) -> list[ChatMessage]:
    """Return the messages that ask a language model for another query."""
    queries = "\n".join(f"- {query}" for query in tried)
    return messages(_INSTRUCTIONS, f"Question: {question}\n\nQueries tried:\n{queries}")


def query_of(reply: Sequence[str], tried: Sequence[str]) -> str | None:
    """Return the query that a model replied with; None if it is none, or was tried."""
    return next((line for line in reply if line not in tried), None)


def _words(passage: NodeWithScore) -> set[str]:
    words = content_words(passage.node.get_content(metadata_mode=MetadataMode.NONE))
    return {word for word in words if len(word) > 3 and word.isalpha()}
