"""Counts hits in Redis."""

import os

from flask import Flask, abort
from howdah.kit.flask import Howdah
from redis import Redis, RedisError

store = Redis.from_url(os.environ["REDIS_URL"], socket_timeout=2)
KEY = f"{os.environ.get('HOWDAH_SERVICE', 'counter')}:hits"

app = Flask(__name__)
Howdah(app, checks={"redis": store.ping})


@app.get("/")
def hit():
    try:
        return {"hits": store.incr(KEY)}  # counts and answers in one call, however many ask at once
    except RedisError:
        abort(503)
