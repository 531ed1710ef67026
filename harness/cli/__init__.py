"""The command line: `dnabench run -m kmer -s yeast`.

Tables go to stdout, everything else to stderr. Exit codes: 0 done, 1 some cells failed or their data is not here,
2 the request was wrong, 3 the gate said no, 130 interrupted. Nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..errors import DnabenchError


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; a user's mistake is one line on stderr."""
    sys.exit(run_words(sys.argv[1:] if words is None else words))


def run_words(words: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
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
        sys.stdout = None  # type: ignore[assignment]
        return 0


def say(line: str) -> None:
    """One line of news on stderr."""
    print(f"dnabench: {line}", file=sys.stderr)


def _call(words: Sequence[str]) -> int:
    from .app import app

    try:
        app(args=list(words) or ["--help"], prog_name="dnabench")
    except SystemExit as done:
        code = done.code
        if code == 130:
            raise KeyboardInterrupt from None
        return code if isinstance(code, int) else 0 if code is None else 1
    return 0
