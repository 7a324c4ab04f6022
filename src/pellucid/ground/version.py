"""The version, in its one place; the package's metadata reads it here."""

VERSION = "0.1.0"
