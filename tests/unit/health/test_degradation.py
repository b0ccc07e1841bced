"""The formulas of health: what a machine that is worn out, or takes no damage, has left."""

from __future__ import annotations

import numpy as np

from smart_sentry.health.degradation import remaining_life_hours


def test_remaining_life_is_what_the_index_lacks_at_the_present_damage_rate() -> None:
    found = remaining_life_hours(np.array([0.2, 0.2, 0.9]), np.array([0.1, 0.0, 0.05]))
    np.testing.assert_allclose(found, [8.0, np.inf, 2.0])


def test_worn_out_machine_has_no_life_left_though_its_index_cannot_rise_any_more() -> None:
    assert remaining_life_hours(np.array([1.0]), np.array([0.0]))[0] == 0.0
