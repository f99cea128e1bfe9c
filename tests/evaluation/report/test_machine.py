"""The machine that a figure was measured on."""

import json
import os
import platform

from alir.evaluation.report.machine import PACKAGES, describe


def test_the_machine_is_described_as_json() -> None:
    found = json.loads(json.dumps(describe()))

    assert found["cores"] == os.cpu_count()
    assert found["python"] == platform.python_version()
    assert found["cpu"]
    assert found["memory_gib"] > 0
    assert len(found["load_average"]) == 3


def test_installed_packages_have_their_versions_and_others_are_left_out() -> None:
    packages = describe()["packages"]

    assert set(packages) <= set(PACKAGES)
    assert packages["alir"]
    assert packages["numpy"].split(".")[0].isdecimal()
