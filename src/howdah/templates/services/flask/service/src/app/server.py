from flask import render_template
# from flask import jsonify

from app import app


@app.get("/")
def index():
    return render_template("index.html", json_is_there="json_message" in app.view_functions)


# @app.get("/json")
# def json_message():
#     return jsonify(message="Hello World")
