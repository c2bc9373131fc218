"""The tables of people.db, as SQLAlchemy Core sees them. No queries and no rules here; `people/migrations` creates them.

Every table is by tenant; indexes begin with the rarer column, because SQLite without statistics takes `tenant` for rare. Names, raw identifiers and demographics live here and are never published to the lake.
`source` says who wrote a roster row: the roster's home page, `discovered` (found in the lake) or `administrator`.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from learnlake import clock
from people.sealing import Sealed, SealedDate, SealedText


def utc_now() -> dt.datetime:
    """The time in UTC without a zone, as people.db stores times."""
    return clock.utc_now().replace(tzinfo=None)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

PERSON_NAMES = (
    "username",
    "given_name",
    "family_name",
    "middle_name",
    "preferred_given_name",
    "preferred_family_name",
)
DISCOVERED = "discovered"
ADMINISTRATOR = "administrator"


def _key(name: str) -> Column[str]:
    return Column(name, String, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, String)


def _sealed(table_name: str, name: str) -> Column[str]:
    return Column(name, Sealed(f"{table_name}.{name}"))


def _source() -> Column[str]:
    return Column("source", String, nullable=False)


def _active() -> Column[bool]:
    return Column("is_active", Boolean, nullable=False, default=True)


def _changed_at() -> Column:
    return Column(
        "changed_at", DateTime, default=utc_now, onupdate=utc_now
    )  # UTC; OneRoster's dateLastModified


def _extension() -> Column[str]:
    return Column("extension", Text)  # the roster's own further columns and `metadata.*`, as a JSON object


# Roster

organisation = Table(
    "organisation",
    metadata,
    _key("tenant"),
    _key("school_key"),
    _source(),
    _text("sourced_id"),
    _text("parent_school_key"),
    Column("type", String, nullable=False),
    Column("title", String, nullable=False),
    _text("identifier"),
    _extension(),
    _active(),
    _changed_at(),
)

academic_session = Table(
    "academic_session",
    metadata,
    _key("tenant"),
    _key("session_key"),
    _source(),
    _text("sourced_id"),
    _text("parent_session_key"),
    Column("title", String, nullable=False),
    Column("type", String, nullable=False),
    Column("start_date", Date, nullable=False),
    Column("end_date", Date, nullable=False),
    _text("school_year"),
    _extension(),
    _active(),
    _changed_at(),
)

course = Table(
    "course",
    metadata,
    _key("tenant"),
    _key("course_key"),
    _source(),
    _text("sourced_id"),
    _text("school_key"),
    _text("session_key"),
    Column("title", String, nullable=False),
    _text("code"),
    _text("subject"),
    _text("grade"),
    Column("iri", String, nullable=False),
    _extension(),
    _active(),
    _changed_at(),
    Index(None, "iri", "tenant"),
)

section = Table(
    "section",
    metadata,
    _key("tenant"),
    _key("section_key"),
    _source(),
    _text("sourced_id"),
    Column("course_key", String, nullable=False),
    Column("school_key", String, nullable=False),
    _text("session_key"),  # the session that dates it: the only term, or what several terms have in common
    _text("session_keys"),  # all its terms, JSON list, in the roster's order
    Column("title", String, nullable=False),
    _text("code"),
    _text("grade"),
    Column("iri", String, nullable=False),
    _extension(),
    _active(),
    _changed_at(),
    Index(None, "iri", "tenant"),
)

person = Table(
    "person",
    metadata,
    _key("tenant"),
    _key("person_key"),
    _source(),
    _text("sourced_id"),
    Column("kind", String, nullable=False),  # rostered, unknown
    _text("role"),
    _text("school_key"),
    _text("grade"),
    _text("enabled_user"),  # OneRoster's enabledUser, true or false
    *(_sealed("person", name) for name in PERSON_NAMES),
    Column("is_generated", Boolean, nullable=False, default=False),
    _text("merged_into"),  # the person_key that took this unknown person's place
    Column(
        "extension", SealedText("person.extension")
    ),  # e-mail, phone and others of the roster's own columns, JSON
    _active(),
    _changed_at(),
    UniqueConstraint("tenant", "source", "sourced_id"),
)

identifier = Table(
    "identifier",
    metadata,
    _key("tenant"),
    _key("identifier_key"),
    Column("kind", String, nullable=False),
    Column(
        "value", Sealed("identifier.value"), nullable=False
    ),  # raw; for accounts homePage, line feed, name
    Column("person_key", String, nullable=False),
    _source(),
    Index(None, "person_key", "tenant"),
)

enrolment = Table(
    "enrolment",
    metadata,
    _key("tenant"),
    _key("enrolment_key"),
    _source(),
    _text("sourced_id"),
    Column("section_key", String, nullable=False),
    Column("person_key", String, nullable=False),
    Column("role", String, nullable=False),
    Column("is_primary", Boolean, nullable=False, default=False),
    Column("begin_date", Date),
    Column("end_date", Date),
    _extension(),
    _active(),
    _changed_at(),
    Index(None, "person_key", "tenant"),
    Index(None, "section_key", "tenant"),
)

enrolment_history = Table(
    "enrolment_history",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("enrolment_key", String, nullable=False),
    Column("section_key", String, nullable=False),
    Column("person_key", String, nullable=False),
    Column("role", String, nullable=False),
    Column("begin_date", Date),
    Column("end_date", Date),
    _active(),
    Column("replaced_at", DateTime, nullable=False),  # UTC; the row held this until then
    Index(None, "enrolment_key", "tenant"),
)

guardianship = Table(
    "guardianship",
    metadata,
    _key("tenant"),
    _key("guardian_key"),
    _key("person_key"),
    _source(),
    _active(),
    Index(None, "person_key", "tenant"),
)

role_assignment = Table(
    "role_assignment",
    metadata,
    _key("tenant"),
    _key("assignment_key"),
    _source(),
    _text("person_key"),  # either a person of the roster
    Column("account_id", Integer, ForeignKey("account.account_id")),  # or an account without one
    Column("role", String, nullable=False),
    _text("school_key"),
    Column("begin_date", Date),
    Column("end_date", Date),
    _active(),
    _changed_at(),
    Index(None, "person_key", "tenant"),
    Index(None, "account_id"),
)

delegation = Table(
    "delegation",
    metadata,
    _key("tenant"),
    _key("person_key"),
    _key("section_key"),
    _key("action"),  # one of policy_rules.DELEGATED
    Column("granted_by", String, nullable=False),
    Column("granted_at", DateTime, nullable=False),
    _active(),
)

demographics = Table(
    "demographics",
    metadata,
    _key("tenant"),
    _key("person_key"),
    _source(),
    Column("birth_date", SealedDate("demographics.birth_date")),
    _sealed("demographics", "sex"),
    Column("details", SealedText("demographics.details")),  # OneRoster's further demographic columns, JSON
)

# Consent and disclosure

consent = Table(
    "consent",
    metadata,
    Column("consent_id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("person_key", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("decision", String, nullable=False),  # given, withdrawn
    Column("given_by", String, nullable=False),  # student, guardian, school
    _text("giver_key"),  # the guardian, where known
    Column("on_date", Date, nullable=False),
    Column("until_date", Date),
    Column("recorded_at", DateTime, nullable=False),
    Index(None, "person_key", "tenant"),
)

disclosure = Table(
    "disclosure",
    metadata,
    Column("disclosure_id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("at", DateTime, nullable=False),
    Column("recipient", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("what", String, nullable=False),
    Column("actor_key", String, nullable=False),
    Column("is_everyone", Boolean, nullable=False),  # everybody of the tenant from `at` to `ended_at`
    Column("ended_at", DateTime),
)

disclosed_person = Table(
    "disclosed_person",
    metadata,
    Column("disclosure_id", Integer, ForeignKey("disclosure.disclosure_id"), primary_key=True),
    _key("person_key"),
    Index(None, "person_key"),
)

# What teachers decide and learners prefer about suggestions

learning_override = Table(
    "learning_override",
    metadata,
    Column("override_id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("section_key", String, nullable=False),
    _text("person_key"),  # null: everybody in the section
    Column("action", String, nullable=False),  # assign, exclude, known
    _text("skill_key"),  # either a skill of the catalogue
    _text("activity_key"),  # or an activity
    Column("begin_date", Date, nullable=False),
    Column("end_date", Date, nullable=False),
    Column("reason", SealedText("learning_override.reason"), nullable=False),  # in the owner's words
    Column("granted_by", String, nullable=False),  # the owner
    Column("granted_at", DateTime, nullable=False),
    _active(),
    Index(None, "section_key", "tenant"),
    Index(None, "person_key", "tenant"),
)

learner_preference = Table(
    "learner_preference",
    metadata,
    _key("tenant"),
    _key("person_key"),
    _key("kind"),  # goal, format
    _key("value"),  # a skill_key, a type of activity
)

# What teachers do about a student, and keep

student_note = Table(
    "student_note",
    metadata,
    Column("note_id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("section_key", String, nullable=False),
    Column("person_key", String, nullable=False),
    Column("text", SealedText("student_note.text"), nullable=False),
    Column("author_key", String, nullable=False),
    Column("written_at", DateTime, nullable=False),
    Index(None, "section_key", "person_key"),
    Index(None, "person_key", "tenant"),
)

message = Table(
    "message",
    metadata,
    Column("message_id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("section_key", String, nullable=False),
    Column("person_key", String, nullable=False),  # the student whom it is to or about
    Column("to_student", Boolean, nullable=False),
    Column("to_guardians", Boolean, nullable=False),  # those who may see the student when they look
    Column("text", SealedText("message.text"), nullable=False),
    Column("author_key", String, nullable=False),
    Column("sent_at", DateTime, nullable=False),
    Index(None, "section_key", "person_key"),
    Index(None, "person_key", "tenant"),
)

message_receipt = Table(
    "message_receipt",  # who has said that it was read
    metadata,
    Column("message_id", Integer, ForeignKey("message.message_id", ondelete="CASCADE"), primary_key=True),
    _key("person_key"),  # the reader
    Column("tenant", String, nullable=False),
    Column("read_at", DateTime, nullable=False),
    Index(None, "person_key", "tenant"),
)

intervention = Table(
    "intervention",
    metadata,
    Column("intervention_id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("section_key", String, nullable=False),
    Column("person_key", String, nullable=False),
    Column("what", SealedText("intervention.what"), nullable=False),
    Column("owner_key", String, nullable=False),  # who looks after it
    Column("author_key", String, nullable=False),
    Column("begin_date", Date, nullable=False),
    Column("end_date", Date, nullable=False),  # when its outcome is due
    _text("outcome"),  # helped, partly, not; null: under way
    Column("outcome_text", SealedText("intervention.outcome_text")),
    Column("ended_on", Date),
    Index(None, "section_key", "tenant"),
    Index(None, "person_key", "tenant"),
)

journal_entry = Table(
    "journal_entry",  # read by its writer only
    metadata,
    Column("entry_id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("person_key", String, nullable=False),
    Column("text", SealedText("journal_entry.text"), nullable=False),
    Column("written_at", DateTime, nullable=False),
    Column("changed_at", DateTime),
    Index(None, "person_key", "tenant"),
)

WRITTEN_ABOUT = (student_note, message, intervention, journal_entry)
"""What is written about or by one person, and goes along when two entries turn out to be one person."""

# Log-in

account = Table(
    "account",
    metadata,
    Column("account_id", Integer, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("login", String, nullable=False, unique=True),
    Column("password_hash", String, nullable=False),
    _text("person_key"),
    Column("is_disabled", Boolean, nullable=False, default=False),
    Column("created_at", DateTime, nullable=False),
    _text("language"),  # of the pages, once chosen; null: the browser's
    Index(None, "person_key", "tenant"),
)

login_session = Table(
    "login_session",
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("account_id", Integer, ForeignKey("account.account_id"), nullable=False, index=True),
    _text("role"),  # the active role; null: the account's first
    Column("created_at", DateTime, nullable=False),
    Column("expires_at", DateTime, nullable=False),
    Column("last_seen_at", DateTime, nullable=False),  # the last thing done, to the minute
    Column("revoked_at", DateTime),
    Column("origin", String, nullable=False),  # the address that logged in
    Column("method", String, nullable=False),  # password, oidc:PROVIDER, ldap:DIRECTORY
)

login_challenge = Table(
    "login_challenge",  # the password was right; a code, or setting one up, is still owed
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("account_id", Integer, ForeignKey("account.account_id"), nullable=False, index=True),
    Column("stage", String, nullable=False),  # second-factor, enrolment
    Column("method", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("expires_at", DateTime, nullable=False),
)

second_factor = Table(
    "second_factor",
    metadata,
    Column("account_id", Integer, ForeignKey("account.account_id"), primary_key=True),
    Column("secret", String),  # sealed; null until a first code has confirmed `pending_secret`
    Column("pending_secret", String),  # sealed
    Column(
        "last_step", Integer, nullable=False
    ),  # RFC 6238's time step of the last code taken: none is taken twice
    Column("confirmed_at", DateTime),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("code_hash", String, primary_key=True),  # keyed; the row goes when the code is used
    Column("account_id", Integer, ForeignKey("account.account_id"), nullable=False, index=True),
)

external_identity = Table(
    "external_identity",  # who somebody is at an OpenID provider or in a directory
    metadata,
    _key("tenant"),
    _key("issuer"),
    _key("subject"),
    Column("account_id", Integer, ForeignKey("account.account_id"), nullable=False, index=True),
    Column("linked_at", DateTime, nullable=False),
)

password_reset = Table(
    "password_reset",
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("account_id", Integer, ForeignKey("account.account_id"), nullable=False, index=True),
    Column("expires_at", DateTime, nullable=False),
)

saved_query = Table(
    "saved_query",  # an analyst's, gone with the account
    metadata,
    Column("query_id", Integer, primary_key=True),
    Column("tenant", String, nullable=False, index=True),
    Column("account_id", Integer, ForeignKey("account.account_id"), nullable=False),
    Column("title", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("chart_kind", String, nullable=False),
    Column("chart_x", String),
    Column("chart_y", String),
    Column("is_shared", Boolean, nullable=False),
    Column("saved_at", DateTime, nullable=False),
    UniqueConstraint("account_id", "title"),
)

login_failure = Table(
    "login_failure",
    metadata,
    Column("login_hash", String, primary_key=True),  # SHA-256: mistyped logins may be passwords
    Column("failure_count", Integer, nullable=False),
    Column("last_at", DateTime, nullable=False),
    Column("locked_until", DateTime),
)

# Systems that read the roster by OneRoster's REST form

roster_client = Table(
    "roster_client",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("secret_hash", String, nullable=False),
    Column("tenant", String, nullable=False),
    _source(),  # whose rows it reads
    Column("name", String, nullable=False),
    Column("scopes", String, nullable=False),  # separated by blanks
    Column("created_at", DateTime, nullable=False),
    Column("revoked_at", DateTime),
)

roster_token = Table(
    "roster_token",
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("client_id", String, ForeignKey("roster_client.client_id"), nullable=False, index=True),
    Column("scopes", String, nullable=False),
    Column("expires_at", DateTime, nullable=False),
)

# Which keys identities are sealed with (`people.sealing`)

sealing_key = Table(
    "sealing_key",
    metadata,
    Column("key_id", String, primary_key=True),
    Column("made_at", DateTime, nullable=False),
)

# What the published generation was made from

revision = Table(
    "revision",
    metadata,
    Column("database_id", String, primary_key=True),
    Column("number", Integer, nullable=False),
)
