"""The configuration of a small, quick Milvus standalone server; several fit on a host."""

import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from alir.testing.milvus_binary import package_files

HOST = "127.0.0.1"

_COMPONENTS = ("rootCoord", "queryCoord", "queryNode", "indexNode", "dataCoord", "dataNode")

INNER_PORTS = 1 + len(_COMPONENTS)
"""The number of ports the server uses internally."""

_SETTINGS = {
    "proxy.timeTickInterval": 20,  # ms; with the default of 200 a Strong read waits for so long
    "common.gracefulStopTimeout": 1,  # s, from 1,800
    # ms, from 1,000 and 500: create_collection takes 2 s instead of 3.
    "queryCoord.checkChannelInterval": 100,
    "queryCoord.checkSegmentInterval": 100,
    "queryCoord.distPullInterval": 50,
    "log.file.rootPath": "",  # standard output is enough
    "log.level": "warn",
}

# Unix sockets in the working directory, where etcd would take the ports 2379 and 2380: with
# those there could be one Milvus per host.
_CLIENT, _PEER = "unix://client:1", "unix://peer:1"
_ETCD = {
    "name": "default",
    "listen-client-urls": _CLIENT,
    "advertise-client-urls": _CLIENT,
    "listen-peer-urls": _PEER,
    "initial-advertise-peer-urls": _PEER,
    "initial-cluster": f"default={_PEER}",
}


def write_config(
    data_dir: Path, *, port: int, inner_ports: list[int], auth: bool, session_ttl_s: int
) -> None:
    """Write the folder `conf` of a data directory: the package's configuration, changed.

    A restart needs the same inner ports: a server first calls the addresses of the one before.
    """
    conf = data_dir / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    packaged = package_files()
    shutil.copy(packaged / "glog.conf", conf)
    (conf / "etcd.yaml").write_text(yaml.safe_dump(_ETCD))

    internal, *ports = inner_ports
    settings: dict[str, Any] = _SETTINGS | {
        "proxy.ip": HOST,
        "proxy.port": port,
        "proxy.internalPort": internal,
        "common.security.authorizationEnabled": auth,
        "common.session.ttl": session_ttl_s,
        "localStorage.path": str(data_dir / "files"),
        "rocksmq.path": str(data_dir / "rocksmq"),
        "etcd.data.dir": str(data_dir / "etcd"),
        "etcd.log.path": "stdout",
        "etcd.config.path": str(conf / "etcd.yaml"),
    }
    for component, inner_port in zip(_COMPONENTS, ports, strict=True):
        settings |= {f"{component}.ip": HOST, f"{component}.port": inner_port}

    # The template's placeholders look like {{ name(type): default }}.
    template = (packaged / "config.yaml.template").read_text()
    config = yaml.safe_load(re.sub(r"\{\{[^:}]*(?::\s*(.*?)\s*)?\}\}", r"\1", template))
    for name, value in settings.items():
        *parents, leaf = name.split(".")
        section = config
        for parent in parents:
            section = section.setdefault(parent, {})
        section[leaf] = value
    (conf / "milvus.yaml").write_text(yaml.safe_dump(config))
