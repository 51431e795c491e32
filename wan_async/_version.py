"""The version, as text only: reading package metadata would cost every import several milliseconds."""

__version__ = "0.1.0"
