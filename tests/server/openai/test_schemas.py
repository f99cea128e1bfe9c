"""OpenAI's objects: the fields that its clients read."""

import base64
import json

import numpy as np

from alir.models.answers import Citation
from alir.server.openai.schemas import (
    ChatCompletionChunk,
    ChoiceDelta,
    ChunkChoice,
    Usage,
    encoded,
)


def chunk(*choices: ChunkChoice, usage: Usage | None = None) -> dict[str, object]:
    one = ChatCompletionChunk(id="c", created=1, model="alir", choices=[*choices], usage=usage)
    line: dict[str, object] = json.loads(one.line())
    return line


def test_a_delta_has_the_fields_that_are_there_alone() -> None:
    citation = Citation(file="/docs/a", page=None, start=0, end=4, quote="Cats")

    assert chunk(ChunkChoice(delta=ChoiceDelta(content="Cats"))) == {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "alir",
        "choices": [{"index": 0, "delta": {"content": "Cats"}, "finish_reason": None}],
    }
    last = chunk(ChunkChoice(delta=ChoiceDelta(citations=[citation]), finish_reason="stop"))
    [choice] = last["choices"]  # type: ignore[misc]
    assert choice["delta"]["citations"][0]["source"] == citation.source
    assert choice["finish_reason"] == "stop"


def test_the_usage_is_there_where_it_was_asked_for() -> None:
    usage = Usage(prompt_tokens=2, completion_tokens=3, total_tokens=5)

    assert chunk(usage=usage)["usage"] == usage.model_dump()


def test_a_vector_in_base64_is_of_float32() -> None:
    vector = np.frombuffer(base64.b64decode(encoded([0.5, -1.0])), dtype="<f4")

    assert vector.tolist() == [0.5, -1.0]
