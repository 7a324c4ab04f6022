"""Pictures of what pellucid computes: matplotlib figures and SVG text, each with its description in words."""
