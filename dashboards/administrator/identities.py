"""Who is who: actors whom no roster knows, joined with the person they turn out to be; an identifier that is somebody else's, taken off."""

from __future__ import annotations

import dataclasses
import html

import polars as pl
import streamlit as st

from dashboards import words
from dashboards.administrator import acting
from dashboards.administrator.acting import Outcome
from dashboards.components import page, states, tables
from dashboards.visit import Visit, people_of
from dashboards.words import mark
from people import assignments, identities, search
from people.assignments import UnknownActor

t, tn = words.room(__name__)
PAGE = "administrator-identities"
ACTION = "manage-identities"
MOST = 200
"""So many unknown actors are offered at once; a part of the identifier finds the others."""

_KINDS = {
    "account": mark("xAPI account"),
    "mbox": mark("E-mail address"),
    "mbox_sha1sum": mark("E-mail address, hashed"),
    "openid": "OpenID",
    "sis_id": mark("Id in the SIS"),
    "lti_sub": mark("LTI subject"),
}


def render(visit: Visit) -> None:
    """The page: unknown actors, the person whom one of them is, that person's identifiers."""
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    unknown = assignments.list_unknown_actors(engine, tenant)
    page.header(visit, t("Who is who"), _lead(unknown))
    acting.report()
    actor = _choose_actor(unknown)
    if actor:
        _perhaps(visit, actor)
    page.section(
        t("The person") if actor else t("One person's identifiers"),
        t("Look for somebody to see by what learning systems know them.")
        if not actor
        else t("Who is this actor? Look for the person by name, log-in or roster id."),
    )
    key = acting.choose_person(visit, param="person")
    known = search.card(engine, tenant, key) if key else None
    if known is None or known.person_key is None:
        if key:
            states.empty(
                t("This key belongs to nobody of the roster"), t("Look for the person by name instead.")
            )
        return
    visit.audit_view(known.person_key, PAGE)
    if actor and actor.person_key != known.person_key:
        _join(visit, known, actor)
    _identifiers(visit, known)


def _lead(unknown: list[UnknownActor]) -> str:
    people = len({one.person_key for one in unknown})
    if not people:
        return t(
            "Every actor of every statement is somebody of the roster. Look for a person to see their identifiers."
        )
    return tn(
        "Say who {count} actor is whom statements name and no roster knows: "
        "until then what they did counts for nobody.",
        "Say who {count} actors are whom statements name and no roster knows: "
        "until then what they did counts for nobody.",
        people,
    )


def _choose_actor(unknown: list[UnknownActor]) -> UnknownActor | None:
    if not unknown:
        return None
    page.section(
        t("Actors whom no roster knows"),
        t(
            "Those in most sections first. Whose roster comes later are recognised by themselves when it names the same identifier."
        ),
    )
    part = st.text_input(t("Part of the identifier"), key="find_actor").strip().casefold()
    found = [one for one in unknown if part in one.value.casefold()]
    if not found:
        states.empty(t("No unknown actor has this in its identifier"), t("Try a shorter part of it."))
        return None
    tables.table(
        pl.DataFrame(
            [
                {**dataclasses.asdict(one), "kind": _kind(one.kind), "value": _line(one.value)}
                for one in found[:MOST]
            ]
        ),
        {"value": t("Identifier"), "kind": t("Kind"), "section_count": t("Sections"), "person_key": t("Key")},
        file_name="unknown-actors",
        alt=t("Unknown actors with the number of sections in which they did something"),
    )
    if len(found) > MOST:
        st.caption(
            t(
                "{shown} of {count} are shown: write a part of the identifier to find the others.",
                shown=MOST,
                count=len(found),
            )
        )
    offered = {one.person_key: one for one in found[:MOST]}
    wanted = st.query_params.get("actor")
    chosen = st.selectbox(
        t("Actor to be joined with a person"),
        list(offered),
        index=list(offered).index(wanted) if wanted in offered else None,
        format_func=lambda key: _line(offered[key].value),
        placeholder=t("Choose one"),
        key="choose_actor",
    )
    if chosen is None:
        st.query_params.pop("actor", None)
        return None
    if wanted != chosen:
        st.query_params["actor"] = chosen
    return offered[chosen]


def _perhaps(visit: Visit, actor: UnknownActor) -> None:
    """People of the roster whose name, log-in or roster id is the last part of the identifier."""
    tail = actor.value.splitlines()[-1].removeprefix("mailto:").split("@")[0].rstrip("/").split("/")[-1]
    if len(tail) < 2 or actor.kind == "mbox_sha1sum":
        return
    found = search.find(people_of(visit.settings), visit.viewer.tenant, tail.replace(".", " "), limit=4)
    found = [one for one in found if one.key.startswith("p_") and one.key != actor.person_key]
    if not found:
        return
    said = t(
        "Perhaps one of these, who are called <b>{name}</b> somewhere. Make sure before you join them.",
        name=html.escape(tail),
    )
    st.html(f'<p class="ll-small">{said}</p>')
    with st.container(horizontal=True):
        for one in found:
            if st.button(acting.plain(one.name), key=f"perhaps_{one.key}", icon=":material/person:"):
                st.session_state.pop("find_person", None)
                st.query_params["person"] = one.key
                st.rerun()


def _join(visit: Visit, known: search.Card, actor: UnknownActor) -> None:
    assert known.person_key is not None
    keep, name, line = known.person_key, known.name, _line(actor.value)

    def join() -> Outcome:
        settings = visit.settings
        identities.join(
            people_of(settings),
            settings.home,
            visit.viewer.tenant,
            keep,
            actor.person_key,
            **acting.deed(visit),
        )
        st.query_params.pop("actor", None)
        return Outcome(
            t(
                "{identifier} is {name} from now on; the statements follow at the next run of the pipeline.",
                identifier=line,
                name=name,
            )
        )

    with st.popover(t("Join with {name}", name=acting.plain(name)), icon=":material/join:"):
        st.write(
            t(
                "What {identifier} did, and will do, counts for {name}, who sees it, as do the teachers and guardians. "
                "An identifier that was joined wrongly is taken off again below.",
                identifier=acting.plain(line),
                name=acting.plain(name),
            )
        )
        if st.button(t("Yes, they are one person"), type="primary", key="join"):
            acting.carry_out(visit, ACTION, join)


def _identifiers(visit: Visit, known: search.Card) -> None:
    assert known.person_key is not None
    engine, tenant = people_of(visit.settings), visit.viewer.tenant
    found = identities.list_identifiers(engine, tenant, known.person_key)
    page.section(
        t("How learning systems know {name}", name=known.name),
        t("A statement under any of these is this person's. Where one is somebody else's, take it off."),
    )
    if not found:
        states.empty(
            t("No identifier"),
            t(
                "No statement can be this person's until a roster gives one, or an unknown actor is joined with them."
            ),
        )
        return
    tables.table(
        pl.DataFrame(
            [
                {
                    "kind": _kind(one.kind),
                    "value": _line(one.value),
                    "source": t("joined by hand") if one.source == "administrator" else one.source,
                }
                for one in found
            ]
        ),
        {"kind": t("Kind"), "value": t("Identifier"), "source": t("From")},
        file_name="identifiers",
        alt=t("The identifiers of this person"),
    )
    by_key = {one.identifier_key: one for one in found}
    with st.popover(t("Take an identifier off"), icon=":material/call_split:"):
        st.write(
            t(
                "The statements made under it go along to an unknown actor, whom you may join with somebody else. "
                "Classes and roles stay here, and later imports leave the identifier where it is."
            )
        )
        chosen = st.selectbox(
            t("Identifier"),
            list(by_key),
            index=None,
            format_func=lambda key: f"{_kind(by_key[key].kind)}: {_line(by_key[key].value)}",
            placeholder=t("Choose one"),
            key="split_identifier",
        )
        if st.button(t("Yes, take it off"), type="primary", key="split", disabled=chosen is None):
            _split(visit, known, by_key[chosen])


def _split(visit: Visit, known: search.Card, one: identities.Known) -> None:
    def split() -> Outcome:
        settings = visit.settings
        unknown = identities.split(
            people_of(settings),
            settings.home,
            visit.viewer.tenant,
            known.person_key or "",
            one.identifier_key,
            **acting.deed(visit),
        )
        st.query_params["actor"] = unknown
        for widget in ("choose_actor", "find_actor"):
            st.session_state.pop(widget, None)
        return Outcome(
            t(
                "{identifier} is an unknown actor now, chosen above: look for the person whom it belongs to.",
                identifier=_line(one.value),
            )
        )

    acting.carry_out(visit, ACTION, split)


def _kind(kind: str) -> str:
    return t(_KINDS.get(kind, kind))


def _line(value: str) -> str:
    """An account is written as its home page and its name."""
    return value.replace("\n", " ")
