"""What records may be used for beyond teaching itself, in words for families. Data only; who agreed is `people.consent`'s."""

from __future__ import annotations

import dataclasses
from typing import Final

from learnlake.errors import InputError, SettingsError
from learnlake.settings import Settings

GUARDIAN_ACCESS: Final = "guardian-access"
RESEARCH: Final = "research"
PREDICTION: Final = "prediction"
LEADERBOARD: Final = "leaderboard"


@dataclasses.dataclass(frozen=True, slots=True)
class Purpose:
    """A use of records. `text` is what a family is told, `legal_basis` why the use may rest on what it rests on."""

    text: str
    legal_basis: str
    always_asks: bool = False


PURPOSES: Final[dict[str, Purpose]] = {
    PREDICTION: Purpose(
        "We estimate from your own work what you have mastered, whether you may need help and what to do next.",
        "The school's task of teaching (GDPR art. 6 (1) e; FERPA: legitimate educational interest); you may object.",
    ),
    LEADERBOARD: Purpose(
        "We show your progress beside that of others in your class, by name.",
        "Consent (GDPR art. 6 (1) a): nobody needs to be compared to learn.",
    ),
    RESEARCH: Purpose(
        "We pass your record on to researchers under a made-up key, blurred so that you are one of several alike.",
        "Consent (GDPR art. 6 (1) a; FERPA 34 CFR 99.30).",
    ),
    GUARDIAN_ACCESS: Purpose(
        "You are of age; your guardians may go on seeing your record.",
        "The student's own consent: rights pass to the student at 18 (FERPA 34 CFR 99.5).",
        always_asks=True,
    ),
}
"""Every purpose that consent can be given or refused for. `LEARNLAKE_CONSENT_REQUIRED` says which ones wait for it."""


def check_purpose(purpose: str) -> str:
    """`purpose` as it is, or InputError."""
    if purpose not in PURPOSES:
        raise InputError(f"{purpose!r} is not a purpose", mend=f"use one of {', '.join(PURPOSES)}")
    return purpose


def required(settings: Settings) -> frozenset[str]:
    """The purposes that wait for a recorded consent. SettingsError for a name that is none."""
    named = {part.strip() for part in settings.consent_required.split(",") if part.strip()}
    if unknown := sorted(named - set(PURPOSES)):
        raise SettingsError(
            f"{', '.join(unknown)} is not a purpose",
            where="LEARNLAKE_CONSENT_REQUIRED",
            mend=f"use some of {', '.join(PURPOSES)}, separated by commas",
        )
    return frozenset(named | {name for name, purpose in PURPOSES.items() if purpose.always_asks})
