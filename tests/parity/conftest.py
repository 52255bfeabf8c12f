"""The scripts that run in the other environment are no tests."""

collect_ignore_glob = ["*_side.py"]
