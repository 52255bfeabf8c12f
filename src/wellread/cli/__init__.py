"""The command line: one file a verb, each verb one library call.

A verb's file imports what it needs inside its function, so that ``wellread --help`` costs little.
Summaries and progress go to stderr, results to stdout; ``--json`` makes them JSON.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; a known error ends with its message and its exit code."""
    from wellread.cli.app import app
    from wellread.errors import WellreadError

    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character gets a stand-in, not a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        app(standalone_mode=True)
    except WellreadError as error:
        if "--debug" in sys.argv:
            raise
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
