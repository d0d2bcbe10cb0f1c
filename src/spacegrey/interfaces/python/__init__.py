"""Doors from Python into what the command line decides: plain values in, something that shows itself out."""
