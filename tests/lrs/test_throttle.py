"""Guessing is slowed down, and nobody else with it; a credential that asks more than it may is told when to come back."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnlake import throttle
from learnlake.settings import Settings, get_settings
from lrs import credentials
from tests.lrs.served import KEY, SECRET, Lrs, serving, statement

HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"


@pytest.fixture(scope="module")
def lrs(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Lrs]:
    """An LRS whose addresses nobody else uses to log in wrongly."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("lrs")
        patch.setenv("LEARNLAKE_HOME", str(folder))
        patch.setenv("LEARNLAKE_CONFIG", str(folder / "none.toml"))
        get_settings.cache_clear()
        settings = get_settings()
        settings.home.create()
        with serving(settings, free_port()) as lrs:
            yield lrs
    get_settings.cache_clear()


def client_from(lrs: Lrs, address: str) -> httpx.Client:
    """A client that calls from another address of this machine."""
    return httpx.Client(
        base_url=lrs.url,
        headers={"X-Experience-API-Version": "1.0.3"},
        transport=httpx.HTTPTransport(local_address=address),
        timeout=30,
    )


def statuses(client: httpx.Client, key: str, secrets: list[str]) -> list[int]:
    return [client.get("/statements", auth=(key, secret)).status_code for secret in secrets]


@pytest.mark.parametrize("is_known", [True, False])
def test_guessing_from_one_address_is_made_to_wait_whether_the_key_exists_or_not(
    lrs: Lrs, is_known: bool
) -> None:
    key = uuid.uuid4().hex
    if is_known:
        credentials.create(lrs.settings, name="guessed", key=key, secret="right")
    with client_from(lrs, HERE) as here, client_from(lrs, ELSEWHERE) as there:
        assert statuses(here, key, [f"wrong {n}" for n in range(7)]) == [401] * 5 + [429] * 2
        refused = here.get("/statements", auth=(key, "right"))
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert "X-Experience-API-Version" in refused.headers
        # The same key from another address, and another key from the same one, are let through.
        assert statuses(there, key, ["right"]) == [200 if is_known else 401]
        assert statuses(here, KEY, [SECRET]) == [200]


def test_who_was_right_before_never_waits_for_what_others_guess_from_the_same_address(lrs: Lrs) -> None:
    """Also when all must be verified anew, as after each change of the credentials."""
    key = uuid.uuid4().hex
    credentials.create(lrs.settings, name="behind a proxy", key=key, secret="right")
    with client_from(lrs, HERE) as here:
        assert statuses(here, key, ["right"]) == [200]
        assert statuses(here, key, [f"wrong {n}" for n in range(7)])[-1] == 429
        credentials.create(lrs.settings, name="new", key=uuid.uuid4().hex, secret="s")
        time.sleep(1.2)  # until the LRS looks for changed credentials
        assert statuses(here, key, ["right", "wrong again", "right"]) == [200, 429, 200]
        credentials.revoke(lrs.settings, key)
        time.sleep(1.2)
        assert statuses(here, key, ["right"]) == [401]


def test_guesses_sent_side_by_side_are_counted_too(lrs: Lrs) -> None:
    key, found = uuid.uuid4().hex, []

    def guess(number: int) -> None:
        with client_from(lrs, HERE) as client:
            found.extend(statuses(client, key, [f"wrong {number}"]))

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [401] * 5 + [429] * 15


def test_a_right_secret_is_never_slowed_down_however_many_requests_bring_it_first(lrs: Lrs) -> None:
    key, found = uuid.uuid4().hex, []
    credentials.create(lrs.settings, name="busy", key=key, secret="right")

    def ask(_: int) -> None:
        with client_from(lrs, HERE) as client:
            found.extend(statuses(client, key, ["right"]))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 20


def test_one_that_is_remembered_goes_on_beside_a_guesser_at_its_address(lrs: Lrs) -> None:
    key = uuid.uuid4().hex
    credentials.create(lrs.settings, name="steady", key=key, secret="right")
    with client_from(lrs, HERE) as client:
        assert statuses(client, key, ["right", *(f"wrong {n}" for n in range(6)), "right"]) == [
            200, *[401] * 5, 429, 200
        ]  # fmt: skip


def test_a_rate_is_kept_and_the_answer_says_when_to_come_back(lrs: Lrs) -> None:
    key, free = uuid.uuid4().hex, uuid.uuid4().hex
    credentials.create(lrs.settings, name="slow", key=key, secret="s", rate=0.01, burst=3)
    credentials.create(lrs.settings, name="fast", key=free, secret="s", rate=0)
    with lrs.client(key=key, secret="s") as client:
        # Requests count, not statements; reading counts like writing.
        batch = [statement() for _ in range(20)]
        assert client.post("/statements", json=batch).status_code == 200
        assert client.get("/statements").status_code == 200
        assert client.get("/statements", params={"limit": "wrong"}).status_code == 400
        refused = client.post("/statements", json=statement())
        assert (refused.status_code, refused.json()["status"]) == (429, 429)
        assert 1 <= int(refused.headers["Retry-After"]) <= 100
        assert client.get("/about").status_code == 200
    with lrs.client(key=free, secret="s") as client:
        assert {client.get("/statements").status_code for _ in range(20)} == {200}


def test_the_settings_give_the_rate_of_credentials_without_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    monkeypatch.setenv("LEARNLAKE_RATE_LIMIT_PER_SECOND", "0.01")
    monkeypatch.setenv("LEARNLAKE_RATE_LIMIT_BURST", "2")
    get_settings.cache_clear()
    with serving(get_settings(), free_port()) as lrs, lrs.client() as client:
        assert [client.get("/statements").status_code for _ in range(3)] == [200, 200, 429]
        # A change of credentials forgets what was verified, not what was used up.
        credentials.create(lrs.settings, name="another", key="another", secret="s", rate=5)
        assert client.get("/statements").status_code == 429
        with lrs.client(key="another", secret="s") as other:
            assert [other.get("/statements").status_code for _ in range(3)] == [200] * 3


@given(
    st.floats(0.1, 1000),
    st.integers(1, 1000),
    st.lists(st.floats(0, 5), max_size=200),
)
def test_a_bucket_gives_no_more_than_its_rate_and_burst(rate: float, burst: int, pauses: list[float]) -> None:
    bucket = throttle.Bucket(rate, burst)
    start = now = bucket._at
    taken = 0
    for pause in pauses:
        now += pause
        wait = bucket.take(now)
        if wait == 0:
            taken += 1
            assert taken <= burst + (now - start) * rate + 1e-6
        else:
            assert 0 < wait <= 1 / rate
    # Whoever waits as long as he was told is served.
    if pauses and (wait := bucket.take(now)):
        assert bucket.take(now + wait + 1e-6) == 0


def test_what_is_remembered_of_failures_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "_REMEMBERED", 100)
    backoff = throttle.Backoff(free=2)
    for number in range(1000):
        backoff.failed(str(number), "key")
    assert len(backoff._failures) == 100
    waits = []
    for _ in range(30):
        backoff.failed("guesser")
        waits.append(round(backoff.wait("guesser"), 1))
    assert waits[0] == 0 and waits == sorted(waits) and waits[-1] <= 300
    backoff.forget("guesser")
    assert backoff.wait("guesser") == 0


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("", "", True),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, is_same: bool) -> None:
    assert (throttle.source_of(one) == throttle.source_of(other)) is is_same
