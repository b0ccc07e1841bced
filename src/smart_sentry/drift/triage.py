"""From evidence to a verdict. Only what is explained may propose a recalibration; a doubt asks a person.

A shift of the input with the same relation to the output is virtual drift, a shift of the relation itself is real drift (J. Gama
and others, A survey on concept drift adaptation, ACM Computing Surveys 46, 2014). Here the relation is that of responses to
operation, and a real drift is a fault until a maintenance, a note or the whole fleet explains it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from smart_sentry.drift.case import (
    MAINTENANCE,
    NOTHING_TO_COMPARE,
    OPERATING_CHANGE,
    DriftCase,
    Evidence,
    HealthHistory,
    LogEntry,
    Moves,
    Triage,
    Verdict,
)  # fmt: skip
from smart_sentry.drift.change import SETTLING, Shape
from smart_sentry.drift.fleet import Fleet, fleet_of, moves_of
from smart_sentry.drift.preparation import Prepared, prepare
from smart_sentry.drift.sensors import NOISE_FACTOR, RestShift, noise_ratios, rest_shift
from smart_sentry.drift.shifts import (
    SEGMENTS,
    SignalShift,
    Windows,
    operating_shifts,
    response_shifts,
    windows_of,
)  # fmt: skip
from smart_sentry.drift.trend import mann_kendall

_NEAR = 2.5
"""Segments between a note and an onset that still belong together."""
_LEAST_AFTER = 8
"""Segments after a noted change has settled without which nobody can tell whether it goes on: of six no trend is ever sure."""
_SAME_AT_REST = 0.4
"""Share of a shift at work that must show at rest to be the sensor's."""
_LEAST_DAMAGE = 0.02
"""Rise of the degradation index that counts as falling health."""


@dataclass(frozen=True)
class Findings:
    """Everything that a verdict is taken from.

    Attributes:
        windows: the asset's, conditioned.
        operating, responses: shifts; those of the responses are of what operation does not explain.
        fleet: None without three neighbours. alone: the responses without what the fleet has in common.
        rest: name -> what a moved signal does at rest.
        log, health, shown: as given.
    """

    windows: Windows
    operating: list[SignalShift]
    responses: list[SignalShift]
    fleet: Fleet | None
    alone: list[SignalShift]
    rest: dict[str, RestShift]
    log: tuple[LogEntry, ...]
    health: HealthHistory | None
    shown: Callable[[float], str]

    @property
    def moved(self) -> list[SignalShift]:
        """Responses of the asset alone that moved or trend, the surest change first."""
        found = [shift for shift in self.alone if shift.moved or shift.trends]
        return sorted(found, key=lambda shift: -shift.change.gain)


def triage(case: DriftCase) -> Triage:
    """Says what shifted, why, and whether it may lead to a recalibration.

    Args:
        case: one asset's two windows, its log, its health and its neighbours.

    Raises:
        InsufficientData: fewer than 100 readings in one of the windows.
    """
    neighbours = [moves_of(windows_of(case.asset_type, one.reference, one.recent)) for one in case.neighbours]
    return judge(prepare(case), neighbours)


def judge(prepared: Prepared, neighbours: Sequence[Moves] = ()) -> Triage:
    """Does what `triage` does once the readings are cut, so that a fleet's need not be held together.

    Args:
        prepared: the asset's.
        neighbours: what other assets of the type did over the same time; at least three say what the fleet has in common.
    """
    if prepared.windows is None:
        return Triage(Verdict.SENSOR_FAULT, 0.95, False, prepared.broken)
    found = findings(prepared, prepared.windows, neighbours)
    if (noisy := _noisy_sensor(found)) is not None:
        return noisy
    moved = found.moved
    if not moved:
        return _explained(found)
    note = _note(found, moved)
    if note is not None:
        return _after_note(found, moved, note)
    sensor = _lying_sensor(found, moved)
    if sensor is not None:
        return sensor
    return _unexplained(found, moved)


def findings(prepared: Prepared, windows: Windows, neighbours: Sequence[Moves]) -> Findings:
    """Measures everything that a verdict is taken from."""
    responses = response_shifts(windows)
    fleet = fleet_of(windows, responses, neighbours)
    alone = responses
    if fleet is not None and fleet.alike.any():
        alone = response_shifts(windows, fleet.common, fleet.common_before)
    rest: dict[str, RestShift] = {}
    for shift in responses:
        if not (shift.moved or shift.trends):
            continue
        column = windows.asset_type.signal_names.index(shift.name)
        found = rest_shift(windows.reference, windows.recent, column, _since(windows, shift))
        if found is not None and found.informative:
            rest[shift.name] = found
    case = prepared.case
    return Findings(
        windows, operating_shifts(windows), responses, fleet, alone, rest, case.log, case.health, case.shown
    )


def health_falls(found: Findings, since_seconds: float) -> bool:
    """Whether the degradation index rose before a change, or rises ever faster after it.

    A machine that runs outside its old baseline adds damage at an even pace until it is recalibrated; one that gets worse adds
    ever more.
    """
    history = found.health
    if history is None or len(history.seconds) < 4:
        return False
    edges = found.windows.begins + found.windows.segment_seconds * np.arange(SEGMENTS + 1)
    level = np.interp(edges, history.seconds, history.degradation)
    early = edges <= since_seconds - 2.0 * found.windows.segment_seconds
    if early.sum() >= 2 and level[early][-1] - level[early][0] > _LEAST_DAMAGE:
        return True
    late = np.diff(level)[(edges[1:] > since_seconds) & (level[1:] < 1.0)]
    return late.size >= 6 and late.sum() > _LEAST_DAMAGE and mann_kendall(late).z > 3.0


def _since(windows: Windows, shift: SignalShift) -> float:
    """Time from which a shift is fully there; the second half of what came after its onset where it grew."""
    if np.isnan(shift.onset_seconds):
        return (windows.begins + windows.ends) / 2.0
    if shift.change.is_abrupt:
        return shift.onset_seconds + windows.segment_seconds
    return (shift.onset_seconds + windows.ends) / 2.0


def _noisy_sensor(found: Findings) -> Triage | None:
    """One signal whose scatter changed while the level of no other did."""
    windows, names = found.windows, found.windows.asset_type.signal_names
    late = (windows.begins + windows.ends) / 2.0
    ratios = noise_ratios(windows.reference, windows.recent, late)
    changed = [
        (name, ratio)
        for name, ratio in zip(names, ratios, strict=True)
        if name in windows.asset_type.sensor_names and not 1.0 / NOISE_FACTOR < ratio < NOISE_FACTOR
    ]
    if len(changed) != 1:
        return None
    name, ratio = changed[0]
    others = [shift.name for shift in found.moved if shift.name != name]
    own = next((shift for shift in found.alone if shift.name == name), None)
    if others or (own is not None and (own.trends or (own.moved and abs(own.size) > 3.0 * ratio))):
        return None
    sentence = f"The scatter of {name} is {ratio:.1f} times that of the reference, and no other signal moved."
    evidence = Evidence("noise", (name,), {"ratio": float(ratio)}, sentence)
    return Triage(Verdict.SENSOR_FAULT, 0.8, False, (evidence,))


def _explained(found: Findings) -> Triage:
    """Nothing of the asset's own moved: nothing happened, operation changed, or the whole fleet moved alike."""
    if not any(shift.judged for shift in found.responses):
        doubt = Evidence(NOTHING_TO_COMPARE, (), {}, "The machine hardly ran: there is nothing to compare.")
        return Triage(Verdict.UNKNOWN, 0.5, False, (doubt,))
    common = _fleet_evidence(found)
    operating = [shift for shift in found.operating if shift.moved]
    evidence = [_shift_evidence(shift, found) for shift in operating] + common
    if not evidence:
        sentence = "No signal moved beyond what its reference and its operation explain."
        return Triage(Verdict.NONE, 0.9, False, (Evidence("no shift", (), {}, sentence),))
    went = [one for one in found.responses if one.moved or one.trends]
    outside = [one for one in went if not _moves_at_rest(found, one)]
    if common and outside:
        sentence = "The fleet moved alike, but not at rest: a common wear cannot be told from a common cause."
        doubt = Evidence("doubt", tuple(one.name for one in outside), {}, sentence)
        return Triage(Verdict.UNKNOWN, 0.5, False, (*evidence, doubt))
    onsets = [shift.onset_seconds for shift in (*operating, *found.responses) if shift.moved]
    since = min(onsets, default=found.windows.begins)
    if health_falls(found, since):
        return Triage(Verdict.UNKNOWN, 0.5, False, (*evidence, _health_evidence()))
    sentence = "What operation and fleet do not explain has neither moved nor a trend."
    return Triage(Verdict.BENIGN, 0.9, True, (*evidence, Evidence("no residual", (), {}, sentence)))


def _after_note(found: Findings, moved: Sequence[SignalShift], note: LogEntry) -> Triage:
    """A step that a note explains, unless it goes on or something else moved, too."""
    evidence = [_shift_evidence(shift, found) for shift in moved]
    sentence = f"A note of kind '{note.kind}' stands at {found.shown(note.seconds)}: {note.text}"
    evidence.append(Evidence("note", (), {"seconds": note.seconds, "kind": note.kind}, sentence))
    growing = _growing(moved)
    if growing:
        names = ", ".join(shift.name for shift in growing)
        sentence = f"{names} moved on after it: the note does not explain that."
        evidence.append(Evidence("trend", tuple(shift.name for shift in growing), {}, sentence))
        sure = len(growing) > 1 or abs(growing[0].size) > 3.0
        return Triage(Verdict.DEGRADATION if sure else Verdict.UNKNOWN, 0.7, False, tuple(evidence))
    if (doubt := _left_open(found, moved, note)) is not None:
        return Triage(Verdict.UNKNOWN, 0.5, False, (*evidence, doubt))
    if health_falls(found, note.seconds):
        return Triage(Verdict.UNKNOWN, 0.5, False, (*evidence, _health_evidence()))
    verdict = Verdict.STEP_AFTER_MAINTENANCE if note.kind == MAINTENANCE else Verdict.BENIGN
    return Triage(verdict, 0.85, True, tuple(evidence))


def _left_open(found: Findings, moved: Sequence[SignalShift], note: LogEntry) -> Evidence | None:
    """What a note at the onset of the surest change does not explain: other signals' changes, or those that are too young."""
    leading = moved[0]
    others = [shift for shift in moved[1:] if not shift.is_step_at(leading.change.onset)]
    elsewhere = tuple(shift.name for shift in others if not _stands_at(found, note, shift))
    if elsewhere:
        sentence = f"{', '.join(elsewhere)} moved at another time: the note does not explain that."
        return Evidence("doubt", elsewhere, {}, sentence)
    on = tuple(shift.name for shift in others if shift.change.shape in (Shape.RAMP, Shape.STEP_AND_RAMP))
    if on:
        sentence = f"{', '.join(on)} moved gradually: the note does not explain that."
        return Evidence("doubt", on, {}, sentence)
    after = int(np.isfinite(leading.segments[leading.change.onset + SETTLING :]).sum())
    if after < _LEAST_AFTER:
        sentence = "It is too early to tell whether what the note explains goes on: look again later."
        return Evidence("doubt", (leading.name,), {"segments_after": after, "least": _LEAST_AFTER}, sentence)
    return None


def _lying_sensor(found: Findings, moved: Sequence[SignalShift]) -> Triage | None:
    """One signal moved alone, at rest as at work."""
    if len(moved) != 1 or not _moves_at_rest(found, moved[0]):
        return None
    shift = moved[0]
    sentence = f"{shift.name} moved alone, and by the same at rest: no other signal answers it."
    alone = Evidence("alone", (shift.name,), {"at_rest": found.rest[shift.name].size}, sentence)
    return Triage(Verdict.SENSOR_FAULT, 0.75, False, (_shift_evidence(shift, found), alone))


def _unexplained(found: Findings, moved: Sequence[SignalShift]) -> Triage:
    evidence = [_shift_evidence(shift, found) for shift in moved]
    growing = _growing(moved)
    if len(moved) == 1 and len(found.alone) > 1 and moved[0].name not in found.rest:
        sentence = f"{moved[0].name} moved alone, and nothing at rest tells whether its sensor or the machine did."
        return Triage(Verdict.UNKNOWN, 0.5, False, (*evidence, Evidence("doubt", (moved[0].name,), {}, sentence)))
    if growing:
        names = ", ".join(shift.name for shift in growing)
        sentence = f"{names} moved gradually, and neither operation nor a note nor the fleet explains it."
        evidence.append(Evidence("trend", tuple(shift.name for shift in growing), {}, sentence))
        return Triage(Verdict.DEGRADATION, 0.9 if len(growing) > 1 else 0.75, False, tuple(evidence))
    sentence = "The change was abrupt and stays, and nobody noted why."
    evidence.append(Evidence("doubt", tuple(shift.name for shift in moved), {}, sentence))
    return Triage(Verdict.UNKNOWN, 0.5, False, tuple(evidence))


def _growing(moved: Sequence[SignalShift]) -> list[SignalShift]:
    """Signals that moved gradually; after an abrupt change of the leading one, those that go on after they have settled."""
    leading = moved[0]
    if leading.change.is_abrupt:
        return [shift for shift in moved if shift.grows_on(leading.change.onset)]
    return [shift for shift in moved if shift.change.is_gradual or shift.trends]


def _note(found: Findings, moved: Sequence[SignalShift]) -> LogEntry | None:
    """The note that stands at the onset of the surest change."""
    for note in sorted(found.log, key=lambda one: one.kind != MAINTENANCE):
        if note.kind in (MAINTENANCE, OPERATING_CHANGE) and _stands_at(found, note, moved[0]):
            return note
    return None


def _stands_at(found: Findings, note: LogEntry, shift: SignalShift) -> bool:
    """Whether a note and the onset of a shift belong together; never where the shift has no onset."""
    return bool(abs(note.seconds - shift.onset_seconds) <= _NEAR * found.windows.segment_seconds)


def _moves_at_rest(found: Findings, shift: SignalShift) -> bool:
    rest = found.rest.get(shift.name)
    if rest is None or not rest.moved:
        return False
    return bool(rest.size * np.sign(shift.size) >= _SAME_AT_REST * abs(shift.size) * shift.unit_size)


def _fleet_evidence(found: Findings) -> list[Evidence]:
    if found.fleet is None:
        return []
    signals = found.windows.asset_type.signal_names
    names = tuple(name for name, alike in zip(signals, found.fleet.alike, strict=True) if alike)
    if not names:
        return []
    sentence = f"{', '.join(names)} moved alike in the asset and its {found.fleet.count} neighbours."
    return [Evidence("fleet", names, {"neighbours": found.fleet.count}, sentence)]


def _health_evidence() -> Evidence:
    return Evidence("health", (), {}, "The health index falls beyond what the change explains.")


def _how(shape: Shape) -> str:
    """What a signal does, before the size of it.

    >>> _how(Shape.STEP), _how(Shape.NONE)
    ('shows a step of', 'moved by')
    """
    return "moved by" if shape is Shape.NONE else f"shows a {shape} of"


def _shift_evidence(shift: SignalShift, found: Findings) -> Evidence:
    unit = shift.size * shift.unit_size
    figures = {
        "size_sigma": shift.size, "low_sigma": shift.low, "high_sigma": shift.high, "size": unit,
        "onset_seconds": shift.onset_seconds, "shape": str(shift.change.shape), "trend_z": shift.trend.z,
        "trend_sigma": shift.trend.change, "effective_size": shift.effective_size, "role": shift.role,
    }  # fmt: skip
    if (rest := found.rest.get(shift.name)) is not None:
        figures["at_rest"] = rest.size
    sentence = (
        f"{shift.name} ({shift.role}) {_how(shift.change.shape)} {unit:+.3g} ({shift.size:+.1f} sigma,"
        f" {shift.low:.1f} to {shift.high:.1f})"
    )
    if shift.trends:
        sentence += f", with a trend of {shift.trend.change:+.1f} sigma over the window"
    return Evidence("shift", (shift.name,), figures, f"{sentence}.")
