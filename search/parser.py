"""A command line whose mistakes are told in one line."""

import argparse
from typing import NoReturn

from trainables.parts.quote import printable


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one line on stderr and exit code 2, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        """Exit with what is wrong."""
        self.exit(2, f"{refusal(message)}\n")


def refusal(error: Exception | str) -> str:
    """The one line on stderr that a command ends with where it refuses what it was given."""
    return f"error: {printable(str(error).strip(), 1500)}"
