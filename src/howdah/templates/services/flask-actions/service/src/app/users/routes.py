from howdah.kit.actions import route

from app.users import actions

routes = [
    route("add", actions.add),
    route("add_all", actions.add_all),
    route("find", actions.find),
    route("rename", actions.rename),
    route("remove", actions.remove),
]
