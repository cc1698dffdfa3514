"""Check that every source file with logic has a test at the mirrored path.

    python tools/check_mirrored_tests.py

`models/rankers/din.py` is tested by `tests/models/rankers/test_din.py`. A file without functions that compute anything
(constants, re-exports, data classes, configuration) needs none; `WITHOUT_LOGIC` lists those, each with its reason, and
an entry that is no longer needed is an error too.

Exit code 0 where everything is mirrored, otherwise 1, with one line for each file.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PACKAGES = ("kubeflow", "models", "pipeline", "serving", "transforms")
GENERATED = "_pb2.py"
SPEC_ALONE = "keys and a spec, which tests/pipeline/test_config_schema.py and tests/models/test_spec.py check"
WITHOUT_LOGIC: Mapping[str, str] = {
    "kubeflow/step/errors.py": "an exception class",
    "kubeflow/submission/errors.py": "two exception classes",
    "models/matchers/bpr_mf_spec.py": SPEC_ALONE,
    "models/matchers/comirec_spec.py": SPEC_ALONE,
    "models/matchers/desmil_spec.py": SPEC_ALONE,
    "models/matchers/hcn_spec.py": SPEC_ALONE,
    "models/matchers/idnp_spec.py": SPEC_ALONE,
    "models/matchers/kgat_spec.py": SPEC_ALONE,
    "models/matchers/popularity_spec.py": SPEC_ALONE,
    "models/matchers/two_tower_spec.py": SPEC_ALONE,
    "models/rankers/diffumin_spec.py": SPEC_ALONE,
    "models/rankers/hcn_ranker_spec.py": SPEC_ALONE,
    "models/rankers/hyperparameters.py": "a base class without members",
    "models/rankers/infnet_spec.py": SPEC_ALONE,
    "models/rankers/pooled_spec.py": SPEC_ALONE,
    "models/rankers/shared_bottom_spec.py": SPEC_ALONE,
    "models/rankers/tin_spec.py": SPEC_ALONE,
    "transforms/ingestion/counts.py": "counts without methods",
    "serving/deployment/errors.py": "two exception classes",
}
"""Files without a test, and why they need none."""


def mirrored_test(source: Path) -> Path:
    """Return the path of the test of a source file, both relative to the project."""
    return Path("tests") / source.with_name(f"test_{source.name}")


def sources(project: Path) -> list[Path]:
    """Return the source files that should have a test, relative to the project."""
    files = (file.relative_to(project) for package in PACKAGES for file in (project / package).rglob("*.py"))
    return sorted(file for file in files if file.name != "__init__.py" and not file.name.endswith(GENERATED))


def problems(project: Path, without_logic: Mapping[str, str]) -> list[str]:
    """Return one line for each file that lacks its test, and for each entry of the list that is not needed."""
    untested = [file for file in sources(project) if not (project / mirrored_test(file)).is_file()]
    lines = [
        f"{file} should be tested by {mirrored_test(file)}, which does not exist"
        for file in untested
        if str(file) not in without_logic
    ]
    unneeded = sorted(without_logic.keys() - {str(file) for file in untested})
    return lines + [f"{file} is listed as a file without a test, but has one or does not exist" for file in unneeded]


def main() -> int:
    """Print what is missing and return the exit code."""
    lines = problems(PROJECT, WITHOUT_LOGIC)
    for line in lines:
        print(line)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
