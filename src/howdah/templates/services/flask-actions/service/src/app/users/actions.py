"""What the API can do. An action takes the members of the body as its arguments, and what it returns is the answer."""

from howdah.kit.actions import schema
from howdah.kit.db import Database, inject, transactional

from app.settings import settings
from app.users.schemas import Email, Find, User, Users
from app.users.sql import FIND, USERS


@schema(User)
@inject(db="default")
def add(db: Database, name, email):
    """The user of this address has this name, whether there was one before or not."""
    return db.upsert(USERS, {"name": name}, {"email": email}, returning=("id", "name", "email"))


@schema(Users)
@transactional()
@inject(db="default")
def add_all(db: Database, users):
    """All of them are there, or none: how many."""
    return {"added": db.insert_batch(USERS, users)}


@schema(Find)
@inject(db="default")
def find(db: Database, name):
    return db.fetch_all(FIND, {"name": name, "limit": settings.page_size})


@schema(User)
@inject(db="default")
def rename(db: Database, name, email):
    return {"renamed": db.update(USERS, {"name": name}, {"email": email})}


@schema(Email)
@inject(db="default")
def remove(db: Database, email):
    return {"removed": db.delete(USERS, {"email": email})}
