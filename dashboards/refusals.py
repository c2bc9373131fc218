"""What `people` says in its errors to somebody who acts on a page, in the reader's language."""

from __future__ import annotations

from dashboards import words
from learnlake.errors import LearnlakeError

t, tn = words.room(__name__)

MET = (
    words.mark("A note needs words"),
    words.mark("A message needs words"),
    words.mark("A plan needs words"),
    words.mark("A journal entry needs words"),
    words.mark("{count} characters are too many for a {what}"),
    words.mark("write one of at most {count} characters"),
    words.mark("The message is addressed to nobody"),
    words.mark("choose the student, the guardians or both"),
    words.mark("{day} is no end for a plan of today"),
    words.mark("choose a day from today on, within {days} days"),
    words.mark("There is no intervention {number} under way"),
    words.mark("A colleague has just ended this one"),
    words.mark("look at the list again"),
    words.mark("This entry is not there any more"),
)


def sentence(error: LearnlakeError) -> str:
    """An error as one or two sentences; in English where it is none of those met here."""
    what, mend = (words.retold(text or "", MET, t) for text in (error.what, error.mend))
    return f"{what}: {mend}." if mend else f"{what}."
