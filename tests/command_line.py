"""Calls the command line within this process."""

import sys
from unittest import mock

from absl.testing import flagsaver

from dermgan_jax import main


def call(*arguments):
    """The exit code of `dermgan ARGUMENTS`."""
    argv = ["dermgan", *map(str, arguments)]
    with mock.patch.object(sys, "argv", argv), flagsaver.flagsaver():
        return main.main()
