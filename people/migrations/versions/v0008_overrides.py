"""What teachers decide about suggestions, what learners prefer. The published roster has both from now on."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "learning_override",
        sa.Column("override_id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("section_key", sa.String(), nullable=False),
        sa.Column("person_key", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("skill_key", sa.String(), nullable=True),
        sa.Column("activity_key", sa.String(), nullable=True),
        sa.Column("begin_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.String(), nullable=False),
        sa.Column("granted_at", sa.DateTime(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("override_id", name=op.f("pk_learning_override")),
    )
    for column in ("section_key", "person_key"):
        name = op.f(f"ix_learning_override_{column}_tenant")
        op.create_index(name, "learning_override", [column, "tenant"])
    op.create_table(
        "learner_preference",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("tenant", "person_key", "kind", "value")),
        sa.PrimaryKeyConstraint("tenant", "person_key", "kind", "value", name=op.f("pk_learner_preference")),
    )
    op.execute("update revision set number = number + 1 where number > 0")
