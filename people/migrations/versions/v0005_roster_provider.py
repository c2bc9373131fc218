"""When a roster row changed last, and the systems that may read the roster over HTTP."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_DATED = (
    *("organisation", "academic_session", "course", "section"),
    *("person", "enrolment", "role_assignment"),
)


def upgrade() -> None:
    for table in _DATED:
        op.add_column(table, sa.Column("changed_at", sa.DateTime(), nullable=True))
        # rows from before this column count as changed now: a reader of changes takes them once
        op.execute(f"update {table} set changed_at = strftime('%Y-%m-%d %H:%M:%f000', 'now')")
    op.create_table(
        "roster_client",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_roster_client")),
    )
    op.create_table(
        "roster_token",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["roster_client.client_id"], name=op.f("fk_roster_token_client_id_roster_client")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_roster_token")),
    )
    op.create_index(op.f("ix_roster_token_client_id"), "roster_token", ["client_id"])
