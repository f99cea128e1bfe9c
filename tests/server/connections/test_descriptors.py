"""How many connections a limit on descriptors leaves room for."""

import json
import subprocess
import sys

import pytest

CODE = """
import json, resource, sys
from alir.server.connections import descriptors
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
descriptors.raise_limit()
now = resource.getrlimit(resource.RLIMIT_NOFILE)
print(json.dumps([*now, descriptors.max_connections()]))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections"), [(64, 1024, 480), (256, 256, 96), (40, 40, 16)]
)
def test_the_limit_is_raised_and_half_of_it_is_kept_for_work(
    soft: int, hard: int, connections: int
) -> None:
    command = [sys.executable, "-c", CODE, str(soft), str(hard)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)

    assert json.loads(found.stdout) == [hard, hard, connections]
