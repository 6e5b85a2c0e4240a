"""A session for each request of a Flask app: begun when it is first wanted, ended with the answer.

from howdah.kit.orm.flask import Sessions

Howdah(app)
sessions = Sessions(app)

@app.post("/articles")
def add():
    sessions.current.add(Article(title="Hello"))
"""

from __future__ import annotations

from http import HTTPStatus

import flask
from sqlalchemy.exc import SQLAlchemyError

from howdah.errors import HowdahError
from howdah.kit.db.settings import DEFAULT
from howdah.kit.orm.engines import engine
from howdah.kit.orm.failures import explain
from howdah.kit.orm.sessions import Session


class Sessions:
    """The sessions of the requests of an app, on the database ``name``.

    What a request did is stored once, before its answer is sent, when that has a status below 400, and not otherwise.
    A commit that fails is the answer. To be made after ``Howdah(app)``, so that the log has the status that was sent.
    """

    def __init__(self, app: flask.Flask, name: str = DEFAULT) -> None:
        self._name = name
        self._key = f"howdah_session_{name}"
        self._app = app
        app.after_request(self._commit)
        app.teardown_request(self._end)
        app.register_error_handler(SQLAlchemyError, self._explain)

    @property
    def current(self) -> Session:
        """The session of the current request."""
        found: Session | None = flask.g.get(self._key)
        if found is None:
            found = Session(engine(self._name), expire_on_commit=False)
            setattr(flask.g, self._key, found)
        return found

    def _commit(self, response: flask.Response) -> flask.Response:
        found: Session | None = flask.g.get(self._key)
        if found is None:
            return response
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            found.rollback()
            return response
        try:
            found.commit()
        except SQLAlchemyError as error:
            found.rollback()
            return self._app.make_response(self._app.handle_user_exception(explain(error)))
        except HowdahError as error:  # no connection to begin with
            found.rollback()
            return self._app.make_response(self._app.handle_user_exception(error))
        return response

    def _end(self, _error: BaseException | None) -> None:
        found: Session | None = flask.g.pop(self._key, None)
        if found is not None:
            found.close()

    def _explain(self, error: SQLAlchemyError) -> flask.typing.ResponseReturnValue:
        return self._app.handle_user_exception(explain(error))
