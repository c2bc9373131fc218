"""The audit trail: who did what to whose record, whether the trail is whole, and to whom a record was given."""

from __future__ import annotations

import dataclasses
import datetime as dt

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.administrator import acting
from dashboards.components import page, states, tables
from dashboards.visit import Visit, people_of
from dashboards.words import mark
from learnlake import audit as trail_end
from learnlake.clock import utc_now
from people import disclosures, policy, search, trail

t, tn = words.room(__name__)
PAGE = "administrator-audit"
RESULTS = {"": mark("Any"), "allowed": mark("Allowed"), "refused": mark("Refused"), "failed": mark("Failed")}
DAYS = {
    "1": mark("Today and yesterday"),
    "7": mark("A week"),
    "30": mark("A month"),
    "365": mark("A year"),
    "": mark("All that is kept"),
}
SHOWN = 500
"""The newest entries that fit are shown; a narrower question shows older ones."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """What is looked for, as it stands in the address: keys and words of ours, never a name."""

    person: str | None
    actor: str | None
    action: str | None
    resource: str | None
    result: str | None
    since: str | None


def render(visit: Visit) -> None:
    """The page: what was refused lately, the verification, the search, one record's disclosures."""
    policy.check_action(visit.door.scope(), "read-audit")
    home, tenant = visit.settings.home, visit.viewer.tenant
    week = _days_ago(7)
    refused = trail.search(home, tenant=tenant, result="refused", since=week, limit=SHOWN)
    page.header(visit, t("Audit trail"), _lead(refused))
    _verification(visit)
    asked = _ask(visit)
    found = trail.search(home, tenant=tenant, limit=SHOWN, **dataclasses.asdict(asked))
    _note(visit, asked)
    _entries(visit, found)
    if asked.person:
        _disclosures(visit, asked.person)


def _lead(refused: list[trail.Entry]) -> str:
    if not refused:
        return t(
            "Nothing was refused in the last week. Ask below who did what to whose record, or prove that the trail is whole."
        )
    if len(refused) == SHOWN:
        return t(
            "{count} or more attempts were refused in the last week: choose the result Refused below and look whether one person or address stands out.",
            count=SHOWN,
        )
    return tn(
        "{count} attempt was refused in the last week: choose the result Refused below and look whether one person or address stands out.",
        "{count} attempts were refused in the last week: choose the result Refused below and look whether one person or address stands out.",
        len(refused),
    )


def _verification(visit: Visit) -> None:
    page.section(
        t("Is the trail whole?"),
        t(
            "Each entry is sealed together with the one before it. Checking reads them all and finds what was changed, removed or moved."
        ),
    )
    if st.button(t("Check every entry"), icon=":material/verified_user:", type="primary", key="verify"):
        with st.spinner(t("Reading every entry …")):
            verdict = trail.verify(visit.settings.home)
        _append(visit, "verify-audit", "audit", "whole" if not verdict.problems else "fault")
        st.session_state["verdict"] = verdict
    verdict = st.session_state.get("verdict")
    if verdict is None:
        return
    if verdict.problems:
        faults = "\n".join(f"- {problem}" for problem in verdict.problems[:20])
        alarm = tn(
            "The trail has {count} fault among {entries} entries. Somebody, or a broken disk, has "
            "changed it. Keep audit.db as it is, compare it with the newest backup, and ask who could write to it.",
            "The trail has {count} faults among {entries} entries. Somebody, or a broken disk, has "
            "changed it. Keep audit.db as it is, compare it with the newest backup, and ask who could write to it.",
            len(verdict.problems),
            entries=verdict.count,
        )
        st.error(f"{alarm}\n\n{faults}", icon=":material/gpp_bad:")
        return
    told = [t("All {count} entries are there, unchanged and in their order.", count=verdict.count)]
    if verdict.purged:
        told.append(
            t("Entries up to number {number} were purged under your retention rule.", number=verdict.purged)
        )
    told.append(
        t(
            "Note this head where nobody with access to this machine can "
            "write; a later check against it (`learnlake audit verify --head`) proves that the whole trail was not put back:"
        )
    )
    st.success(" ".join(told), icon=":material/verified_user:")
    st.code(str(verdict.head), language=None, wrap_lines=True)


def _ask(visit: Visit) -> Asked:
    page.section(t("Who did what to whose record"), t("All that you choose has to fit. Times are UTC."))
    left, right = st.columns(2)
    with left:
        person = acting.choose_person(
            visit, param="person", label=t("About this person, or by this person"), takes_keys=True
        )
    with right:
        actor = acting.choose_person(
            visit, param="actor", label=t("Done by (name, log-in or key)"), takes_keys=True
        )
    first, second, third, fourth = st.columns(4)
    known = {"": t("Any")} | {
        one: one for one in trail.actions(visit.settings.home, tenant=visit.viewer.tenant)
    }
    with first:
        action = _pick(t("Action"), known, "action")
    with second:
        result = _pick(t("Result"), _told(RESULTS), "result")
    with third:
        days = _pick(t("Since"), _told(DAYS), "days", default="30")
    with fourth:
        resource = st.text_input(
            t("Resource holds"),
            st.query_params.get("resource", ""),
            key="resource",
            help=t("A key or a word of ours, such as section, credential or a mart's name"),
        )
    _keep("resource", resource.strip())
    since = _days_ago(int(days)) if days else None
    return Asked(person, actor, action or None, resource.strip() or None, result or None, since)


def _days_ago(days: int) -> str:
    """A day of the clock on the wall: the trail is about what people do now, whatever term the data are from."""
    return (utc_now().date() - dt.timedelta(days=days)).isoformat()


def _told(options: dict[str, str]) -> dict[str, str]:
    return {key: t(text) for key, text in options.items()}


def _pick(label: str, options: dict[str, str], param: str, *, default: str = "") -> str:
    wanted = st.query_params.get(param, default)
    keys = list(options)
    index = keys.index(wanted) if wanted in options else keys.index(default)
    chosen = st.selectbox(
        label, keys, index=index, format_func=lambda key: options[key], key=f"audit_{param}"
    )
    _keep(param, chosen, default=default)
    return chosen


def _keep(param: str, value: str, *, default: str = "") -> None:
    if value == default:
        st.query_params.pop(param, None)
    elif st.query_params.get(param) != value:
        st.query_params[param] = value


def _note(visit: Visit, asked: Asked) -> None:
    """Searching is an entry too, once for each question."""
    if st.session_state.get("audit_asked") != asked:
        st.session_state["audit_asked"] = asked
        _append(visit, "search-audit", f"person:{asked.person}" if asked.person else "audit")


def _append(visit: Visit, action: str, resource: str, result: str = "allowed") -> None:
    entry = trail_end.AuditEntry(
        visit.viewer.tenant, visit.viewer.viewer_key, action, resource, visit.door.source, result
    )
    trail_end.append(visit.settings.home.audit_db, entry)


def _entries(visit: Visit, found: list[trail.Entry]) -> None:
    if not found:
        states.empty(
            t("No entry fits"), t("Leave something out, or look further back: Since, All that is kept.")
        )
        return
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    subjects = {entry.number: _person_in(entry.resource) for entry in found}
    keys = {entry.actor_key for entry in found} | {key for key in subjects.values() if key}
    names = search.names_of(engine, tenant, keys)
    rows = [
        {
            "number": entry.number,
            "at": dt.datetime.fromisoformat(entry.at).replace(tzinfo=None),
            "actor": names.get(entry.actor_key, entry.actor_key),
            "action": entry.action,
            "subject": names.get(subjects[entry.number] or "", subjects[entry.number] or ""),
            "resource": entry.resource,
            "source": entry.source,
            "result": entry.result,
        }
        for entry in found
    ]
    st.caption(
        t("The newest {count} entries that fit; there may be older ones.", count=SHOWN)
        if len(found) == SHOWN
        else tn("{count} entry fits, newest first.", "{count} entries fit, newest first.", len(found))
    )
    tables.table(
        pl.DataFrame(rows),
        {
            "at": t("At (UTC)"),
            "actor": t("Who"),
            "action": t("Did what"),
            "subject": t("Whose record"),
            "result": t("Result"),
            "source": t("From"),
            "resource": t("Resource"),
            "number": t("Entry"),
        },
        file_name="audit-trail",
        alt=t("Entries of the audit trail that fit, newest first"),
    )


def _person_in(resource: str) -> str | None:
    """The first person_key that a resource names."""
    for part in resource.replace(",", " ").split():
        key = part.removeprefix("person:")
        if key.startswith("p_"):
            return key
    return None


def _disclosures(visit: Visit, person_key: str) -> None:
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    told = disclosures.of_person(engine, tenant, person_key)
    if st.session_state.get("disclosures_of") != person_key:
        st.session_state["disclosures_of"] = person_key
        _append(visit, "list-disclosures", f"person:{person_key}")
    page.section(
        t("Given to somebody outside the school"),
        t(
            "What the family may ask for (FERPA 34 CFR 99.32): to whom this person's record went, for what, and whether it still goes."
        ),
    )
    if not told:
        states.empty(
            t("This record was given to nobody outside"),
            t("Forwarding to another system and copies for third parties would stand here."),
        )
        return
    rows = [
        {
            "at": one.at,
            "recipient": one.recipient,
            "purpose": one.purpose,
            "what": one.what,
            "until": (acting.utc(one.ended_at) if one.ended_at else t("still"))
            if one.is_everyone
            else t("once"),
        }
        for one in told
    ]
    tables.table(
        pl.DataFrame(rows),
        {
            "at": t("At (UTC)"),
            "recipient": t("To whom"),
            "purpose": t("What for"),
            "what": t("What"),
            "until": t("Until"),
        },
        file_name="disclosures",
        alt=t("Disclosures of this person's record, oldest first"),
    )
