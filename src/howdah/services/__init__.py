"""The user's services: where each one is, and whether it answers."""
