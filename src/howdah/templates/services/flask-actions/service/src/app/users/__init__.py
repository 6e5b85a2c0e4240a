from howdah.kit.actions import Module

from app.users.routes import routes

module = Module(__name__, routes)
