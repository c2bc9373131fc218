"""From checked OneRoster files to rows of people.db's tables: same columns, all text, dates as ISO text, booleans 0 or 1.

`person_key`s are given in `people.oneroster.persons`; until then rows name people by the roster's sourcedId.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json

import polars as pl

from people.oneroster.binding import DEMOGRAPHIC_DETAILS
from people.oneroster.files import Package
from people.roles import FROM_ROSTER

_NONE = pl.lit(None, dtype=pl.String)
_GUARDIANS = [role for role, ours in FROM_ROSTER.items() if ours == "guardian"]
_ENROLMENT_ROLES = {"aide": "assistant", "ext:aide": "assistant", "ext:assistant": "assistant"}


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Whose roster this is: every row it writes carries `home_page`, and only those rows may it change or revoke."""

    tenant: str
    home_page: str

    def key(self, column: str) -> pl.Expr:
        """The contract's key of a rostered thing: TENANT:SOURCED_ID."""
        return pl.lit(f"{self.tenant}:") + pl.col(column)

    def row_key(self, *columns: str) -> pl.Expr:
        """A key that no other source in the tenant can have: for rows that nobody outside names."""
        digest = hashlib.sha256(self.home_page.encode()).hexdigest()[:8]
        return pl.concat_str(pl.lit(digest), *columns, separator=":")

    def iri(self, kind: str, column: str) -> pl.Expr:
        """The IRI by which our statements name a course or section (docs/xapi-profile.md)."""
        return pl.lit(f"{self.home_page.rstrip('/')}/{kind}/") + pl.col(column)


def shape_structure(package: Package, source: Source) -> dict[str, pl.DataFrame]:
    """organisation, academic_session, course and section, as far as their files are here."""
    shapers = {
        "organisation": ("orgs", _organisations),
        "academic_session": ("academicSessions", _sessions),
        "course": ("courses", _courses),
    }
    tables = {
        table: shaper(package.frames[file], source)
        for table, (file, shaper) in shapers.items()
        if file in package.frames
    }
    if "classes" in package.frames:
        tables["section"] = _sections(package, source)
    return tables


def _organisations(frame: pl.DataFrame, source: Source) -> pl.DataFrame:
    return frame.select(
        *_start(source, "school_key"),
        source.key("parentSourcedId").alias("parent_school_key"),
        "type",
        pl.col("name").alias("title"),
        "identifier",
        extension(frame),
        is_active(),
    )


def _last_day() -> pl.Expr:
    """`end_date`, the last day that counts: OneRoster's endDate is the first that doesn't (exclusive, for sessions, roles and enrollments)."""
    return pl.col("endDate").str.to_date("%Y-%m-%d").dt.offset_by("-1d").cast(pl.String)


def _sessions(frame: pl.DataFrame, source: Source) -> pl.DataFrame:
    return frame.select(
        *_start(source, "session_key"),
        source.key("parentSourcedId").alias("parent_session_key"),
        "title",
        "type",
        pl.col("startDate").alias("start_date"),
        _last_day().alias("end_date"),
        pl.col("schoolYear").alias("school_year"),
        extension(frame),
        is_active(),
    )


def _courses(frame: pl.DataFrame, source: Source) -> pl.DataFrame:
    return frame.select(
        *_start(source, "course_key"),
        source.key("orgSourcedId").alias("school_key"),
        source.key("schoolYearSourcedId").alias("session_key"),
        "title",
        pl.col("courseCode").alias("code"),
        first("subjects").alias("subject"),
        first("grades").alias("grade"),
        source.iri("courses", "sourcedId").alias("iri"),
        extension(frame, "grades", "subjects", "subjectCodes"),
        is_active(),
    )


def _sections(package: Package, source: Source) -> pl.DataFrame:
    frame = package.frames["classes"]
    terms = [[term.strip() for term in (text or "").split(",")] for text in frame["termSourcedIds"]]
    sessions = package.frames.get("academicSessions")
    parents = (
        dict(sessions.select("sourcedId", "parentSourcedId").iter_rows()) if sessions is not None else {}
    )
    prefix = f"{source.tenant}:"
    return frame.select(
        *_start(source, "section_key"),
        source.key("courseSourcedId").alias("course_key"),
        source.key("schoolSourcedId").alias("school_key"),
        pl.Series("session_key", [prefix + _dating_term(own, parents) for own in terms], dtype=pl.String),
        pl.Series(
            "session_keys", [json.dumps([prefix + term for term in own]) for own in terms], dtype=pl.String
        ),
        "title",
        pl.col("classCode").alias("code"),
        first("grades").alias("grade"),
        source.iri("sections", "sourcedId").alias("iri"),
        extension(frame, "classType", "location", "grades", "subjects", "subjectCodes", "periods"),
        is_active(),
    )


def _dating_term(terms: list[str], parents: dict[str, str | None]) -> str:
    """The session that dates a class: its only term, what all its terms are part of, or else the first."""
    above = {parents.get(term) for term in terms}
    common = next(iter(above)) if len(above) == 1 else None
    return common if len(terms) > 1 and common else terms[0]


def shape_users(package: Package) -> pl.DataFrame:
    """One row per user: sourced_id, the person table's columns, and email, userIds and agentSourcedIds for later steps."""
    frame = package.frames["users"]
    primary = _primary_roles(package)
    frame = frame.join(primary, left_on="sourcedId", right_on="user", how="left", maintain_order="left")
    if package.version == "1.2":
        school = pl.coalesce("primaryOrgSourcedId", "role_org")
        preferred = pl.col("preferredGivenName"), pl.col("preferredFamilyName")
    else:
        school, preferred = pl.col("role_org"), (_NONE, _NONE)
    kept = ("enabledUser", "userIds", "identifier", "email", "sms", "phone", "grades")
    kept_1_2 = ("userMasterIdentifier", "preferredMiddleName", "pronouns")
    return frame.select(
        pl.col("sourcedId").alias("sourced_id"),
        pl.col("primary_role").str.to_lowercase().alias("role"),
        school.alias("school_id"),
        first("grades").alias("grade"),
        pl.col("enabledUser").alias("enabled_user"),
        "username",
        pl.col("givenName").alias("given_name"),
        pl.col("familyName").alias("family_name"),
        pl.col("middleName").alias("middle_name"),
        preferred[0].alias("preferred_given_name"),
        preferred[1].alias("preferred_family_name"),
        _is_generated(frame),
        extension(frame, *kept, *(kept_1_2 if package.version == "1.2" else ())),
        is_active(),
        "email",
        pl.col("userIds").alias("user_ids"),
        pl.col("agentSourcedIds").alias("agent_ids"),
        "_line",
    )


def shape_roles(package: Package, source: Source) -> pl.DataFrame:
    """role_assignment rows, with the user's `sourced_id`; OneRoster's roles that give none of ours are left out."""
    frame = _role_rows(package)
    users = package.frames.get("users")
    if users is not None:
        shut = users.filter(pl.col("enabledUser").str.to_lowercase() == "false")["sourcedId"]
        # "false" in enabledUser: the record stands, the access doesn't
        frame = frame.with_columns(
            is_active=pl.when(pl.col("user").is_in(shut.implode())).then(0).otherwise(pl.col("is_active"))
        )
    key = source.row_key("row_id")
    return frame.filter(pl.col("role").is_in(list(FROM_ROSTER))).select(
        key.alias("assignment_key"),
        pl.col("user").alias("sourced_id"),
        pl.col("role").replace_strict(FROM_ROSTER, default=None).alias("role"),
        source.key("org").alias("school_key"),
        "begin_date",
        "end_date",
        pl.col("is_active").cast(pl.Int64),
    )


def _role_rows(package: Package) -> pl.DataFrame:
    """user, role, org, is_primary, begin_date, end_date, is_active, row_id: from users.csv in 1.1, roles.csv in 1.2."""
    if package.version == "1.2":
        return _roles_frame(package).select(
            pl.col("userSourcedId").alias("user"),
            "role",
            pl.col("orgSourcedId").alias("org"),
            (pl.col("roleType") == "primary").alias("is_primary"),
            pl.col("beginDate").alias("begin_date"),
            _last_day().alias("end_date"),
            is_active(),
            pl.col("sourcedId").alias("row_id"),
        )
    frame = (
        package.frames["users"].with_columns(pl.col("orgSourcedIds").str.split(",")).explode("orgSourcedIds")
    )
    frame = frame.with_columns(pl.col("orgSourcedIds").str.strip_chars())
    return frame.select(
        pl.col("sourcedId").alias("user"),
        "role",
        pl.col("orgSourcedIds").alias("org"),
        pl.lit(True).alias("is_primary"),
        _NONE.alias("begin_date"),
        _NONE.alias("end_date"),
        is_active(),
        pl.concat_str("sourcedId", "role", "orgSourcedIds", separator=":").alias("row_id"),
    )


def _roles_frame(package: Package) -> pl.DataFrame:
    if "roles" in package.frames:
        return package.frames["roles"]
    columns = (
        "userSourcedId",
        "role",
        "orgSourcedId",
        "roleType",
        "beginDate",
        "endDate",
        "status",
        "sourcedId",
    )
    return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))


def _primary_roles(package: Package) -> pl.DataFrame:
    """user, primary_role, role_org: the role marked primary, or else the first; active ones before others."""
    rows = _role_rows(package).sort("is_active", "is_primary", descending=True, maintain_order=True)
    return rows.group_by("user", maintain_order=True).agg(
        pl.col("role").first().alias("primary_role"), pl.col("org").first().alias("role_org")
    )


def shape_guardianships(users: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """(guardian_id, child_id) pairs from either side's agentSourcedIds, and how many agents were no guardian of a student."""
    active = users.filter(pl.col("is_active") == 1)
    named = active.select("sourced_id", "role", "agent_ids").drop_nulls("agent_ids")
    named = named.with_columns(pl.col("agent_ids").str.split(",")).explode("agent_ids")
    named = named.with_columns(pl.col("agent_ids").str.strip_chars())
    others = active.select(pl.col("sourced_id").alias("agent_ids"), pl.col("role").alias("agent_role"))
    pairs = named.join(others, on="agent_ids", how="left")
    of_child = (pl.col("role") == "student") & pl.col("agent_role").is_in(_GUARDIANS)
    of_guardian = pl.col("role").is_in(_GUARDIANS) & (pl.col("agent_role") == "student")
    both = pl.concat(
        [
            pairs.filter(of_child).select(guardian_id="agent_ids", child_id="sourced_id"),
            pairs.filter(of_guardian).select(guardian_id="sourced_id", child_id="agent_ids"),
        ]
    ).unique(maintain_order=True)
    ignored = pairs.filter(~(of_child | of_guardian).fill_null(False)).height
    return both, ignored


def shape_enrolments(package: Package, source: Source) -> pl.DataFrame:
    """enrolment rows, with the user's `user_id` in place of the person_key."""
    frame = package.frames["enrollments"]
    return frame.select(
        source.row_key("sourcedId").alias("enrolment_key"),
        pl.lit(source.home_page).alias("source"),
        pl.col("sourcedId").alias("sourced_id"),
        source.key("classSourcedId").alias("section_key"),
        pl.col("userSourcedId").alias("user_id"),
        pl.col("role").replace(_ENROLMENT_ROLES).alias("role"),
        (pl.col("primary").str.to_lowercase() == "true").fill_null(False).cast(pl.Int64).alias("is_primary"),
        pl.col("beginDate").alias("begin_date"),
        _last_day().alias("end_date"),
        extension(frame),
        is_active(),
    )


def shape_demographics(package: Package, source: Source) -> pl.DataFrame:
    """demographics rows, with the user's `user_id`; rows to be deleted are left out."""
    frame = package.frames["demographics"]
    birth_date = "birthdate" if package.version == "1.1" else "birthDate"
    return frame.select(
        pl.col("sourcedId").alias("user_id"),
        pl.lit(source.home_page).alias("source"),
        pl.col(birth_date).alias("birth_date"),
        "sex",
        extension(frame, *DEMOGRAPHIC_DETAILS).alias("details"),
        is_active(),
    )


def first(column: str) -> pl.Expr:
    """The first of a comma-separated list."""
    return pl.col(column).str.split(",").list.first().str.strip_chars()


def is_active() -> pl.Expr:
    """1 unless the row is to be deleted."""
    return (pl.col("status").fill_null("active") != "tobedeleted").cast(pl.Int64).alias("is_active")


def extension(frame: pl.DataFrame, *columns: str) -> pl.Series:
    """`columns` and all `metadata.*` that hold something, as a JSON object; null without any."""
    kept = [*columns, *(name for name in frame.columns if name.startswith("metadata."))]
    if not kept:
        return pl.Series("extension", [None] * frame.height, dtype=pl.String)
    rows = (
        {k: v for k, v in row.items() if v is not None} for row in frame.select(kept).iter_rows(named=True)
    )
    texts = [json.dumps(row, sort_keys=True, ensure_ascii=False) if row else None for row in rows]
    return pl.Series("extension", texts, dtype=pl.String)


def _start(source: Source, key: str) -> list[pl.Expr]:
    return [
        source.key("sourcedId").alias(key),
        pl.lit(source.home_page).alias("source"),
        pl.col("sourcedId").alias("sourced_id"),
    ]


def _is_generated(frame: pl.DataFrame) -> pl.Expr:
    name = "metadata.is_generated"
    said = pl.col(name).str.to_lowercase() == "true" if name in frame.columns else pl.lit(False)
    return said.fill_null(False).cast(pl.Int64).alias("is_generated")
