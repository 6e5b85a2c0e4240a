"""The kit: what a service imports to live behind howdah. Standard library only, but for the modules that say so."""

from howdah.kit.context import current as current
