"""The project: ``howdah.toml``, the environment and the secrets, read once into frozen values."""
