"""The options of the index: how it is made, by whom, and how it is searched."""

from typing import Any

import pytest
from llama_index.vector_stores.milvus.base import IndexManagement


def test_an_index_is_made_as_its_configuration_says(opened: Any, node: Any, ask: Any) -> None:
    store = opened(
        index_config={"index_type": "IVF_FLAT", "nlist": 7, "index_name": "mine"},
        similarity_metric="L2",
    )
    store.add([node("a")])
    index = store.client.describe_index(store.collection_name, "mine")
    assert (index["index_type"], index["metric_type"], index["nlist"]) == ("IVF_FLAT", "L2", "7")
    assert ask(opened(similarity_metric="L2")) == ["a"]  # and no second one is made
    assert store.client.list_indexes(store.collection_name) == ["mine"]


def test_with_no_validation_the_indexes_are_the_callers(opened: Any, node: Any, ask: Any) -> None:
    store = opened(index_management=IndexManagement.NO_VALIDATION)
    store.add([node("a")])
    client, name = store.client, store.collection_name
    assert client.list_indexes(name) == []
    index = client.prepare_index_params()
    index.add_index("embedding", index_type="FLAT", metric_type="IP")
    client.create_index(name, index)
    client.load_collection(name)
    assert ask(store) == ["a"]


@pytest.mark.parametrize("config", [{"radius": 0.9}, {"params": {"radius": 0.9}}])
def test_search_parameters_are_taken_in_both_forms(
    opened: Any, config: dict[str, Any], node: Any, ask: Any
) -> None:
    opened().add([node("a"), node("b"), node("c")])
    assert ask(opened()) == ["a", "b", "c"]
    assert ask(opened(search_config=config)) == ["a"]
    assert ask(opened(), milvus_search_config=config) == ["a"]
    assert config in ({"radius": 0.9}, {"params": {"radius": 0.9}}), "it was changed"
