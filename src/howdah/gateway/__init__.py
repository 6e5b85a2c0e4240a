"""The one door: what may come in, on whose behalf, and where it goes."""
