"""What docker-compose.yml, Dockerfile and .env.example promise, without a Docker daemon."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from alir.cli.serve import serve
from alir.errors import InvalidKey
from alir.server.telemetry.traces import FLUSH_S
from alir.settings import Settings, variables
from alir.storage import keys
from alir.storage.service_database import open_service_database

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
PUBLISHED: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.milvus.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("alir", "alir-serve")
SERVERS = {name: service for name, service in SERVICES.items() if name not in OURS}
DOCUMENTS = "/state/documents/from_host"
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")


def ports() -> Iterator[tuple[str, list[str]]]:
    """Service, and what it publishes as [interface, port here, port inside]."""
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            yield name, str(port).rsplit(":", 2)


def assignments(text: str) -> dict[str, str]:
    """The settings of an env file, commented out or not."""
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE))


def compose_command() -> list[str] | None:
    """Docker Compose 2 or newer, as a plugin or on its own; it needs no daemon to read a file."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            version = subprocess.run(
                [*command, "version", "--short"], capture_output=True, text=True, check=False
            )
            if version.returncode == 0 and re.match(r"v?([2-9]|\d\d)\.", version.stdout):
                return command
    return None


def test_docker_compose_itself_accepts_the_file() -> None:
    command = compose_command()
    if command is None:
        pytest.skip("no Docker Compose 2 or newer here")

    result = subprocess.run(
        [*command, "-f", str(FILE), "--profile", "alir", "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stderr) == (0, "")


def test_the_file_fits_the_schema_of_the_compose_specification() -> None:
    here = str(Path(sys.executable).parent)
    command = shutil.which("check-jsonschema", path=os.pathsep.join([here, os.environ["PATH"]]))
    if command is None:
        pytest.skip("no check-jsonschema here, which carries the schema: pip install it")

    result = subprocess.run(
        [command, "--builtin-schema", "vendor.compose-spec", str(FILE)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_is_pinned_checked_for_health_and_kept_on_a_named_volume(name: str) -> None:
    service = SERVERS[name]

    assert re.search(r":(v\d+\.\d+\.\d+|RELEASE\.\d{4}-\d{2}-\d{2}T[\d-]+Z)$", service["image"])
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= service["healthcheck"].keys()
    assert [volume.split(":")[0] for volume in service["volumes"]] == [name]
    assert name in COMPOSE["volumes"]


def test_milvus_is_new_enough_for_the_fix_of_cve_2026_26190() -> None:
    version = SERVICES["milvus"]["image"].rpartition(":v")[2]

    assert tuple(map(int, version.split("."))) >= (2, 6, 10)


def test_the_service_alone_is_published_on_this_machine_alone_and_it_asks_for_a_key() -> None:
    assert list(ports()) == [("alir-serve", ["127.0.0.1", "8000", "8000"])]
    assert "--first-key" in SERVICES["alir-serve"]["command"]
    assert not any(service.get("network_mode") for service in SERVICES.values())


def test_milvus_is_published_on_this_machine_alone_and_with_a_password_that_must_be_given() -> None:
    services = PUBLISHED["services"]
    password = "${MILVUS_ROOT_PASSWORD:?set it in .env}"  # noqa: S105  where it comes from

    assert services["milvus"] == {
        "environment": {
            "COMMON_SECURITY_AUTHORIZATIONENABLED": "true",
            "COMMON_SECURITY_DEFAULTROOTPASSWORD": password,
        },
        "ports": ["127.0.0.1:19530:19530"],
    }
    token = {"environment": {"ALIR_MILVUS_TOKEN": f"root:{password}"}}
    assert services == {"milvus": services["milvus"], "alir": token, "alir-serve": token}


def test_every_service_waits_until_what_it_needs_is_healthy() -> None:
    needs = {
        name: {needed: how["condition"] for needed, how in service.get("depends_on", {}).items()}
        for name, service in SERVICES.items()
    }

    assert needs == {
        "etcd": {},
        "minio": {},
        "milvus": {"etcd": "service_healthy", "minio": "service_healthy"},
        "alir": {"milvus": "service_healthy"},
        "alir-serve": {"milvus": "service_healthy"},
    }


def test_nothing_but_milvus_reaches_the_stores_behind_it() -> None:
    storage = {name for name, s in SERVICES.items() if "storage" in s.get("networks", [])}

    assert storage == {"etcd", "minio", "milvus"}
    assert SERVICES["etcd"]["networks"] == SERVICES["minio"]["networks"] == ["storage"]
    assert COMPOSE["networks"]["storage"] == {"internal": True}


def test_milvus_and_its_object_store_share_a_password_from_the_environment() -> None:
    store, milvus = SERVICES["minio"]["environment"], SERVICES["milvus"]["environment"]

    assert store["MINIO_ROOT_USER"] == milvus["MINIO_ACCESS_KEY_ID"]
    assert store["MINIO_ROOT_PASSWORD"] == milvus["MINIO_SECRET_ACCESS_KEY"]
    default = re.fullmatch(r"\$\{MINIO_ROOT_PASSWORD:-(.+)\}", store["MINIO_ROOT_PASSWORD"])
    assert default is not None
    assert len(default[1]) >= 8, "MinIO refuses to start with less"


def test_alir_runs_one_command_beside_milvus_with_the_documents_read_only() -> None:
    alir = SERVICES["alir"]

    assert alir["profiles"] == ["alir"], "`up` must not start it"
    assert "restart" not in alir
    assert "command" not in alir
    assert alir["healthcheck"] == {"disable": True}
    assert alir["environment"]["ALIR_MILVUS_URI"] == "http://milvus:19530"
    assert alir["volumes"] == ["alir:/state", f"${{DOCUMENTS_DIR:-./docs}}:{DOCUMENTS}:ro"]
    assert f"ln -s {DOCUMENTS} /data\n" in DOCKERFILE
    assert "WORKDIR /state" in DOCKERFILE
    assert 'ENTRYPOINT ["alir"]' in DOCKERFILE


def test_up_starts_the_service_which_makes_its_own_first_key_and_drains_when_it_ends() -> None:
    served = SERVICES["alir-serve"]
    options = inspect.signature(serve).parameters
    named = [one for one in served["command"] if one.startswith("--")]

    assert served["command"][0] == "serve"
    assert {one.removeprefix("--").replace("-", "_") for one in named} == {
        *("host", "port", "first_key")
    }
    assert {one.removeprefix("--").replace("-", "_") for one in named} <= options.keys()
    assert served["command"][-1] == "/state/first-key"
    assert "profiles" not in served
    assert served["restart"] == "unless-stopped"
    seconds = int(served["stop_grace_period"].removesuffix("s"))
    assert seconds >= 2 * (Settings.model_fields["drain_s"].default + FLUSH_S)
    shared = SERVICES["alir"].keys() - {"profiles", "healthcheck"}
    assert {name: served[name] for name in shared} == {n: SERVICES["alir"][n] for n in shared}


def test_what_the_service_ingests_is_below_its_root_and_no_tenants(tmp_path: Path) -> None:
    root = Path(SERVICES["alir-serve"]["environment"]["ALIR_ROOT"])

    assert Path(DOCUMENTS).parent == root
    with open_service_database(tmp_path / "x") as db, pytest.raises(InvalidKey):
        keys.add(db, "one", "read", Path(DOCUMENTS).name)
    # Docker makes the mount's folder as root's, and what is above it: the service writes there.
    assert f"install -d -o alir -g alir {root} {DOCUMENTS}" in DOCKERFILE
    assert not Path(SERVICES["alir-serve"]["command"][-1]).is_relative_to(root)


def test_the_health_check_of_the_image_asks_the_service_and_no_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = re.search(r"^HEALTHCHECK .*?CMD (\[.*?\]\n)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found is not None
    python, flag, code = json.loads(found[1].replace("\\\n", ""))
    assert (python, flag) == ("python", "-c")
    assert ":8000/health/live" in code
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if len(asked) == 1 else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as service:
        thread = Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        here = code.replace(":8000", f":{service.server_port}")
        codes = [
            subprocess.run([sys.executable, "-c", here], capture_output=True, check=False)
            for _ in range(2)
        ]
        service.shutdown()
        thread.join()

    assert [one.returncode for one in codes] == [0, 1]
    assert asked == ["/health/live"] * 2


@pytest.mark.parametrize("name", OURS)
def test_alir_can_write_to_its_volume_and_tmp_alone_and_gain_no_rights(name: str) -> None:
    alir = SERVICES[name]

    assert alir["read_only"] is True
    assert alir["tmpfs"] == ["/tmp"]  # noqa: S108
    assert alir["cap_drop"] == ["ALL"]
    assert alir["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in alir


def test_the_image_is_built_for_a_plain_user_from_the_constraints_with_the_model() -> None:
    build, final = DOCKERFILE.split("\nFROM ")

    assert build.startswith("FROM python:3.11-slim ")
    assert final.startswith("python:3.11-slim\n")
    assert "pip install -c constraints.txt '.[local,otel]'" in build
    assert re.findall(r"^USER (\w+)$", final, re.MULTILINE) == ["alir"]
    assert "useradd --uid 10001" in final


def test_the_image_carries_no_secret_and_nothing_that_is_not_copied_on_purpose() -> None:
    assert not re.search(r"^(ENV|ARG).*(KEY|TOKEN|PASSWORD|SECRET)", DOCKERFILE, re.MULTILINE)
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    copied = {
        source
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for source in sources.split()
    }

    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


def test_keys_and_tokens_reach_alir_from_the_environment_and_stand_in_no_file() -> None:
    given = SERVICES["alir"]["environment"]
    secret = {name for name in given if name.endswith(("KEY", "TOKEN"))}

    assert {"ALIR_MILVUS_TOKEN", "ALIR_LLM_API_KEY", "OPENAI_API_KEY"} == secret
    assert all(given[name] is None for name in secret)
    assert all(not value for name, value in assignments(EXAMPLE).items() if name in secret)


def test_every_setting_can_be_given_to_the_container_and_no_other_is() -> None:
    given = {name for name in SERVICES["alir"]["environment"] if name.startswith("ALIR_")}

    assert given == variables()


def test_every_setting_and_every_name_in_the_compose_file_is_explained_in_the_example() -> None:
    names = set(assignments(EXAMPLE))
    files = FILE.read_text("utf-8") + (ROOT / "docker-compose.milvus.yml").read_text("utf-8")
    substituted = set(re.findall(r"\$\{(\w+)", files))

    assert names == variables() | substituted
    for name in names:
        assert re.search(rf"^# \S.*[.]\n#(MINIO_ROOT_USER=.*\n#)?{name}=", EXAMPLE, re.MULTILINE)


def test_the_example_changes_nothing_as_it_stands_and_is_accepted_when_uncommented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("ALIR_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    defaults = Settings.load()

    (tmp_path / ".env").write_text(EXAMPLE, "utf-8")
    assert Settings.load() == defaults

    lines = "\n".join(f"{name}={value}" for name, value in assignments(EXAMPLE).items())
    (tmp_path / ".env").write_text(lines, "utf-8")
    changed = Settings.load().model_dump()
    assert {name for name, value in defaults.model_dump().items() if changed[name] != value} == {
        "llm_base_url",
        "otlp_endpoint",
    }
