"""Which connection goes when as many are open as may be."""

from hypothesis import given
from hypothesis import strategies as st

from alir.server.connections.connection_limiter import ConnectionLimiter


class Connection:
    def __init__(self, name: str = "") -> None:
        self.name = name
        self.is_open = True

    def abort(self) -> None:
        self.is_open = False


def test_the_connection_that_has_been_idle_longest_makes_room() -> None:
    limiter = ConnectionLimiter(3)
    first, second, third = connections = [Connection(), Connection(), Connection()]
    for one in connections:
        limiter.add(one, "127.0.0.1")
    limiter.set_busy(first)
    limiter.set_idle(first)  # it has been answered a moment ago

    assert limiter.make_room()
    assert [one.is_open for one in connections] == [True, False, True]
    assert limiter.make_room()  # there is room for the one that takes its place
    assert third.is_open
    limiter.add(second, "127.0.0.1")
    assert limiter.make_room()
    assert not third.is_open


def test_requests_under_way_are_never_ended_for_a_new_one() -> None:
    limiter = ConnectionLimiter(2)
    connections = [Connection(), Connection()]
    for one in connections:
        limiter.add(one, "127.0.0.1")
        limiter.set_busy(one)

    assert not limiter.make_room()
    assert all(one.is_open for one in connections)
    limiter.discard(connections[0])
    assert limiter.make_room()


def test_the_address_with_the_most_idle_connections_gives_one_up() -> None:
    limiter = ConnectionLimiter(4)
    alone = Connection()
    limiter.add(alone, "10.0.0.1")
    crowd = [Connection() for _ in range(3)]
    for one in crowd:
        limiter.add(one, "10.0.0.2")

    assert limiter.make_room()
    assert alone.is_open
    assert [one.is_open for one in crowd] == [False, True, True]


@given(
    acts=st.lists(
        st.tuples(st.sampled_from(["open", "busy", "idle", "close"]), st.integers(0, 5)),
        max_size=60,
    )
)
def test_never_more_are_open_than_may_be(acts: list[tuple[str, int]]) -> None:
    limiter, connections = ConnectionLimiter(3), list[Connection]()
    for act, number in acts:
        live = [one for one in connections if one.is_open]
        if act == "open":
            if limiter.make_room():
                connections.append(Connection())
                limiter.add(connections[-1], f"10.0.0.{number % 2}")
        elif live:
            one = live[number % len(live)]
            if act == "close":
                one.is_open = False
                limiter.discard(one)
            elif act == "busy":
                limiter.set_busy(one)
            else:
                limiter.set_idle(one)
        assert limiter.open == sum(one.is_open for one in connections) <= 3
