"""The configuration that a Milvus server of the tests is started with."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from alir.testing.milvus_config import INNER_PORTS, write_config


@pytest.fixture
def config(tmp_path: Path, milvus_binary: Path) -> dict[str, Any]:
    ports = [20_000 + number for number in range(INNER_PORTS)]
    write_config(tmp_path, port=19_999, inner_ports=ports, auth=True, session_ttl_s=7)
    found = yaml.safe_load((tmp_path / "conf" / "milvus.yaml").read_text())
    assert isinstance(found, dict)
    return found


def test_every_component_has_a_port_of_its_own_on_loopback(config: dict[str, Any]) -> None:
    names = ("rootCoord", "queryCoord", "queryNode", "indexNode", "dataCoord", "dataNode")
    ports = [config["proxy"]["port"], config["proxy"]["internalPort"]]
    ports += [config[name]["port"] for name in names]

    assert len(set(ports)) == len(ports) == 1 + INNER_PORTS
    assert {config[name]["ip"] for name in ("proxy", *names)} == {"127.0.0.1"}


def test_what_was_asked_for_is_set_and_the_rest_is_the_package_s(config: dict[str, Any]) -> None:
    assert config["common"]["security"]["authorizationEnabled"] is True
    assert config["common"]["session"]["ttl"] == 7
    assert config["proxy"]["timeTickInterval"] == 20
    assert config["rootCoord"]["maxPartitionNum"] > 0


def test_all_data_lie_in_the_data_directory(config: dict[str, Any], tmp_path: Path) -> None:
    assert config["localStorage"]["path"] == str(tmp_path / "files")
    assert config["rocksmq"]["path"] == str(tmp_path / "rocksmq")
    assert config["etcd"]["data"]["dir"] == str(tmp_path / "etcd")
    etcd = yaml.safe_load((tmp_path / "conf" / "etcd.yaml").read_text())
    assert all("unix://" in etcd[name] for name in etcd if name.endswith("-urls"))
