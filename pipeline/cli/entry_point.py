"""What the command `interestflow` starts.

The package can be installed with the client alone, which lacks what the command line needs. Then this says what to
install.
"""

from __future__ import annotations

import sys

OWN_PACKAGE = "interestflow"


def main() -> None:
    """Run the command line."""
    try:
        from interestflow.pipeline.cli.main import main as run

        run()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or package == OWN_PACKAGE:
            raise
        sys.exit(
            f"error: the package {package} is not installed; "
            "the command line needs more than the client: pip install 'interestflow[pipeline]'"
        )
