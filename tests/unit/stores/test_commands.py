"""What operators ask of assets that workers watch."""

from __future__ import annotations

from smart_sentry.stores.store import Store


def _ask(store: Store, asset: str, **arguments: object) -> int:
    with store.transaction() as batch:
        return batch.commands.ask(asset, "maintain", arguments, 10.0)


def test_command_waits_until_it_is_settled(store: Store) -> None:
    first, second = _ask(store, "pump", author="Ann", until=None), _ask(store, "fan")
    with store.view() as view:
        waiting = view.commands.waiting()
        assert [(one.number, one.asset_id, one.action) for one in waiting] == [
            (first, "pump", "maintain"),
            (second, "fan", "maintain"),
        ]
        assert waiting[0].arguments == {"author": "Ann", "until": None}
        assert view.commands.outcome(first) is None
    with store.transaction() as batch:
        assert batch.commands.settle(first, None, 11.0)
        assert batch.commands.settle(second, {"why": "no"}, 11.0)
    with store.view() as view:
        assert view.commands.waiting() == []
        done, refused = view.commands.outcome(first), view.commands.outcome(second)
    assert done is not None
    assert done.refusal is None
    assert refused is not None
    assert refused.refusal == {"why": "no"}


def test_command_is_settled_once(store: Store) -> None:
    number = _ask(store, "pump")
    with store.transaction() as batch:
        assert batch.commands.settle(number, {"problem": "withdrawn"}, 11.0)
        assert not batch.commands.settle(number, None, 12.0)
    with store.view() as view:
        outcome = view.commands.outcome(number)
    assert outcome is not None
    assert outcome.refusal == {"problem": "withdrawn"}


def test_old_commands_go_and_those_that_wait_stay(store: Store) -> None:
    old, new, waiting = (_ask(store, "pump") for _ in range(3))
    with store.transaction() as batch:
        batch.commands.settle(old, None, 11.0)
        batch.commands.settle(new, None, 21.0)
        assert batch.commands.delete_older(20.0) == 1
        assert [one.number for one in batch.commands.waiting()] == [waiting]
        assert batch.commands.outcome(new) is not None
