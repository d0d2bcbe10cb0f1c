"""What a run says would help."""

import pytest

import spacegrey


@pytest.mark.parametrize(
    ("workload", "cores_help"), [("geekbench-5", True), ("geekbench-5-single", False), ("cinebench-r15-single", False)]
)
def test_more_cores_are_no_advice_for_one_thread(workload, cores_help):
    said = spacegrey.run(workload, on="imac-pro").verdict
    assert "Limited by the processor's turbo clock" in said
    assert ("more cores or a higher clock would be faster" in said) == cores_help
    assert ("more cores or cooling would not help" in said) != cores_help
