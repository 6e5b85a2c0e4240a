"""The front: a page made of three calls to the back."""

from client import ApiClient
from flask import Flask, render_template
from howdah.kit.flask import Howdah
from howdah.kit.services.errors import CallError

api = ApiClient()
app = Flask(__name__)
Howdah(app, checks={"back": lambda: api.ping()})


@app.get("/")
def page():
    try:
        return render_template(
            "index.html", hello=api.say_hello("world"), items=api.get_all(3), stream=list(api.get_stream(5))
        )
    except CallError as error:
        app.logger.warning("the back did not answer: %s", error)
        return render_template("away.html"), 503
