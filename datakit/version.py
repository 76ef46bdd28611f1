"""The version, alone in its file: build tools read it without importing the package."""

__version__ = "0.1.0"
