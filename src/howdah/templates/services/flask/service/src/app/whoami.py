"""Who is asking. The gateway has found out, and says so in headers that no client can set."""

from flask import jsonify, request
from howdah.kit import current

from app import app


@app.get("/whoami")
def whoami():
    if "X-Hasura-Role" not in request.headers:
        return jsonify(
            role=None,
            message="This request has no X-Hasura-Role header, so it did not come through howdah's gateway. "
            "Ask the gateway instead: http://localhost:8080/whoami",
        )
    caller = current.session
    return jsonify(role=caller.role, user_id=caller.variables.get("x-hasura-user-id"))
