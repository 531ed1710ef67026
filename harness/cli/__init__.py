"""The command line: `dnabench run -m kmer -s yeast`.

Tables go to stdout, everything else to stderr. Exit codes: 0 done, 1 some cells failed or their data is not here,
2 the request was wrong, 3 the gate said no, 130 interrupted. Nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..errors import DnabenchError, RequestError


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; a user's mistake is one line on stderr."""
    sys.exit(run_words(sys.argv[1:] if words is None else words))


def run_words(words: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    from .out import say
    from .spellings import respell

    try:
        words, notes = respell(words)
        for note in notes:
            say(note)
        return _call(words)
    except DnabenchError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("interrupted; what is finished is saved, and the same line goes on from there")
        return 130
    except BrokenPipeError:
        # `dnabench list tasks | head` closes stdout early; python would complain again at exit.
        sys.stdout = None
        return 0


def _call(words: Sequence[str]) -> int:
    """The command's own exit code; what typer has to say of a wrong option comes back as one sentence."""
    from .app import EXAMPLES, app

    try:
        code = app(args=list(words) or ["--help"], prog_name="dnabench", standalone_mode=False)
    except Exception as error:
        # Typer's own errors have no public base class in all versions; all of them can format themselves.
        if not hasattr(error, "format_message"):
            raise
        command = next((word for word in words if not word.startswith("-")), "")
        where = f"dnabench {command} --help" if command in EXAMPLES else "dnabench --help"
        raise RequestError(f"{error.format_message().rstrip('.')} ({where})") from None
    if code == 130:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0
