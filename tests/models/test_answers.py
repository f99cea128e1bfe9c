"""The values of a question and its answer."""

from dataclasses import asdict
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from alir.models.answers import Citation, Fusion, SourcePassage
from alir.models.files import source_id


@pytest.mark.parametrize(("keyword_weight", "dense"), [(0, 1), (0.25, 0.75), (1, 0)])
def test_the_weights_of_both_branches_sum_to_one(keyword_weight: float, dense: float) -> None:
    fusion = Fusion(keyword_weight=keyword_weight)

    assert (fusion.weight("keyword"), fusion.weight("dense")) == (keyword_weight, dense)


def test_the_files_id_is_in_the_json_of_the_service_and_not_in_the_commands() -> None:
    citation = Citation(file="/docs/a.pdf", page=3, start=10, end=21, quote="Cats sleep.")
    passage = SourcePassage(file="/docs/a.pdf", page=None, text="Cats sleep.", score=0.5)

    for one in (citation, passage):
        assert one.source == source_id(Path("/docs/a.pdf"))
        shown = TypeAdapter(type(one)).dump_python(one)
        assert shown == asdict(one) | {"source": one.source}
        assert "source" not in asdict(one)


def test_what_is_documented_has_its_docstrings_in_the_schema() -> None:
    schema = TypeAdapter(Citation).json_schema(mode="serialization")

    assert schema["properties"]["source"]["description"] == "The file's id."
    assert schema["description"].startswith("A verified quote")
