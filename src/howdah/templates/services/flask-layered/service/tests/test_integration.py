"""From a request to a row and back, on a real database."""

POSTGRES = {"name": "PostgreSQL", "url": "https://www.postgresql.org"}


def test_from_the_first_to_the_last_day(client, as_user):
    added = client.post("/foss", json=POSTGRES, headers=as_user)
    assert (added.status_code, added.json["created_by"]) == (201, "7")
    address = f"/foss/{added.json['id']}"
    assert client.get(address).json == added.json
    assert client.get("/foss?search=postgre&limit=1").json == {"total": 1, "items": [added.json]}
    changed = client.put(address, json={"name": " Postgres "}, headers=as_user)
    assert changed.json["name"] == "Postgres"
    assert client.delete(address, headers=as_user).json == {"message": "Postgres was removed."}
    assert client.get(address).status_code == 404
    assert client.get("/foss?search=postgre").json["total"] == 0


def test_a_name_is_there_once(client, as_user):
    body = {"name": "Linux", "url": "https://kernel.org"}
    assert client.post("/foss", json=body, headers=as_user).status_code == 201
    again = client.post("/foss", json=body, headers=as_user)
    assert (again.status_code, again.json["path"]) == (409, "name")


def test_nobody_writes_without_signing_in(client):
    assert client.post("/foss", json=POSTGRES).status_code == 401


def test_what_is_wrong_is_said(client, as_user):
    refused = client.post("/foss", json={"url": "no address"}, headers=as_user)
    assert (refused.status_code, len(refused.json["problems"])) == (422, 2)
    assert client.get("/foss?limit=none").status_code == 422
    assert client.post("/foss", data="name=x", headers=as_user).status_code == 415
    assert client.post("/foss", json=POSTGRES, headers={**as_user, "Content-Type": "application/json; charset=utf-8"})
    assert client.patch("/foss").status_code == 405
