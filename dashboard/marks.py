"""Marks that say the same by colour, shape and word. Colours by Okabe and Ito: all eyes tell them apart."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.link import LinkState

BLACK, WHITE = "#000000", "#ffffff"
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#8a8f98"
LINE = "#3d8fc4"
"""Seen on white and on black."""
DEEP_GREEN, DEEP_VERMILLION = "#007a5a", "#b84f00"
"""Darker by as much as white letters need (WCAG AA)."""


@dataclass(frozen=True)
class Mark:
    """One mark.

    Attributes:
        icon: a shape that every font has.
        word: what it means.
        colour, ink: of the ground and of the letters on it.
        rank: 0 is well; higher wants attention sooner.
    """

    icon: str
    word: str
    colour: str
    ink: str
    rank: int = 0

    @property
    def text(self) -> str:
        """Icon and word."""
        return f"{self.icon} {self.word}"


_NOT_KNOWN = Mark("?", "not known", GREY, BLACK)

RISKS = {
    "LOW": Mark("●", "LOW", DEEP_GREEN, WHITE, 0),
    "MODERATE": Mark("◆", "MODERATE", YELLOW, BLACK, 1),
    "HIGH": Mark("▲", "HIGH", ORANGE, BLACK, 2),
    "CRITICAL": Mark("■", "CRITICAL", DEEP_VERMILLION, WHITE, 3),
}
PRIORITIES = {
    "LOW": Mark("●", "LOW", SKY, BLACK, 0),
    "MEDIUM": Mark("◆", "MEDIUM", YELLOW, BLACK, 1),
    "HIGH": Mark("▲", "HIGH", ORANGE, BLACK, 2),
    "CRITICAL": Mark("■", "CRITICAL", DEEP_VERMILLION, WHITE, 3),
}
PHASES = {
    "OFF": Mark("○", "OFF", GREY, BLACK),
    "STARTUP": Mark("△", "STARTUP", SKY, BLACK),
    "STEADY": Mark("═", "STEADY", GREEN, BLACK),
    "SHUTDOWN": Mark("▽", "SHUTDOWN", PURPLE, BLACK),
    "UNKNOWN": Mark("–", "no phases", GREY, BLACK),
}
ALARM_STATES = {
    "UNACKNOWLEDGED": Mark("▲", "new", DEEP_VERMILLION, WHITE, 3),
    "RETURNED_UNACKNOWLEDGED": Mark("△", "gone, not acknowledged", ORANGE, BLACK, 2),
    "ACKNOWLEDGED": Mark("◆", "acknowledged", YELLOW, BLACK, 1),
    "SHELVED": Mark("▫", "shelved", GREY, BLACK),
    "SUPPRESSED": Mark("▫", "suppressed", GREY, BLACK),
    "OUT_OF_SERVICE": Mark("▫", "out of service", GREY, BLACK),
    "NORMAL": Mark("●", "normal", DEEP_GREEN, WHITE),
}
LINKS = {
    LinkState.LIVE: Mark("●", "LIVE", DEEP_GREEN, WHITE),
    LinkState.CONNECTING: Mark("◌", "CONNECTING", GREY, BLACK),
    LinkState.QUIET: Mark("◆", "NO READINGS", YELLOW, BLACK),
    LinkState.SILENT: Mark("▲", "FEED SILENT", ORANGE, BLACK),
    LinkState.DOWN: Mark("■", "SERVICE DOWN", DEEP_VERMILLION, WHITE),
}
NEEDS_ACKNOWLEDGEMENT = frozenset({"UNACKNOWLEDGED", "RETURNED_UNACKNOWLEDGED"})


def mark(marks: dict[str, Mark], name: str | None) -> Mark:
    """The mark of that name; one that says so where there is none."""
    return _NOT_KNOWN if name is None else marks.get(name, Mark("?", name, GREY, BLACK))
