"""A file for each family of operations; every file in this folder adds its rules to the table when it is imported."""

from importlib import import_module
from pkgutil import iter_modules

for family in iter_modules(__path__):
    import_module(f"{__name__}.{family.name}")
