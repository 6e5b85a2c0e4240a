"""Tasks: what a transaction wants to be done later is done, once it has committed, by the workers of the project.

The workers' half, and how a service asks for one, is `howdah.kit.tasks`.
"""
