"""The command line: one file per verb or noun, each of which parses, calls and prints, and decides nothing."""
