"""Write the models that the protocol's tests query, and TensorFlow Serving's configuration of them.

python -m tests.serving.conformance.write_models FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.serving.server.small_models import write_labelled, write_scaled

CONFIG = """\
model_config_list {
  config {
    name: "scaled"
    base_path: "FOLDER/scaled"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 2 versions: 3 } }
    version_labels { key: "stable" value: 2 }
    version_labels { key: "canary" value: 3 }
  }
  config { name: "labelled" base_path: "FOLDER/labelled" model_platform: "tensorflow" }
}
"""


def write(folder: Path) -> Path:
    """Write the models below `folder`, and return the path of `models.config`."""
    for version in (2, 3):
        write_scaled(folder / "scaled", version)
    write_labelled(folder / "labelled")
    config = folder / "models.config"
    config.write_text(CONFIG.replace("FOLDER", str(folder.resolve())))
    return config


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
