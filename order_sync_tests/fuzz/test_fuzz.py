"""Bad input is answered, never stumbled over: each target with what is kept for it, and with changes of that.

The long form, which looks for code that no input has reached, is `make fuzz`.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from order_sync_tests.fuzz.corpus import NAMES, inputs
from order_sync_tests.fuzz.mutate import LARGEST, mutated
from order_sync_tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the harness of the tables needs POSIX")
SLOW = {"rows": 2, "requests": 25, "environment": 25}  # examples, where each takes longer


def test_every_target_has_seeds() -> None:
    assert NAMES == sorted(TARGETS)
    assert all(inputs(target) for target in NAMES)


@pytest.mark.parametrize("target", NAMES)
def test_what_is_kept_raises_nothing_unforeseen(target: str) -> None:
    for name, data in inputs(target).items():
        try:
            TARGETS[target](data)
        except Exception as error:
            error.add_note(f"corpus/{target}/{name}")
            raise


@pytest.mark.parametrize("target", NAMES)
def test_changed_input_raises_nothing_unforeseen(target: str) -> None:
    kept = list(inputs(target).values())

    @settings(max_examples=SLOW.get(target, 60), deadline=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.sampled_from(kept), rng=st.integers(0, 2**32))
    def changed(seed: bytes, rng: int) -> None:
        TARGETS[target](mutated(seed, random.Random(rng)))

    changed()


@given(data=st.binary(max_size=200), rng=st.integers(0, 2**32))
def test_the_mutator_takes_any_bytes(data: bytes, rng: int) -> None:
    assert len(mutated(data, random.Random(rng))) <= LARGEST
