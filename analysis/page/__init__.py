"""The parts of a report, and how it is written: HTML, Markdown and SVG."""
