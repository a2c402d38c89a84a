"""Calls the command line within this process."""

from dermgan_jax import main


def call(*arguments):
    """The exit code of `dermgan ARGUMENTS`."""
    return main.main([str(argument) for argument in arguments])
