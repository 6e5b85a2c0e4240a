"""Mails and text messages: texts out of templates, sent by a provider that a URL names.

Whoever has something to send writes it down in a transaction: see `outbox.py` for how.
"""
