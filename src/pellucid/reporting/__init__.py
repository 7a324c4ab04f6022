"""The report: everything that is known of a run in one HTML file, which opens from the disk."""

from pellucid.reporting.build import report

__all__ = ["report"]
