"""Documents in, a grounded expert model out."""

__version__ = "0.1.0"
