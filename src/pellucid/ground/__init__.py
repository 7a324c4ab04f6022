"""What every room stands on: errors, files, progress, seeds, devices, ranks, how results and numbers are shown."""
