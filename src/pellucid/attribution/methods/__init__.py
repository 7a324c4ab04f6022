"""A file for each attribution method; every file in this folder adds its method to the table when it is imported."""

from importlib import import_module
from pkgutil import iter_modules

for file in iter_modules(__path__):
    import_module(f"{__name__}.{file.name}")
