"""What nltk finds while it is imported, and what others find afterwards."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FAKE_NLTK = """
try:
    import scipy.stats
except ImportError:
    found = False
else:
    found = True
"""
PROGRAM = """
import json
from alir.app.light_nltk import leave_out_statistics
{called}
import nltk
import scipy.stats
print(json.dumps([nltk.found, scipy.stats.__name__]))
"""


@pytest.mark.parametrize(("called", "found"), [("leave_out_statistics()", False), ("", True)])
def test_nltk_goes_without_scipy_where_that_was_asked_for_and_the_others_have_it(
    tmp_path: Path, called: str, found: bool
) -> None:
    for name, text in {"nltk": FAKE_NLTK, "scipy": "", "scipy/stats": ""}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(called=called)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        check=True,
    )

    assert json.loads(done.stdout) == [found, "scipy.stats"]
