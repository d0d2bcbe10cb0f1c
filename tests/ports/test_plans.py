"""What a plan may and may not say: every mistake is one line with the place and the choices."""

import re

import pytest
import tomli_w
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spacegrey.connections.arrange import connect
from spacegrey.connections.plan import pixel_clock_mhz, read_plan
from spacegrey.errors import InputError, SpacegreyError
from spacegrey.machine.assembly import machine
from spacegrey.parts.ports.spec import Device

RAID = '[[device]]\nname = "{0}"\nkind = "storage"\nlink = "thunderbolt3"\nread_gbps = 22.0\nwrite_gbps = 20.0\n'
NEXT = 'receptacles.next = { connector = "usb-c", speaks = ["thunderbolt3"] }\n'
SCREEN = '[[device]]\nname = "screen"\nkind = "display"\nlink = "displayport"\n'


def chain(length):
    return (
        RAID.format("a1")
        + NEXT
        + "".join(RAID.format(f"a{n}") + f'via = "a{n - 1}"\n' + NEXT for n in range(2, length + 1))
    )


THING = '[[device]]\nname = "x"\n'
WRONG = {
    "": "a plan needs at least one [[device]]",
    "device = 3\n": "a plan needs at least one [[device]]",
    "device = [3]\n": "[[device]] is not a table",
    "nonsense = 1\n": "unknown key 'nonsense'; choose from: device, name, network, storage",
    "[[device": "not TOML",
    RAID.format("a") + RAID.format("a"): "plan.toml:7: two devices are called 'a'",
    RAID.format(""): "name: string should have at least 1 character",
    RAID.format("a/b"): "name: string should match pattern",
    RAID.format("a") + 'colour = "red"\n': "unknown key 'colour'",
    RAID.format("a").replace("thunderbolt3", "thunderblot3"): "link: input should be 'thunderbolt1'",
    RAID.format("a").replace("storage", "toaster"): "kind: input should be 'display'",
    RAID.format("a") + 'port = "thunderbolt-9"\n': "unknown port of imac-pro 'thunderbolt-9' (did you mean",
    RAID.format("a") + 'port = "usb"\n': "unknown port of imac-pro 'usb'",
    THING + 'model = "lg-ultrafine-6k"\n': "unknown model 'lg-ultrafine-6k' (did you mean 'lg-ultrafine-5k'?)",
    '[[device]]\nname = "x"\n': "'kind' is missing",
    THING + 'kind = "storage"\nread_gbps = 1\n': "'link' is missing",
    THING + f'kind = "display"\nwidth = 1{400 * "0"}\nheight = 1\n': "width: ",
    RAID.format("a").replace("22.0", f"1{400 * '0'}"): "read_gbps: ",
    THING + "kind = []\n": "kind: input should be",
    THING + 'kind = "display"\nwidth = "wide"\n': "width: input should be a valid integer",
    '[[device]]\nname = "x"\nkind = "storage"\nlink = "usb3"\n': "needs model, or read_gbps and write_gbps",
    RAID.format("a").replace("22.0", "-1"): "read_gbps: input should be greater than or equal to 0",
    RAID.format("a").replace("22.0", "nan"): "read_gbps: input should be a finite number",
    RAID.format("a").replace("22.0", "1e300"): "read_gbps: input should be less than or equal to 1000",
    RAID.format("a") + "cable = { length_m = -2 }\n": "length_m: input should be greater than 0",
    RAID.format("a") + "cable = { length_m = inf }\n": "length_m: input should be",
    RAID.format("a") + 'cable = "garden-hose"\n': "unknown cable 'garden-hose'",
    RAID.format("a") + "cable = 3\n": "is not a table",
    RAID.format("a") + 'via = "b"\n': "unknown device to go via 'b'",
    RAID.format("a") + 'via = "a"\n': "devices form a loop: a -> a",
    RAID.format("a") + 'via = "b"\n' + NEXT + RAID.format("b") + 'via = "a"\n' + NEXT: "a loop: a -> b -> a",
    RAID.format("a") + RAID.format("b") + 'via = "a"\n': "'b' cannot go via 'a', which has no port for it",
    chain(2) + 'port = "up"\n': "unknown port of 'a1' 'up'",
    chain(7): "plan.toml:48: 7 devices in a chain (a1 -> a2 -> a3 -> a4 -> a5 -> a6 -> a7): at most 6",
    RAID.format("a") + 'port = "thunderbolt-1"\n' + RAID.format("b") + 'port = "thunderbolt-1"\n':
        "'b' and 'a' are both at thunderbolt-1",
    SCREEN: "a display needs model, or width and height",
    SCREEN + "width = 0\nheight = 1\n": "width: input should be greater than 0",
    SCREEN + "width = 99999\nheight = 1\n": "width: input should be less than or equal to 16384",
    SCREEN + "width = 3840\nheight = 2160\nrefresh_hz = 0\n": "refresh_hz: input should be greater than or equal to 1",
    SCREEN + "width = 1600\nheight = 16384\nrefresh_hz = 1000\npixel_clock_mhz = 100\n": "impossible timing",
    SCREEN + "width = 3840\nheight = 2160\npixel_clock_mhz = 300\n": "more than the pixel clock of 300 MHz",
    SCREEN + "width = 3840\nheight = 2160\nbits_per_colour = 9\n": "input should be 6, 8, 10, 12 or 16",
    RAID.format("a") + "width = 3840\n": "belong to a display, not to a storage",
    'storage = "b"\n' + RAID.format("a"): "unknown storage device 'b'; choose from: a",
    'network = "a"\n' + RAID.format("a"): "unknown network device 'a'; choose from: nothing is defined",
    THING + 'kind = "network"\nlink = "ethernet"\nrates_gbps = [40]\n': "40 is no Ethernet rate",
    "name = 3\n" + RAID.format("a"): "name must be a text of 1 to 100 characters",
    '[[device]]\nname = "c"\nkind = "card"\nlink = "pcie"\n': "a PCIe card needs model, or generation and lanes",
    RAID.format("a") + 'receptacles.x = { at = "nowhere", connector = "usb-c", speaks = ["usb3"] }\n':
        "receptacle 'x' hangs on 'nowhere', which is no link",
    RAID.format("a") + 'links.p = { name = "p", to = "q", gbps = 1 }\nlinks.q = { name = "q", to = "p", gbps = 1 }\n':
        "links form a loop",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=lambda text: WRONG[text][:50])
def test_a_mistake_is_one_line_that_says_what_and_where(text, ask):
    with pytest.raises(InputError) as caught:
        ask(text)
    said = str(caught.value)
    assert WRONG[text] in said
    assert "\n" not in said
    assert said.startswith("plan.toml:") or "plan.toml:" in said


def test_more_devices_than_anybody_has_are_refused(ask):
    with pytest.raises(InputError, match="more than 64 devices"):
        ask("".join(RAID.format(f"a{n}") for n in range(65)))


def test_the_clock_of_a_display_is_vesa_s_unless_the_plan_states_one():
    assert pixel_clock_mhz(Device(kind="display", link="displayport", width=3840, height=2160)) == 533.25
    assert pixel_clock_mhz(Device(kind="display", link="thunderbolt3", width=5120, height=2880, tiles=2)) == 483.25
    stated = Device(kind="display", link="displayport", width=3840, height=2160, pixel_clock_mhz=594)
    assert pixel_clock_mhz(stated) == 594


@pytest.mark.parametrize(
    ("facts", "link", "tiles"),
    [
        ("width = 3840\nheight = 2160\nrefresh_hz = 60\nbits_per_colour = 10", "displayport", 1),
        ("width = 5120\nheight = 2880", "thunderbolt3", 2),
        ("width = 5120\nheight = 2880\ntiles = 1", "displayport", 1),
    ],
)
def test_a_display_of_facts_alone_gets_the_link_that_it_needs_and_it_is_said(ask, facts, link, tiles):
    answer = ask(THING + f'kind = "display"\n{facts}\n')
    [one] = answer.outcome.devices
    assert (one.planned.device.link, one.planned.device.tiles) == (link, tiles)
    assert f"x: link {link}" in answer.chosen
    assert one.fits == ("tiles = 1" not in facts)


def test_a_network_needs_no_link(plan):
    [one] = plan(THING + 'kind = "network"\n').devices
    assert (one.device.link, one.filled) == ("ethernet", ("link ethernet",))


def test_facts_in_place_win_over_the_model_s(plan):
    [one] = plan('[[device]]\nname = "x"\nmodel = "nvme-thunderbolt3"\nread_gbps = 1.5\n').devices
    assert (one.device.read_gbps, one.device.write_gbps) == (1.5, 18.0)


VALUES = st.one_of(
    st.integers(-3, 70), st.floats(), st.booleans(), st.text(max_size=8),
    st.sampled_from(["thunderbolt3", "usb3", "display", "storage", "dock", "raid", "caldigit-ts3-plus"]),
    st.lists(st.integers(0, 12), max_size=3),
    st.dictionaries(st.sampled_from(["length_m", "active", "gbps", "x"]), st.integers(-2, 50), max_size=3),
)  # fmt: skip
KEYS = st.sampled_from(["name", "model", "port", "via", "cable", *Device.model_fields])
TABLES = st.fixed_dictionaries(
    {"name": st.sampled_from(["raid", "left", "dock", "x"])},
    optional={
        "model": st.sampled_from(["lg-ultrafine-5k", "caldigit-ts3-plus", "nvme-thunderbolt3", "usb3-hub", "ssd-usb3"])
    },
).flatmap(lambda base: st.dictionaries(KEYS, VALUES, max_size=4).map(lambda more: {**more, **base}))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TABLES, max_size=5))
def test_whatever_a_plan_holds_it_is_answered_or_refused_in_one_line(tmp_path, tables):
    path = tmp_path / "plan.toml"
    path.write_bytes(tomli_w.dumps({"device": tables}).encode())
    try:
        answer = connect(read_plan(path), machine("imac-pro"))
    except SpacegreyError as error:
        said = str(error)
    else:
        said = ""
        assert answer.fits == (not answer.reasons)
    assert "\n" not in said


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"a" * 100 + b"=" + b"[" * 5000)
def test_any_bytes_are_a_plan_or_one_line(tmp_path, data):
    path = tmp_path / "plan.toml"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_plan(path)
    assert not re.search(r"[\n\x00]", str(caught.value))
