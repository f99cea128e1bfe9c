"""The base of all models of the API."""

from pydantic import BaseModel, ConfigDict


class ApiModel(BaseModel):
    """A JSON object; docstrings of fields describe them in the OpenAPI file."""

    model_config = ConfigDict(use_attribute_docstrings=True)
