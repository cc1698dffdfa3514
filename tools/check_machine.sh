#!/bin/sh
# Report in one sentence what a machine lacks, before anything is installed.
python="$1"
if [ -z "$python" ]; then
    echo "error: Python 3.11 or newer is needed and none was found; install it (Debian: apt-get install python3 python3-venv)." >&2
    exit 1
fi
if ! command -v "$python" >/dev/null; then
    echo "error: Python 3.11 or newer is needed and $python is not there; install it (Debian: apt-get install python3 python3-venv)." >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'; then
    echo "error: Python 3.11, 3.12 or 3.13 is needed, received $("$python" --version 2>&1) ($python); name another with 'make PYTHON=...'." >&2
    exit 1
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    echo "error: $python has no venv module; install it (Debian: apt-get install python3-venv)." >&2
    exit 1
fi
if ! command -v gcc >/dev/null && ! command -v cc >/dev/null; then
    echo "error: a C compiler is needed to install some packages and none was found; install gcc (Debian: apt-get install gcc python3-dev)." >&2
    exit 1
fi
