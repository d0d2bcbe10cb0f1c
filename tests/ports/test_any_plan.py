"""Whatever is plugged in: no link carries too much, and one more data device raises nobody's rate."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacegrey.connections.plan import Plan
from spacegrey.connections.planner import READ, WRITE, Planner, port_tree
from spacegrey.machine.assembly import machine

DEVICES = st.lists(
    st.tuples(
        st.sampled_from(["storage3", "storage-usb", "display"]),
        st.floats(0.1, 40.0), st.floats(0.1, 40.0),
        st.sampled_from(
            [*(f"thunderbolt-{n}" for n in range(1, 5)), "usb-a-1", "usb-a-2", "ethernet", "sd", "wifi"]
        ),
    ),
    min_size=1, max_size=8, unique_by=lambda one: one[3],
)  # fmt: skip


def text_of(drawn):
    text = ""
    for number, (kind, read, write, port) in enumerate(drawn):
        head = f'[[device]]\nname = "d{number}"\nport = "{port}"\n'
        if kind == "display" and port.startswith(("thunderbolt", "usb")):
            text += f'{head}model = "lg-ultrafine-5k"\n'
        else:
            thunderbolt = port.startswith("thunderbolt") and kind != "storage-usb"
            link = "thunderbolt3" if thunderbolt else port if port in {"ethernet", "sd"} else "usb3"
            if port == "wifi":
                link = 'wifi"\ndistance_m = 3\nroom = "home'
            text += f'{head}kind = "storage"\nlink = "{link}"\nread_gbps = {read}\nwrite_gbps = {write}\n'
    return text


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DEVICES)
def test_no_link_is_overloaded_and_one_more_data_device_raises_nobody_s_rate(plan, drawn):
    wanted = plan(text_of(drawn))
    built = machine("imac-pro")
    ports = {one.name: one.port for one in wanted.devices}
    whole = Planner(wanted, built, port_tree(built)).outcome(ports)
    for load in whole.loads.values():
        for direction in (READ, WRITE):
            assert load.data[direction] <= load.capacity[direction] * (1 + 1e-9)
        assert load.displays_gbps <= load.wire.tunnel_gbps
    rates = {(one.name, way): flow.got_gbps for one in whole.devices for way, flow in one.flows.items()}
    for gone in wanted.devices:
        if gone.device.kind == "display":
            continue
        rest = Plan("rest", tuple(one for one in wanted.devices if one is not gone))
        if rest.devices:
            without = Planner(rest, built, port_tree(built)).outcome(ports)
            for one in without.devices:
                for way, flow in one.flows.items():
                    assert rates[one.name, way] <= flow.got_gbps * (1 + 1e-9)
