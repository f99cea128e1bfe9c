"""Models of ingestions: what can be asked for, and what is final."""

import pytest
from pydantic import ValidationError

from alir.server.schemas.ingestions import Ingestion, IngestionRequest


@pytest.mark.parametrize("body", [{}, {"paths": []}, {"paths": [""]}, {"paths": ["a"], "b": 1}])
def test_a_request_without_paths_or_with_unknown_fields_is_invalid(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        IngestionRequest.model_validate(body)


def test_an_ingestion_is_ended_in_its_final_states() -> None:
    begun = Ingestion(id="i", kind="ingest", state="queued", paths=["."], begun="then")
    states = ("queued", "running", "done", "failed", "cancelled")
    ended = [begun.model_copy(update={"state": state}).is_ended for state in states]

    assert ended == [False, False, True, True, True]
    assert Ingestion.model_validate_json(begun.model_dump_json()) == begun


def test_an_ingestion_that_an_older_alir_kept_goes_on() -> None:
    kept = '{"id": "i", "kind": "ingest", "state": "queued", "paths": ["."], "begun": "then"}'

    assert Ingestion.model_validate_json(kept).rehash is False
