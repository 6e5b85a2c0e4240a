"""Servers that howdah brings along for development, so that a project needs nothing installed."""
