"""The tables of the first release."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "academic_session",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("session_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("sourced_id", sa.String(), nullable=True),
        sa.Column("parent_session_key", sa.String(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("school_year", sa.String(), nullable=True),
        sa.Column("extension", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "session_key", name=op.f("pk_academic_session")),
    )
    op.create_table(
        "account",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=True),
        sa.Column("is_disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
    )
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_account_person_key_tenant"), ["person_key", "tenant"], unique=False
        )

    op.create_table(
        "course",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("course_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("sourced_id", sa.String(), nullable=True),
        sa.Column("school_key", sa.String(), nullable=True),
        sa.Column("session_key", sa.String(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("grade", sa.String(), nullable=True),
        sa.Column("iri", sa.String(), nullable=False),
        sa.Column("extension", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "course_key", name=op.f("pk_course")),
    )
    with op.batch_alter_table("course", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_course_iri_tenant"), ["iri", "tenant"], unique=False)

    op.create_table(
        "demographics",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("sex", sa.String(), nullable=True),
        sa.Column("details", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "person_key", name=op.f("pk_demographics")),
    )
    op.create_table(
        "enrolment",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("enrolment_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("sourced_id", sa.String(), nullable=True),
        sa.Column("section_key", sa.String(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("begin_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("extension", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "enrolment_key", name=op.f("pk_enrolment")),
    )
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_enrolment_person_key_tenant"), ["person_key", "tenant"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_enrolment_section_key_tenant"), ["section_key", "tenant"], unique=False
        )

    op.create_table(
        "enrolment_history",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("enrolment_key", sa.String(), nullable=False),
        sa.Column("section_key", sa.String(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("begin_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("replaced_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_enrolment_history")),
    )
    with op.batch_alter_table("enrolment_history", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_enrolment_history_enrolment_key_tenant"), ["enrolment_key", "tenant"], unique=False
        )

    op.create_table(
        "guardianship",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("guardian_key", sa.String(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "guardian_key", "person_key", name=op.f("pk_guardianship")),
    )
    with op.batch_alter_table("guardianship", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_guardianship_person_key_tenant"), ["person_key", "tenant"], unique=False
        )

    op.create_table(
        "identifier",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("identifier_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "identifier_key", name=op.f("pk_identifier")),
    )
    with op.batch_alter_table("identifier", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_identifier_person_key_tenant"), ["person_key", "tenant"], unique=False
        )

    op.create_table(
        "login_failure",
        sa.Column("login_hash", sa.String(), nullable=False),
        sa.Column("failure_count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(), nullable=False),
        sa.Column("locked_until", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("login_hash", name=op.f("pk_login_failure")),
    )
    op.create_table(
        "organisation",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("school_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("sourced_id", sa.String(), nullable=True),
        sa.Column("parent_school_key", sa.String(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("identifier", sa.String(), nullable=True),
        sa.Column("extension", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "school_key", name=op.f("pk_organisation")),
    )
    op.create_table(
        "person",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("sourced_id", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("school_key", sa.String(), nullable=True),
        sa.Column("grade", sa.String(), nullable=True),
        sa.Column("username", sa.String(), nullable=True),
        sa.Column("given_name", sa.String(), nullable=True),
        sa.Column("family_name", sa.String(), nullable=True),
        sa.Column("middle_name", sa.String(), nullable=True),
        sa.Column("preferred_given_name", sa.String(), nullable=True),
        sa.Column("preferred_family_name", sa.String(), nullable=True),
        sa.Column("is_generated", sa.Boolean(), nullable=False),
        sa.Column("merged_into", sa.String(), nullable=True),
        sa.Column("extension", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "person_key", name=op.f("pk_person")),
        sa.UniqueConstraint(
            "tenant", "source", "sourced_id", name=op.f("uq_person_tenant_source_sourced_id")
        ),
    )
    op.create_table(
        "revision",
        sa.Column("database_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("database_id", name=op.f("pk_revision")),
    )
    op.create_table(
        "section",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("section_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("sourced_id", sa.String(), nullable=True),
        sa.Column("course_key", sa.String(), nullable=False),
        sa.Column("school_key", sa.String(), nullable=False),
        sa.Column("session_key", sa.String(), nullable=True),
        sa.Column("session_keys", sa.String(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("grade", sa.String(), nullable=True),
        sa.Column("iri", sa.String(), nullable=False),
        sa.Column("extension", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "section_key", name=op.f("pk_section")),
    )
    with op.batch_alter_table("section", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_section_iri_tenant"), ["iri", "tenant"], unique=False)

    op.create_table(
        "login_session",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.account_id"], name=op.f("fk_login_session_account_id_account")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_login_session")),
    )
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_session_account_id"), ["account_id"], unique=False)

    op.create_table(
        "role_assignment",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("assignment_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("school_key", sa.String(), nullable=True),
        sa.Column("begin_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.account_id"], name=op.f("fk_role_assignment_account_id_account")
        ),
        sa.PrimaryKeyConstraint("tenant", "assignment_key", name=op.f("pk_role_assignment")),
    )
    with op.batch_alter_table("role_assignment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_role_assignment_account_id"), ["account_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_role_assignment_person_key_tenant"), ["person_key", "tenant"], unique=False
        )

    # An id of its own: a generation in the lake names the database it was made from
    op.execute(sa.text("insert into revision values (:id, 0)").bindparams(id=uuid.uuid4().hex))
