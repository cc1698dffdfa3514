"""Output of libraries goes to the log and our own to the terminal, checked in a real process."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, sys
from pathlib import Path
from interestflow.pipeline.cli.library_logs import redirect_library_output

print("before")
with redirect_library_output(Path(sys.argv[1])) as console:
    print("from python")
    os.write(2, b"from c++\\n")
    console.print("to the person")
print("after")
"""


def test_only_the_console_reaches_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "run.log"
    result = subprocess.run([sys.executable, "-c", SCRIPT, str(log)], capture_output=True, text=True, check=True)
    assert result.stdout == "before\nto the person\nafter\n"
    assert result.stderr == ""
    assert sorted(log.read_text().splitlines()) == ["from c++", "from python"]
