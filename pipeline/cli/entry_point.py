"""Entry point of the command `interestflow`.

The command line needs packages that `pip install interestflow` alone does not install. Where one is missing, the
message names it and the extra that installs it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

OWN_PACKAGE = "interestflow"
EXTRAS: Mapping[str, str] = {"celpy": "kubeflow", "kfp": "kubeflow", "kfp_server_api": "kubeflow"}
"""Extra that installs a package, for packages that `[pipeline]` does not install."""


def main() -> None:
    """Run the command line, or exit with a sentence that says what to install."""
    try:
        from interestflow.pipeline.cli.main import main as run

        run()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or package == OWN_PACKAGE:
            raise
        extra = EXTRAS.get(package, "pipeline")
        sys.exit(
            f"error: the package {package} is not installed; "
            f"this command needs the extra `{extra}`: pip install '{OWN_PACKAGE}[{extra}]'"
        )
