"""Consents by purpose, and disclosures of records outside the school."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "consent",
        sa.Column("consent_id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("given_by", sa.String(), nullable=False),
        sa.Column("giver_key", sa.String(), nullable=True),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("until_date", sa.Date(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("consent_id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_person_key_tenant"), "consent", ["person_key", "tenant"])
    op.create_table(
        "disclosure",
        sa.Column("disclosure_id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("actor_key", sa.String(), nullable=False),
        sa.Column("is_everyone", sa.Boolean(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("disclosure_id", name=op.f("pk_disclosure")),
    )
    op.create_table(
        "disclosed_person",
        sa.Column("disclosure_id", sa.Integer(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["disclosure_id"],
            ["disclosure.disclosure_id"],
            name=op.f("fk_disclosed_person_disclosure_id_disclosure"),
        ),
        sa.PrimaryKeyConstraint("disclosure_id", "person_key", name=op.f("pk_disclosed_person")),
    )
    op.create_index(op.f("ix_disclosed_person_person_key"), "disclosed_person", ["person_key"])
