"""The kit: what a service imports to live behind howdah. Standard library only, but for flask.py and its like."""
