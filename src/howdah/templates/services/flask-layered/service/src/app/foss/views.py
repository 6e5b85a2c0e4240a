"""What comes in and what goes out. Nothing below this file knows HTTP."""

from howdah.kit.flask import allow, validate

from app.foss import blueprint, domain


@blueprint.get("")
@validate(query="list.json")
def list_foss(query):
    found = domain.find(**query)
    return {"total": found.total, "items": [_shown(one) for one in found.items]}


@blueprint.post("")
@allow("user", "admin")
@validate(body="create.json")
def add_foss(body):
    return _shown(domain.add(**body)), 201


@blueprint.get("/<uuid:key>")
def show_foss(key):
    return _shown(domain.get(key))


@blueprint.put("/<uuid:key>")
@allow("user", "admin")
@validate(body="update.json")
def change_foss(key, body):
    return _shown(domain.change(key, **body))


@blueprint.delete("/<uuid:key>")
@allow("user", "admin")
def remove_foss(key):
    return {"message": f"{domain.remove(key).name} was removed."}


def _shown(foss):
    return foss.to_dict(exclude=("deleted_at", "deleted_by"))
