"""howdah: a backend platform in Python that rides on Postgres."""

__version__ = "0.1.0"
