"""What every JSON object of the API is."""

from pydantic import BaseModel, ConfigDict


class ApiModel(BaseModel):
    """A JSON object; what stands below a field here describes it in the OpenAPI file, too."""

    model_config = ConfigDict(use_attribute_docstrings=True)
