"""What the actions take. A field that is not named here is refused."""

from marshmallow import Schema, fields, validate


class User(Schema):
    name = fields.String(required=True, validate=validate.Length(min=1, max=200))
    email = fields.Email(required=True)


class Users(Schema):
    users = fields.List(fields.Nested(User), required=True)


class Find(Schema):
    name = fields.String(load_default="")


class Email(Schema):
    email = fields.Email(required=True)
