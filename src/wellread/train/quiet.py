"""Libraries that say less: no bars of their own, and warnings only where they matter."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging


@contextmanager
def quiet() -> Iterator[None]:
    """Errors of transformers stay; its bars, hints and changes to come are left out inside."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks by an old name
            warnings.filterwarnings("ignore", module=r"peft\.")  # hints to its own users
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
