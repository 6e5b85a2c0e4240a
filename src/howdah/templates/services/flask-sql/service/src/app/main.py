"""The routes. What they ask of the database is in db.py."""

from flask import Flask, abort
from howdah.kit.flask import Howdah, validate

from app import db

app = Flask(__name__)
Howdah(app, checks={"database": db.ping})


@app.get("/objects")
def list_objects():
    return db.objects()


@app.post("/objects")
@validate(body="object.json")
def add_object(body):
    return db.add_object(body["name"]), 201


@app.put("/objects")
def replace_objects():
    abort(501)  # in JSON, as every error is


@app.delete("/objects/<int:number>")
def remove_object(number):
    return ("", 204) if db.remove_object(number) else abort(404)
