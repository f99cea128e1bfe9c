"""The settings, and the only place that reads the environment.

Every setting is an `ALIR_*` environment variable, or a line of a `.env` file in the working
directory (the environment wins).
"""

import difflib
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from alir.errors import InvalidSetting

PREFIX = "ALIR_"
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
EmbedBackend = Literal["auto", "torch", "torch-bf16", "openvino"]
Names = Annotated[tuple[str, ...], NoDecode]
"""Separated by commas."""


class Settings(BaseSettings):
    """Everything an operator can choose. `Settings.load()` reports a wrong one in one sentence."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # it may be a secret, and errors get printed
        populate_by_name=True,
    )

    milvus_uri: str = "./.alir/milvus.db"
    """A Milvus Lite file (its name ends in .db) or a server's address, http://host:19530."""
    milvus_token: SecretStr = SecretStr("")
    """`user:password` or an API key, for servers that ask for it."""
    collection: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,239}$")] = "alir"
    """Shorter than Milvus's limit: what a rebuild makes beside it has a longer name."""
    consistency_level: Literal["Strong", "Session", "Bounded", "Eventually"] = "Session"
    """Milvus consistency of searches; Session reads what this process wrote."""
    timeout_s: Annotated[float, Field(gt=0)] = 10.0
    """Longest wait for one answer of Milvus."""
    ledger: Path | None = None
    """The ledger's file, on a local disk; None is what `ledger_path` says."""
    outage_s: Annotated[float, Field(ge=0)] = 300.0
    """Longest wait of an ingestion for a Milvus that went away; 0 stops it at once. A question
    never waits for one."""

    parse_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Seconds of a processor that reading a part of a file may take; five times as many in all."""
    parse_memory_mib: Annotated[int, Field(ge=64)] = 1024
    """Memory that reading a part of a file may take; limited on Linux alone."""

    embed_model: str = DEFAULT_MODEL
    """A sentence-transformers model: a folder, or a name found in the local package, the Hugging
    Face cache or the hub, in that order."""
    embed_backend: EmbedBackend = "auto"
    """What computes the vectors; auto takes openvino where it is installed, suits the model and
    there is no GPU. An index made with one can be searched with another."""
    embed_batch_size: Annotated[int, Field(ge=1, le=1024)] = 64
    """Texts the embedding model takes at once, on each core, at most; of long ones fewer."""
    chunk_tokens: Annotated[int | None, Field(ge=64)] = None
    """Largest chunk, in tokens of the embedding model; None fills the model's window."""
    chunk_overlap_tokens: Annotated[int, Field(ge=0)] = 32
    """Tokens that neighbouring chunks share."""
    analyzer: Literal["english", "jieba"] = "english"
    """How words are searched for. Take jieba for Chinese, Japanese, Korean and Thai: english finds
    none of their words. Figures: docs/quality.md."""
    top_k: Annotated[int, Field(ge=1, le=100)] = 5
    """Passages an answer is made from."""

    llm_model: str = "gpt-4.1-mini"
    llm_base_url: Annotated[
        str | None, Field(validation_alias=AliasChoices("ALIR_LLM_BASE_URL", "OPENAI_BASE_URL"))
    ] = None
    """An OpenAI-compatible endpoint; None is OpenAI's own."""
    llm_api_key: Annotated[
        SecretStr | None,
        Field(validation_alias=AliasChoices("ALIR_LLM_API_KEY", "OPENAI_API_KEY")),
    ] = None
    """With neither a key nor a base URL, answers are extractive."""
    llm_timeout_s: Annotated[float, Field(gt=0)] = 60.0

    root: Path = Path("documents")
    """The folder below which `alir serve` may be told to ingest, and where it keeps uploads; each
    tenant has a folder in it."""
    allowed_hosts: Names = ()
    """Names, besides those of this machine's loopback, that the service is asked for by."""
    cors_origins: Names = ()
    """Origins, `https://example.org`, whose pages may use the service from a browser."""
    requests_per_minute: Annotated[int, Field(ge=0)] = 600
    """Of each key; 0 is any number."""
    tokens_per_day: Annotated[int, Field(ge=0)] = 0
    """That the questions of each key may cost, from midnight UTC; 0 is any number."""
    questions_at_once: Annotated[int, Field(ge=1)] = 32
    """Under way in the service, fewer while its event loop is late; one more waits for a place."""
    questions_waiting: Annotated[int, Field(ge=0)] = 64
    """For a place; one more is refused, and none waits with 0."""
    question_wait_s: Annotated[float, Field(gt=0)] = 5.0
    """Longest wait for a place; then the question is refused."""
    answers_kept: Annotated[int, Field(ge=0)] = 1000
    """Of each tenant, for 30 days, so that they can be rated; 0 keeps no question."""
    meaning_wait_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Longest wait for a person to say what a question means; it is then taken as it is."""
    upload_file_mib: Annotated[int, Field(ge=1)] = 64
    upload_mib: Annotated[int, Field(ge=1)] = 256
    """Of one request."""
    upload_files: Annotated[int, Field(ge=1)] = 100
    """Of one request."""
    tenant_mib: Annotated[int, Field(ge=0)] = 0
    """That a tenant's folder may hold for it to upload more; 0 is any number."""
    drain_s: Annotated[int, Field(ge=0)] = 10
    """Longest wait for the answers under way when the service is told to stop."""
    otlp_endpoint: str | None = None
    """A collector of traces that takes OTLP over HTTP, http://host:4318; None traces nothing."""

    @property
    def is_lite(self) -> bool:
        """Whether Milvus is a Milvus Lite file."""
        return "://" not in self.milvus_uri

    @property
    def ledger_path(self) -> Path:
        """The ledger's file: beside a Milvus Lite file, and for each server one in ./.alir."""
        if self.ledger is not None:
            return self.ledger
        if self.is_lite:
            # Hidden, and so no document where the folder around it is ingested.
            file = Path(self.milvus_uri)
            return file.with_name(f".{file.stem}.ledger")
        server = urlsplit(self.milvus_uri)
        names = [server.hostname or "", str(server.port or 19530), server.path.strip("/")]
        file_name = "-".join(name for name in names if name)
        return Path(".alir", f"{re.sub(r'[^A-Za-z0-9._-]', '_', file_name)}.ledger")

    @property
    def real_root(self) -> Path:
        """`root` without links on the way to it, whether it is there or not."""
        return Path(os.path.realpath(os.path.expanduser(self.root)))  # noqa: PTH111  never raises

    @property
    def sessions_path(self) -> Path:
        """The file of the agent's conversations, beside the ledger."""
        return self.ledger_path.with_suffix(".sessions")

    @property
    def service_path(self) -> Path:
        """The file of the service's keys and of what it was told to ingest, beside the ledger."""
        return self.ledger_path.with_suffix(".service")

    @property
    def runs_path(self) -> Path:
        """The file of the runs of LlamaIndex's workflow server, beside the ledger."""
        return self.ledger_path.with_suffix(".runs")

    @field_validator("allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _separated(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        return tuple(name for part in given.split(",") if (name := part.strip().lower()))

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not re.fullmatch(r"https?://[^/?#@*\s]+", origin):
                raise ValueError("each must be an origin, such as https://example.org")
        return origins

    @field_validator("llm_base_url", "otlp_endpoint")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url

    @field_validator("milvus_uri")
    @classmethod
    def _is_file_or_server(cls, uri: str) -> str:
        if "://" not in uri:
            if not uri.endswith(".db"):
                raise ValueError(
                    "must be a file name that ends in .db, or an address such as "
                    "http://localhost:19530"
                )
            return uri
        address = urlsplit(uri)
        if not address.hostname or (address.port is not None and address.port == 0):
            raise ValueError("names no host and port")
        return uri

    @classmethod
    def load(cls, **overrides: Any) -> "Settings":
        """Read the environment and `.env`; `overrides` (None means not given) win.

        Raises:
            InvalidSetting: a value alir cannot use, or an `ALIR_*` name it does not know.
        """
        named = _names_given()
        _refuse_unknown(named)
        given = {name: value for name, value in overrides.items() if value is not None}
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else "settings"
            variable = _variable(name, named)
            problem = first["msg"].removeprefix("Value error, ")
            shown = "" if _is_secret(name) else f"{first['input']!r} "
            raise InvalidSetting(
                variable, f"{shown}is not usable: {problem}", "Correct it and try again."
            ) from error


def variables() -> set[str]:
    """Return the name of every `ALIR_*` variable alir knows."""
    return {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in ("llm_api_key", "openai_api_key", "milvus_token"))


def _names_given() -> set[str]:
    """The names of the environment's variables and of the lines of `.env`."""
    env_file = Path(".env")
    if not env_file.is_file():
        return set(os.environ)
    from dotenv import dotenv_values  # noqa: PLC0415  only where there is a file

    try:
        return set(os.environ) | set(dotenv_values(env_file, encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        problem = "is not UTF-8 text" if isinstance(error, ValueError) else error.strerror
        where = str(env_file.absolute())
        raise InvalidSetting(where, f"it {problem}", "Correct the file or remove it.") from error


def _variable(name: str, given: set[str]) -> str:
    """The variable that a wrong value came from, of those that set the field `name`."""
    names = [name if name.isupper() else f"{PREFIX}{name.upper()}"]
    for field in Settings.model_fields.values():
        aliases = getattr(field.validation_alias, "choices", [])
        if names[0] in aliases:
            names = aliases
    return next((one for one in names if one in given), names[0])


def _refuse_unknown(given: set[str]) -> None:
    known = variables()
    for name in sorted(given):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1)
            names_known = ", ".join(sorted(known))
            remedy = f"Did you mean {near[0]}?" if near else f"alir knows {names_known}."
            raise InvalidSetting(name, "there is no such setting", remedy)
