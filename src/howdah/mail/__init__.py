"""Mails and text messages: texts out of templates, sent by a provider that a URL names."""
