"""A command line whose mistakes are told in one line."""

import argparse
from typing import NoReturn

from analysis.text import plain


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one line on stderr and exit code 2, without the usage in front of
    it."""

    def error(self, message: str) -> NoReturn:
        """Exit with what is wrong."""
        self.exit(2, f"error: {plain(message)}\n")
