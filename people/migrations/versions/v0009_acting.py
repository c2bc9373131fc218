"""Notes, messages and interventions: what teachers do about a student."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def _about_a_student() -> list[sa.Column]:
    return [
        sa.Column(name, sa.String(), nullable=False)
        for name in ("tenant", "section_key", "person_key", "author_key")
    ]


def upgrade() -> None:
    op.create_table(
        "student_note",
        sa.Column("note_id", sa.Integer(), nullable=False),
        *_about_a_student(),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_student_note")),
    )
    op.create_table(
        "message",
        sa.Column("message_id", sa.Integer(), nullable=False),
        *_about_a_student(),
        sa.Column("to_student", sa.Boolean(), nullable=False),
        sa.Column("to_guardians", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_message")),
    )
    op.create_table(
        "message_receipt",
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("read_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.message_id"],
            name=op.f("fk_message_receipt_message_id_message"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_id", "person_key", name=op.f("pk_message_receipt")),
    )
    op.create_table(
        "intervention",
        sa.Column("intervention_id", sa.Integer(), nullable=False),
        *_about_a_student(),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("owner_key", sa.String(), nullable=False),
        sa.Column("begin_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("outcome_text", sa.Text(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("intervention_id", name=op.f("pk_intervention")),
    )
    for table, columns in (
        ("student_note", ("section_key", "person_key")),
        ("student_note", ("person_key", "tenant")),
        ("message", ("section_key", "person_key")),
        ("message", ("person_key", "tenant")),
        ("message_receipt", ("person_key", "tenant")),
        ("intervention", ("section_key", "tenant")),
        ("intervention", ("person_key", "tenant")),
    ):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))
