"""More than one user: each has a way of his own to the class key, and administrators give and take it."""

import json

import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave.keybag import Entry, Keybag


@pytest.fixture
def two(locked):
    """Return a chip with FileVault on, the administrator 'admin' and the user 'anna', switched on anew."""
    locked.on.add_user("anna", b"hers", b"right", admin=False)
    locked.restart()
    return locked


def test_the_first_user_is_an_administrator_and_further_ones_are_what_they_are_made(two):
    two.on.add_user("bert", b"his", b"right", admin=True)
    status = two.on.status()
    assert status["users"] == ["admin", "anna", "bert"]
    assert status["administrators"] == ["admin", "bert"]


def test_each_user_unlocks_the_same_volume_with_a_password_of_his_own(two):
    two.on.unlock(b"right")
    key = two.volume_key()
    two.restart().unlock(b"hers", "anna")
    assert two.volume_key() == key
    assert two.on.status()["logged_in"] == "anna"
    two.restart()
    for password, user in ((b"hers", "admin"), (b"right", "anna"), (b"hers", None)):
        with pytest.raises(Refusal, match="wrong password"):
            two.on.unlock(password, user)


def test_attempts_at_all_users_are_counted_together(two):
    for user in ("admin", "anna", "admin"):
        with pytest.raises(Refusal, match="wrong password"):
            two.on.unlock(b"guess", user)
    assert two.on.status()["attempts"]["failed"] == 3
    two.on.unlock(b"hers", "anna")
    assert two.on.status()["attempts"]["failed"] == 0


def test_a_user_changes_his_own_password_and_whose_is_asked_for_by_default_stays(two):
    two.on.set_password(b"right", b"anew")
    two.restart().unlock(b"anew")
    two.on.set_password(b"hers", b"secret", "anna")
    two.restart().unlock(b"anew")
    assert two.on.status()["logged_in"] == "admin"
    two.restart().unlock(b"secret", "anna")
    assert two.on.status()["administrators"] == ["admin"]


def test_what_administrators_do_nobody_else_does_and_no_attempt_is_lost(two):
    for act in (
        lambda: two.on.add_user("bert", b"his", b"hers", "anna", admin=False),
        lambda: two.on.remove_user("admin", b"hers", "anna"),
        lambda: two.on.set_filevault(on=False, password=b"hers", user="anna"),
        lambda: two.on.new_recovery_key(b"hers", "anna"),
        lambda: two.on.authenticate(b"hers", "anna", admin=True),
    ):
        with pytest.raises(Refusal, match="'anna' is no administrator; those are: admin; no attempt is lost"):
            act()
    assert two.on.status()["attempts"]["failed"] == 0
    assert two.on.authenticate(b"hers", "anna") == "anna"


def test_a_user_is_added_with_an_administrator_s_password_only(two):
    with pytest.raises(Refusal, match="wrong password: 1 failed"):
        two.on.add_user("bert", b"his", b"guess", admin=True)
    assert two.restart().status()["users"] == ["admin", "anna"]


@pytest.mark.parametrize(
    ("name", "new", "says"),
    [
        ("anna", b"x", "there is a user 'anna' already"),
        ("admin", b"x", "there is a user 'admin' already"),
        ("bert", b"", "the password is empty"),
        ("bert", b"x" * 256, "256 bytes"),
        ("", b"x", "is no user's name"),
        ("a\nb", b"x", "is no user's name"),
        (" a", b"x", "is no user's name"),
        ("a" * 65, b"x", "is no user's name"),
    ],
)
def test_a_new_user_has_a_name_and_a_password_and_a_mistake_costs_no_attempt(two, name, new, says):
    with pytest.raises(InputError, match=says) as caught:
        two.on.add_user(name, new, b"right", admin=False)
    assert "\n" not in str(caught.value)
    assert two.on.status()["attempts"]["failed"] == 0


def test_before_the_first_password_there_is_nobody_who_could_add_a_user(chip):
    with pytest.raises(Refusal, match="no password is set"):
        chip.on.add_user("anna", b"hers", b"", admin=False)
    chip.on.set_password(None, b"mine", "carla")
    assert chip.on.status()["administrators"] == ["carla"]


def test_a_removed_user_s_password_opens_nothing_and_neither_does_the_old_wrapping(two):
    two.cut()
    before = two.files()
    two.start().unlock(b"right")
    key = two.volume_key()
    two.on.remove_user("anna", b"right")
    two.restart()
    with pytest.raises(Refusal, match="no user 'anna'; users: admin"):
        two.on.unlock(b"hers", "anna")
    two.on.unlock(b"right")
    assert two.volume_key() == key
    two.cut()
    old = json.loads(next(content for name, content in before.items() if name.name.startswith("keybag")))
    entry = next(Entry.model_validate(one) for one in old["entries"] if one["user"] == "anna")
    two.start()
    two.on.kept.change(lambda bag, _nonce: bag.model_copy(update={"entries": [*bag.entries, entry]}))
    with pytest.raises(Refusal, match="wrong password"):
        two.on.unlock(b"hers", "anna")


def test_the_last_administrator_stays(two):
    with pytest.raises(Refusal, match="'admin' is the last administrator and stays; no attempt is lost"):
        two.on.remove_user("admin", b"right")
    two.on.add_user("bert", b"his", b"right", admin=True)
    two.on.remove_user("admin", b"his", "bert")
    assert two.restart().status()["users"] == ["anna", "bert"]
    two.on.unlock(b"his", "bert")


def test_with_filevault_off_and_on_again_every_user_still_unlocks(two):
    two.on.set_filevault(on=False, password=b"right")
    two.restart().unlock(None)
    assert two.on.status()["logged_in"] is None
    two.on.set_filevault(on=True, password=b"right")
    two.restart().unlock(b"hers", "anna")


def test_who_may_not_change_the_policy_is_refused_before_the_password_is_looked_at(two):
    from spacegrey.virtual.starting import Enclave

    class Line:
        def ask(self, do, **said):
            assert do == "authenticate"
            return two.on.authenticate(said["password"], said["user"], said["place"], admin=said["admin"])

    with pytest.raises(Refusal, match="no administrator"):
        Enclave(Line()).authenticate(b"hers", "anna")
    assert Enclave(Line()).authenticate(b"right") == "admin"


def test_an_entry_takes_the_place_of_its_own_kind_and_user_only():
    def entry(kind, user="", rounds=1):
        return Entry(kind=kind, user=user, rounds=rounds, wrapped="")

    bag = Keybag(generation=1, entries=[entry("password", "a"), entry("uid"), entry("password", "b")])
    assert bag.replaced(entry("password", "a", 2)).entries == [
        entry("password", "a", 2), entry("uid"), entry("password", "b"),
    ]  # fmt: skip
    assert [one.kind for one in bag.replaced(entry("recovery"), drop="uid").entries] == [
        "password", "password", "recovery",
    ]  # fmt: skip
