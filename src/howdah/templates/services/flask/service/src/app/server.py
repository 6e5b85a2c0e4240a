from flask import render_template, request
# from flask import jsonify
from howdah.kit import current

from app import app


@app.get("/")
def index():
    domain = request.headers.get("X-Hasura-Base-Domain", "localhost")  # where the pages of accounts are
    port = request.host.partition(":")[1:]
    return render_template(
        "index.html",
        caller=current.session,
        accounts=f"//{domain}{''.join(port)}/auth/ui",
        json_is_there="json_message" in app.view_functions,
    )


# @app.get("/json")
# def json_message():
#     return jsonify(message="Hello World")
