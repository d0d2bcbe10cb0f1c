"""The command line: one module for each verb."""

from spacegrey.interfaces.cli.application import app, main

__all__ = ["app", "main"]
