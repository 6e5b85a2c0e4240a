"""Rows from the Data API. The service holds no connection to the database and no SQL."""

from flask import jsonify
from howdah.kit.data import Data

from app import app

# Where the Data API is comes from HOWDAH_DATA_URL, which `howdah dev` sets. The query runs as anonymous: the service
# sees what everybody sees. When the Data API refuses, is late or is down, the caller gets an error that says so.
data = Data(timeout=5)

NEWEST_ARTICLES = {
    "type": "select",
    "args": {
        "table": "article",
        "columns": ["id", "title", "content", "rating", "author_id", {"name": "author", "columns": ["name"]}],
        "order_by": "-id",
        "limit": 10,
    },
}


@app.get("/get_articles")
def get_articles():
    return jsonify(data=data.query(NEWEST_ARTICLES))
