"""The commands, a file each: `trace.py` holds the click command `trace`, with its section and position in the help.

A file here is found by its name; these files import click and the standard library at their top, nothing heavier.
"""
