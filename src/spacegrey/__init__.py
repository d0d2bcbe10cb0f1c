"""Spacegrey: a working iMac Pro (2017) in software, and a digital twin for workstations like it."""

__version__ = "0.1.0"
