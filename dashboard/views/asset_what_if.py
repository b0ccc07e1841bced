"""What would be said of readings that did not happen: presets to begin with, values to change, scores and contributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import session
from dashboard.normal import number
from dashboard.pieces import table

_WHAT_IF, _PRESETS = "/api/v1/whatif", "/api/v1/whatif/presets"
_MOST_ROWS = 1000
_ROWS_BELOW, _ANSWER_PX = 12, 460


def section(name: str) -> None:
    """Draws it."""
    st.caption(
        "Readings are judged against the active baseline, one after another. Nothing is stored, and no alarm rises."
    )
    presets = _presets(name)
    if presets is None:
        return
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    names = [one["name"] for one in presets]
    chosen = left.selectbox("Begin with", names, key=f"preset_{name}") or names[0]
    if right.button("Take new readings", key="presets_anew", icon=":material/refresh:"):
        del st.session_state[_kept(name)]
        st.rerun()
    preset = presets[names.index(chosen)]
    st.caption(session.plain(preset["description"]))
    with st.container(key="what-if"):
        edited = st.data_editor(
            pd.DataFrame(preset["readings"]).astype(float),
            num_rows="dynamic",
            height=300,
            key=f"what_if_{name}_{chosen}",
        )
    if st.button("Judge these readings", type="primary", key="what_if_judge"):
        _judge(name, edited)


def _kept(name: str) -> str:
    return f"presets_{name}"


def _presets(name: str) -> list[dict[str, Any]] | None:
    """The presets as they were when this visitor asked first: an edited table must not change below the hand."""
    key = _kept(name)
    if key not in st.session_state:
        answer = session.read(_PRESETS, 1.0, asset_id=name)
        if answer.problem is not None or not answer.value["presets"]:
            st.warning(
                session.plain(answer.problem or "There are no readings to begin with."), icon=":material/warning:"
            )
            return None
        st.session_state[key] = answer.value["presets"]
    found: list[dict[str, Any]] = st.session_state[key]
    return found


def _judge(name: str, edited: pd.DataFrame) -> None:
    rows = edited.head(_MOST_ROWS).to_dict("records")
    if not rows:
        st.error("Add a reading first.", icon=":material/edit:")
        return
    readings = [{key: None if pd.isna(value) else float(value) for key, value in row.items()} for row in rows]
    answer = session.send(_WHAT_IF, {"asset_id": name, "readings": readings}, f"{len(readings)} readings judged.")
    if answer is not None:
        _verdicts(answer["assessments"])


_Told = tuple[Sequence[str], list[Sequence[str]]]


def _verdicts(assessments: list[dict[str, Any]]) -> None:
    heads, rows = _predicted(assessments) if "failure_probability" in assessments[-1] else _judged(assessments)
    with st.container(key="what-if-answer", height=_ANSWER_PX if len(rows) > _ROWS_BELOW else "content"):
        st.html(table(heads, rows, "what-if"))


def _predicted(assessments: list[dict[str, Any]]) -> _Told:
    heads = ("Reading", "Failure probability", "Remaining life (cycles)", "Interval (cycles)", "Alarm")
    return heads, [
        (
            str(place), number(one["failure_probability"], 3), number(one["rul_cycles"], 3),
            f"{number(one['rul_lower_cycles'], 3)} to {number(one['rul_upper_cycles'], 3)}", "▲ yes" if one["alarm"] else "no",
        )
        for place, one in enumerate(assessments, 1)
    ]  # fmt: skip


def _judged(assessments: list[dict[str, Any]]) -> _Told:
    heads = ("Reading", "Phase", "Score (limit 1)", "Flagged", "Contributions", "Reason")
    return heads, [
        (
            str(place), one["phase"], number(one["score"], 3), "▲ yes" if one["flag"] else "no",
            contributions(one["contributions"]), one["reason"] or sensors(one["sensors"]),
        )
        for place, one in enumerate(assessments, 1)
    ]  # fmt: skip


def contributions(shares: dict[str, float]) -> str:
    """The three greatest shares, as text.

    >>> contributions({"a": 0.2, "b": 0.7, "c": 0.06, "d": 0.04})
    'b 70 %, a 20 %, c 6 %'
    """
    greatest = sorted(shares.items(), key=lambda one: -one[1])[:3]
    return ", ".join(f"{name} {100 * share:.0f} %" for name, share in greatest)


def sensors(flaws: dict[str, str]) -> str:
    """Sensors that are at fault, as text.

    >>> sensors({"vibration_g": "stuck"})
    'sensor vibration_g: stuck'
    """
    return "; ".join(f"sensor {name}: {flaw}" for name, flaw in flaws.items())
