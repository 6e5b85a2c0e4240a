"""The rules: what may be done, and what else happens then. Other APIs are called from here."""

from app.foss import backend


def find(search="", limit=20, offset=0):
    return backend.foss().search(search, limit, offset)


def get(key):
    return backend.foss().get(key)


def add(name, url):
    return backend.foss().create(name=clean(name), url=url)


def change(key, **values):
    if "name" in values:
        values["name"] = clean(values["name"])
    return backend.foss().update(key, **values)


def remove(key):
    return backend.foss().delete(key)


def clean(name):
    """A name as it is kept: without blanks around it, and one where there were several.

    >>> clean("  Post  greSQL ")
    'Post greSQL'
    """
    return " ".join(name.split())
