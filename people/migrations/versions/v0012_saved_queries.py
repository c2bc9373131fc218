"""Analysts keep queries, with the picture that they draw of them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "saved_query",
        sa.Column("query_id", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("chart_kind", sa.String(), nullable=False),
        sa.Column("chart_x", sa.String(), nullable=True),
        sa.Column("chart_y", sa.String(), nullable=True),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("saved_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.account_id"], name=op.f("fk_saved_query_account_id_account")
        ),
        sa.PrimaryKeyConstraint("query_id", name=op.f("pk_saved_query")),
        sa.UniqueConstraint("account_id", "title", name=op.f("uq_saved_query_account_id_title")),
    )
    op.create_index(op.f("ix_saved_query_tenant"), "saved_query", ["tenant"])
