"""The base of all models of the API, and the form of its times."""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict


class ApiModel(BaseModel):
    """A JSON object; docstrings of fields describe them in the OpenAPI file."""

    model_config = ConfigDict(use_attribute_docstrings=True)


def iso(since_1970_s: float) -> str:
    """Return a time in ISO 8601, to the second."""
    return datetime.fromtimestamp(since_1970_s, UTC).isoformat("T", "seconds")
