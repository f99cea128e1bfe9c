"""The data beside the checkout; tests that read them skip where they are not there."""

from pathlib import Path

import pytest

_DATA = (Path(__file__).resolve().parents[2] / "shared" / "data").resolve()

SEED = _DATA / "seed"
"""The tutorial's own files."""
CRANFIELD = _DATA / "cranfield"
"""The Cranfield collection, in SMART's format."""

needs_seed = pytest.mark.skipif(not SEED.exists(), reason="../shared/data/seed is not here")
needs_cranfield = pytest.mark.skipif(
    not CRANFIELD.exists(), reason="../shared/data/cranfield is not here"
)
