"""The command line: one file a verb, each verb one library call."""
