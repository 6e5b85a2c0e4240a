"""Starts, checks, restarts and ends processes in order, and leaves none behind."""
