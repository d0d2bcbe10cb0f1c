"""Each law by itself: its limits, and which way it goes."""

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from spacegrey.jit import exponential
from spacegrey.parts.cooling.laws import (
    air_flow_l_s,
    convection_ratio,
    fan_noise_dba,
    fan_power_w,
    filtered,
    integral_rpm,
)
from spacegrey.parts.display.laws import panel_power_w
from spacegrey.parts.graphics.laws import ladder, next_level, peak_tflops
from spacegrey.parts.memory.laws import loaded_latency_ns, paged_gb, peak_bandwidth_gb_s, reachable_bandwidth_gb_s
from spacegrey.parts.power.laws import supply_loss_w
from spacegrey.parts.processor.laws import (
    dynamic_power_w,
    leakage_power_w,
    miss_ratio,
    power_limited_clock_ghz,
    trip_cut_ghz,
    turbo_bin_ghz,
    usl_speedup,
    voltage_v,
)
from spacegrey.parts.storage.laws import hot_slowdown, random_rate_gb_s, sequential_rate_gb_s

STEP_S = 0.01
STATES = (852.0, 39.0, 65.0, 70.0, 58.0, 86.0, 30.0, 50.0)
BINS = [(2, 4.2), (4, 4.1), (8, 3.9)]


def between(low, high):
    return st.floats(low, high)


# --- cooling ---------------------------------------------------------------


@given(between(0, 5000), between(0, 5000), between(100, 5000), between(1, 100), between(0.1, 5))
def test_more_speed_moves_more_air(one, other, full_rpm, full_flow, natural):
    slow, fast = sorted((one, other))
    assert air_flow_l_s(0.0, full_rpm, full_flow, natural) == natural
    assert air_flow_l_s(full_rpm, full_rpm, full_flow, natural) == pytest.approx(natural + full_flow)
    assert air_flow_l_s(slow, full_rpm, full_flow, natural) <= air_flow_l_s(fast, full_rpm, full_flow, natural)


def test_a_machine_without_fan_breathes_by_buoyancy():
    assert air_flow_l_s(0.0, 0.0, 0.0, 1.5) == 1.5
    assert fan_power_w(0.0, 0.0, 0.0) == 0.0


@given(between(0.1, 100), between(0.1, 100), between(0.3, 1))
def test_convection_grows_with_flow_but_less_than_in_proportion(one, other, exponent):
    slow, fast = sorted((one, other))
    assert convection_ratio(fast, fast, exponent) == 1.0
    assert slow / fast * (1 - 1e-12) <= convection_ratio(slow, fast, exponent) <= 1.0


@given(between(1, 5000), between(100, 5000), between(0.1, 50))
def test_fan_power_is_cubic(rpm, full_rpm, full_w):
    assert fan_power_w(2.0 * rpm, full_rpm, full_w) == pytest.approx(8.0 * fan_power_w(rpm, full_rpm, full_w))


@given(between(-50, 150), between(-50, 150), between(0.001, 100), between(0.001, 100))
def test_a_filter_stays_between_old_and_new(previous, value, step, constant):
    low, high = sorted((previous, value))
    assert low - 1e-9 <= filtered(previous, value, step, constant) <= high + 1e-9  # rounding at a hundred degrees
    assert filtered(value, value, step, constant) == pytest.approx(value)


@given(between(0, 3000), between(-1000, 1000), between(1, 3000))
def test_the_integral_stays_within_the_fans_span(integral, drift, span):
    following = integral_rpm(min(integral, span), drift, 1.0, span)
    assert 0.0 <= following <= span
    assert (following - min(integral, span)) * drift >= 0.0


@given(between(1, 5000), between(1, 5000), between(20, 60), between(50, 60), between(10, 40))
def test_faster_fans_are_louder_and_never_quieter_than_the_room(one, other, level, exponent, floor):
    slow, fast = sorted((one, other))
    quiet, loud = (fan_noise_dba(rpm, 2000.0, level, exponent, floor) for rpm in (slow, fast))
    assert floor - 1e-9 <= quiet <= loud  # a fan far below hearing adds rounding only
    assert fan_noise_dba(0.0, 2000.0, level, exponent, floor) == floor


def test_two_equal_noises_are_three_decibels_louder():
    assert fan_noise_dba(2000.0, 2000.0, 30.0, 60.0, 30.0) == pytest.approx(30.0 + 10.0 * math.log10(2.0))


# --- display, power --------------------------------------------------------


@given(between(0.1, 20), between(0, 100), between(0.001, 1), between(0.001, 1))
def test_a_brighter_panel_draws_more(electronics, backlight, one, other):
    dim, bright = sorted((one, other))
    assert panel_power_w(electronics, backlight, 0.0) == 0.0
    assert electronics <= panel_power_w(electronics, backlight, dim) <= panel_power_w(electronics, backlight, bright)


@given(between(0, 1000), between(0, 1000), between(0, 20), between(0, 0.2), between(0, 1e-3))
def test_a_supply_loses_more_under_more_load(one, other, standing, proportional, resistive):
    low, high = sorted((one, other))
    assert supply_loss_w(0.0, standing, proportional, resistive) == standing
    assert supply_loss_w(low, standing, proportional, resistive) <= supply_loss_w(
        high, standing, proportional, resistive
    )


# --- graphics --------------------------------------------------------------


@given(between(0, 7), between(0, 7))
def test_a_ladder_rises_from_its_first_to_its_last_state(one, other):
    low, high = sorted((one, other))
    assert ladder(0.0, *STATES) == STATES[0]
    assert ladder(7.0, *STATES) == pytest.approx(sum(STATES))
    assert ladder(low, *STATES) <= ladder(high, *STATES) + 1e-9  # rounding at a thousand MHz


@given(st.integers(0, 7))
def test_a_ladder_passes_through_every_state(level):
    assert ladder(float(level), *STATES) == pytest.approx(sum(STATES[: level + 1]))


@given(between(0, 7), between(-2, 1), between(-50, 100), between(1, 7))
def test_the_graphics_level_follows_the_nearer_cap(level, power_headroom, temp_headroom, top):
    assume(level <= top)
    following = next_level(level, power_headroom, temp_headroom, STEP_S, top)
    assert 0.0 <= following <= top
    assert abs(following - level) <= 10.0 * STEP_S * (1 + 1e-9)
    if min(power_headroom, temp_headroom) < 0.0:
        assert following <= level
    else:
        assert following >= level


@given(st.integers(1, 10_000), between(100, 3000), between(1, 4))
def test_peak_rate_is_lanes_times_clock(lanes, clock, ratio):
    assert peak_tflops(2 * lanes, clock, 2.0) == pytest.approx(2.0 * peak_tflops(lanes, clock, 2.0))
    assert peak_tflops(lanes, clock, 2.0, ratio) == pytest.approx(ratio * peak_tflops(lanes, clock, 2.0))


# --- memory, storage -------------------------------------------------------


@given(between(800, 6400), st.integers(1, 12))
def test_bandwidth_is_the_sum_of_channels(rate, channels):
    assert peak_bandwidth_gb_s(rate, 8.0, channels) == pytest.approx(channels * peak_bandwidth_gb_s(rate, 8.0, 1))


@given(between(10, 400), between(0.3, 1), between(1, 32), between(500, 5000), between(50, 200))
def test_reachable_bandwidth_is_below_both_its_ceilings(peak, efficiency, cores, in_flight, latency):
    reached = reachable_bandwidth_gb_s(peak, efficiency, cores, in_flight, latency)
    assert reached <= min(peak * efficiency, cores * in_flight / latency)
    assert reachable_bandwidth_gb_s(peak, efficiency, 1e6, in_flight, latency) == pytest.approx(peak * efficiency)
    assert reached <= reachable_bandwidth_gb_s(peak, efficiency, cores + 1, in_flight, latency) * (1 + 1e-12)


@given(between(10, 300), between(-1, 2), between(-1, 2))
def test_loaded_memory_answers_later(idle, one, other):
    low, high = sorted((one, other))
    assert loaded_latency_ns(idle, 0.0) == idle
    assert (
        idle <= loaded_latency_ns(idle, low) <= loaded_latency_ns(idle, high) < 6.0 * idle
    )  # 0.25 * 0.95 / 0.05 = 4.75


@given(between(0.1, 1000), between(0.1, 1000), between(0.1, 100))
def test_only_what_does_not_fit_is_paged(footprint, capacity, touches):
    moved = paged_gb(footprint, capacity, touches)
    if footprint <= capacity:
        assert moved == 0.0
    elif footprint >= 1.11 * capacity:
        assert moved == pytest.approx(footprint * touches * 2**30 / 1e9)
    assert 0.0 <= moved <= footprint * touches * 2**30 / 1e9 * (1 + 1e-12)
    assert moved <= paged_gb(footprint * 1.1, capacity, touches)
    assert moved >= paged_gb(footprint, capacity * 1.1, touches)


def test_paging_begins_without_a_jump():
    assert paged_gb(32.0 * (1 + 1e-9), 32.0, 1.0) == pytest.approx(0.0, abs=1e-6)


@given(between(0.01, 16), between(0.1, 10), between(0.1, 10), between(0.1, 10))
def test_a_larger_drive_is_faster_up_to_its_ceiling(capacity, per_tb, ceiling, link):
    rate = sequential_rate_gb_s(capacity, per_tb, ceiling, link)
    assert rate <= min(capacity * per_tb, ceiling, link)
    assert rate <= sequential_rate_gb_s(2.0 * capacity, per_tb, ceiling, link) * (1 + 1e-12)
    assert sequential_rate_gb_s(1e6, per_tb, ceiling, link) == pytest.approx(min(ceiling, link))


@given(between(10, 1000), between(1, 256), between(0.5, 1024), between(0.1, 10))
def test_a_deeper_queue_is_faster_up_to_the_sequential_rate(latency, depth, block, ceiling):
    rate = random_rate_gb_s(latency, depth, block, ceiling)
    assert rate <= min(ceiling, depth * block * 1.024 / latency) * (1 + 1e-12)
    assert rate <= random_rate_gb_s(latency, 2.0 * depth, block, ceiling) * (1 + 1e-12)


@given(between(250, 400), between(250, 400))
def test_only_a_hot_drive_slows_down(temp, limit):
    slower = hot_slowdown(temp, limit)
    assert 1.0 <= slower <= 4.0
    assert slower <= hot_slowdown(temp + 1.0, limit)
    if temp <= limit:
        assert slower == 1.0


# --- processor -------------------------------------------------------------


@given(between(1, 5), between(1, 5))
def test_a_higher_clock_needs_no_less_voltage(one, other):
    slow, fast = sorted((one, other))
    assert voltage_v(0.0, 0.5, 0.1, 0.05) == 0.5
    assert voltage_v(slow, 0.5, 0.1, 0.05) <= voltage_v(fast, 0.5, 0.1, 0.05)


@given(between(0, 200), between(0.5, 1.5), between(0.5, 6))
def test_switching_costs_capacitance_voltage_squared_and_clock(capacitance, voltage, clock):
    power = dynamic_power_w(capacitance, voltage, clock)
    assert dynamic_power_w(0.0, voltage, clock) == 0.0
    assert dynamic_power_w(2.0 * capacitance, voltage, clock) == pytest.approx(2.0 * power)
    assert dynamic_power_w(capacitance, 2.0 * voltage, clock) == pytest.approx(4.0 * power)
    assert dynamic_power_w(capacitance, voltage, 2.0 * clock) == pytest.approx(2.0 * power)


@given(between(0.1, 50), between(0.5, 1.5), between(200, 500), between(200, 500), between(0.001, 0.03))
def test_hot_silicon_leaks_more_and_never_without_bound(reference, voltage, one, other, per_kelvin):
    cool, hot = sorted((one, other))
    low, high = (leakage_power_w(reference, voltage, temp, per_kelvin) for temp in (cool, hot))
    assert low <= high
    assert high <= reference * voltage**2 * math.exp(2.5) * (1 + 1e-9)


@given(between(-2.5, 2.5))
@example(-2.5)
@example(2.5)
def test_the_branchless_exponential_is_the_exponential(x):
    assert exponential(x) == pytest.approx(math.exp(x), rel=1e-9)  # as its docstring promises


@given(between(1, 5), between(-3, 3))
def test_the_power_controller_turns_towards_its_limit(clock, headroom):
    following = power_limited_clock_ghz(clock, headroom, STEP_S, 1.0, 5.0)
    assert 1.0 <= following <= 5.0
    assert (following - clock) * headroom >= 0.0
    assert abs(following - clock) <= 30.0 * STEP_S * (1 + 1e-9)


@given(between(0, 2), between(300, 400), between(0.05, 0.5))
def test_the_trip_cuts_holds_and_lets_go(cut, temp, first):
    following = trip_cut_ghz(cut, temp, 367.0, 365.0, first, STEP_S)
    assert following >= 0.0
    if temp < 365.0:
        assert following == 0.0
    elif temp < 367.0:
        assert following == cut
    elif cut == 0.0:
        assert following == first
    else:
        assert following > cut


@given(between(1, 512), between(0, 1), between(0, 0.1))
def test_speed_up_is_within_amdahls_law(threads, contention, coherence):
    speedup = usl_speedup(threads, contention, coherence)
    assert usl_speedup(1.0, contention, coherence) == 1.0
    assert usl_speedup(threads, 0.0, 0.0) == threads
    assert speedup <= usl_speedup(threads, contention, 0.0) <= threads * (1 + 1e-12)
    if contention > 0.0:
        assert speedup <= 1.0 / contention * (1 + 1e-9)


@given(between(0.1, 20), between(0.1, 20))
def test_more_active_cores_never_clock_higher(one, other):
    few, many = sorted((one, other))
    assert turbo_bin_ghz(BINS, few) >= turbo_bin_ghz(BINS, many)


@pytest.mark.parametrize(("cores", "clock"), [(1, 4.2), (2, 4.2), (2.5, 4.1), (4, 4.1), (5, 3.9), (8, 3.9), (99, 3.9)])
def test_a_fraction_of_a_core_counts_as_a_whole_one(cores, clock):
    assert turbo_bin_ghz(BINS, cores) == clock


@given(between(0.01, 100), between(0.01, 100))
def test_four_times_the_cache_halves_the_misses(cache, reference):
    assert miss_ratio(reference, reference) == 1.0
    assert miss_ratio(4.0 * cache, reference) == pytest.approx(0.5 * miss_ratio(cache, reference))
