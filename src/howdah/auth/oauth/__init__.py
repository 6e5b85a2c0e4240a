"""Signing in with an account of somewhere else: OpenID Connect, and OAuth 2 with a page that says who it is."""
