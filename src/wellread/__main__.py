"""``python -m wellread``, the same as the command ``wellread``."""

from wellread.cli import main

main()
