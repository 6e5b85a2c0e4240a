"""The service on a real Redis, which `howdah test services` brings."""

from concurrent.futures import ThreadPoolExecutor

from app import app


def test_no_hit_is_lost_and_none_counted_twice():
    with ThreadPoolExecutor(20) as pool:
        counted = list(pool.map(lambda _: app.test_client().get("/").json["hits"], range(200)))
    assert sorted(counted) == list(range(min(counted), min(counted) + 200))


def test_its_health_asks_redis():
    assert app.test_client().get("/-/health").status_code == 200
