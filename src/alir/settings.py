"""The settings. Only this module reads the environment.

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
from alir.models.secret_url import SecretUrl, is_sound

PREFIX = "ALIR_"
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
EmbedBackend = Literal["auto", "torch", "torch-bf16", "openvino"]
Names = Annotated[tuple[str, ...], NoDecode]
"""Separated by commas."""
_NO_HOST = "names no host and port, or its user and password are not percent-encoded"


class Settings(BaseSettings):
    """All settings. `Settings.load()` reports a wrong one in one sentence."""

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

    milvus_uri: SecretUrl = SecretUrl("./.alir/milvus.db")
    """A Milvus Lite file (its name ends in .db) or a server's address, http://host:19530."""
    milvus_token: SecretStr = SecretStr("")
    """`user:password` or an API key, if the server requires one."""
    collection: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,239}$")] = "alir"
    """Shorter than Milvus's limit: a rebuild makes collections with longer names."""
    consistency_level: Literal["Strong", "Session", "Bounded", "Eventually"] = "Session"
    """The consistency level of searches; Session reads what this process wrote."""
    timeout_s: Annotated[float, Field(gt=0)] = 10.0
    """Longest wait for one response of Milvus."""
    ledger: Path | None = None
    """The ledger's file, on a local disk; None is the default of `ledger_path`."""
    outage_s: Annotated[float, Field(ge=0)] = 300.0
    """Longest wait of an ingestion for a Milvus that is down; 0 stops it at once. A question
    never waits."""

    parse_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """CPU seconds that reading a part of a file may take; in all it may take five times as long."""
    parse_memory_mib: Annotated[int, Field(ge=64)] = 1024
    """Memory that reading a part of a file may take; only limited on Linux."""

    max_file_mib: Annotated[int, Field(ge=0)] = 1024
    """Largest file that is read; 0 is no limit."""
    max_file_chunks: Annotated[int, Field(ge=0)] = 500_000
    """Most chunks that are made of a file; 0 is no limit."""

    embed_model: str = DEFAULT_MODEL
    """A sentence-transformers model: a folder, or a name that is looked up in the local package,
    the Hugging Face cache and the hub, in that order."""
    embed_backend: EmbedBackend = "auto"
    """What computes the vectors. auto is openvino if it is installed, supports the model and there
    is no GPU; otherwise torch. An index made with one can be searched with another."""
    embed_batch_size: Annotated[int, Field(ge=1, le=1024)] = 64
    """Most texts in a batch of the embedding model, on each core; fewer if they are long."""
    chunk_tokens: Annotated[int | None, Field(ge=64)] = None
    """Largest chunk, in tokens of the embedding model; None fills the model's window."""
    chunk_overlap_tokens: Annotated[int, Field(ge=0)] = 32
    """Tokens that neighbouring chunks share."""
    analyzer: Literal["english", "jieba"] = "english"
    """The analyzer of the keyword search. Use jieba for Chinese, Japanese, Korean and Thai: english
    finds none of their words. Figures: docs/quality.md."""
    top_k: Annotated[int, Field(ge=1, le=100)] = 5
    """Passages an answer is made from."""

    llm_model: str = "gpt-4.1-mini"
    llm_base_url: Annotated[
        SecretUrl | None,
        Field(validation_alias=AliasChoices("ALIR_LLM_BASE_URL", "OPENAI_BASE_URL")),
    ] = None
    """An OpenAI-compatible endpoint; None is OpenAI's own."""
    llm_api_key: Annotated[
        SecretStr | None,
        Field(validation_alias=AliasChoices("ALIR_LLM_API_KEY", "OPENAI_API_KEY")),
    ] = None
    """Without a key and a base URL, answers are extractive."""
    llm_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Longest wait for a whole reply, whatever was tried again; then the answer breaks off."""
    llm_max_reply_chars: Annotated[int, Field(ge=100)] = 32_000
    """A longer reply of the language model is cut there."""

    root: Path = Path("documents")
    """The folder below which `alir serve` ingests files and stores uploads; each tenant has a
    folder in it."""
    allowed_hosts: Names = ()
    """Host names of the service, besides those of loopback."""
    cors_origins: Names = ()
    """Origins, such as `https://example.org`, of pages that may use the service from a browser."""
    requests_per_minute: Annotated[int, Field(ge=0)] = 600
    """Most requests of each key in a minute; 0 is no limit."""
    tokens_per_day: Annotated[int, Field(ge=0)] = 0
    """Most tokens that the questions of each key may use in a day (UTC); 0 is no limit."""
    questions_at_once: Annotated[int, Field(ge=1)] = 32
    """Most questions that the service answers at once; fewer while its event loop is late."""
    questions_waiting: Annotated[int, Field(ge=0)] = 64
    """Most questions that wait for their turn; one more is refused."""
    question_wait_s: Annotated[float, Field(gt=0)] = 5.0
    """Longest wait for its turn; then the question is refused."""
    answers_kept: Annotated[int, Field(ge=0)] = 1000
    """Most answers kept for each tenant, for 30 days, so that they can be rated; 0 keeps none."""
    meaning_wait_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Longest wait for a person to choose what a question means; then it is answered as it is."""
    upload_file_mib: Annotated[int, Field(ge=1)] = 64
    """Largest uploaded file."""
    upload_mib: Annotated[int, Field(ge=1)] = 256
    """Largest upload of one request."""
    upload_files: Annotated[int, Field(ge=1)] = 100
    """Most files in one request."""
    tenant_mib: Annotated[int, Field(ge=0)] = 0
    """Size of a tenant's folder from which uploads are refused; 0 is no limit."""
    drain_s: Annotated[int, Field(ge=0)] = 10
    """Longest wait for the answers in progress when the service stops."""
    otlp_endpoint: SecretUrl | None = None
    """A collector of traces by OTLP over HTTP, http://host:4318; None traces nothing."""

    @property
    def is_lite(self) -> bool:
        """Whether Milvus is a Milvus Lite file."""
        return "://" not in self.milvus_uri.get_secret_value()

    @property
    def lite_path(self) -> Path | None:
        """The Milvus Lite file, if it is one."""
        return Path(self.milvus_uri.get_secret_value()) if self.is_lite else None

    @property
    def secrets(self) -> list[str]:
        """What no log may hold: keys, tokens, and the credentials in addresses."""
        keys = (self.milvus_token, self.llm_api_key)
        addresses = (self.milvus_uri, self.llm_base_url, self.otlp_endpoint)
        held = [one.get_secret_value() for one in keys if one is not None]
        return held + [one for url in addresses if url is not None for one in url.secrets]

    @property
    def ledger_path(self) -> Path:
        """The ledger's file: beside a Milvus Lite file, and for each server one in ./.alir."""
        if self.ledger is not None:
            return self.ledger
        if (file := self.lite_path) is not None:
            # Hidden, so that it is not ingested with its folder.
            return file.with_name(f".{file.stem}.ledger")
        server = urlsplit(self.milvus_uri.get_secret_value())
        names = [server.hostname or "", str(server.port or 19530), server.path.strip("/")]
        file_name = "-".join(name for name in names if name)
        return Path(".alir", f"{re.sub(r'[^A-Za-z0-9._-]', '_', file_name)}.ledger")

    @property
    def real_root(self) -> Path:
        """The real path of `root`, whether it exists or not."""
        return Path(os.path.realpath(os.path.expanduser(self.root)))  # noqa: PTH111  never raises

    @property
    def sessions_path(self) -> Path:
        """The file of the agent's conversations, beside the ledger."""
        return self.ledger_path.with_suffix(".sessions")

    @property
    def service_path(self) -> Path:
        """The file of the service's keys and ingestions, beside the ledger."""
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
    def _is_http(cls, url: SecretUrl | None) -> SecretUrl | None:
        if url is not None:
            whole = url.get_secret_value()
            if not whole.startswith(("http://", "https://")):
                raise ValueError("must start with http:// or https://")
            _refuse_unsound(whole)
        return url

    @field_validator("milvus_uri")
    @classmethod
    def _is_file_or_server(cls, uri: SecretUrl) -> SecretUrl:
        whole = uri.get_secret_value()
        if "://" not in whole:
            if not whole.endswith(".db"):
                raise ValueError(
                    "must be a file name that ends in .db, or an address such as "
                    "http://localhost:19530"
                )
            return uri
        _refuse_unsound(whole)
        if urlsplit(whole).port == 0:
            raise ValueError(_NO_HOST)
        return uri

    @classmethod
    def load(cls, **overrides: Any) -> "Settings":
        """Read the environment and `.env`; `overrides` that are not None win.

        Raises:
            InvalidSetting: a value that alir cannot use, or an unknown `ALIR_*` name.
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
            shown = "" if _is_secret(name) else f"{_printed(name, first['input'])!r} "
            raise InvalidSetting(
                variable, f"{shown}is not usable: {problem}", "Correct it and try again."
            ) from error


def variables() -> set[str]:
    """Return the name of every `ALIR_*` variable."""
    return {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def _refuse_unsound(url: str) -> None:
    if not is_sound(url):
        raise ValueError(_NO_HOST)


def _printed(name: str, given: object) -> object:
    """Return what was given for a setting, an address without its credentials."""
    field = name.lower().removeprefix(PREFIX.lower()).replace("openai_", "llm_")
    is_address = field in {"milvus_uri", "llm_base_url", "otlp_endpoint"}
    return str(SecretUrl(str(given))) if is_address else given


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in ("llm_api_key", "openai_api_key", "milvus_token"))


def _names_given() -> set[str]:
    """Return the names of all variables in the environment and in `.env`."""
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
    """Return the variable that gave the field `name` its wrong value."""
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
