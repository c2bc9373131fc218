"""Second factors, recovery codes, reset links, log-ins that wait for a code; sessions know their last use. Open sessions end."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.drop_table("login_session")
    op.create_table(
        "login_session",
        sa.Column("token_hash", sa.String(), nullable=False),
        _account(),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        _of_account("login_session"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_login_session")),
    )
    op.create_table(
        "login_challenge",
        sa.Column("token_hash", sa.String(), nullable=False),
        _account(),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        _of_account("login_challenge"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_login_challenge")),
    )
    op.create_table(
        "second_factor",
        _account(),
        sa.Column("secret", sa.String(), nullable=True),
        sa.Column("pending_secret", sa.String(), nullable=True),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(), nullable=True),
        _of_account("second_factor"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_second_factor")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("code_hash", sa.String(), nullable=False),
        _account(),
        _of_account("recovery_code"),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_recovery_code")),
    )
    op.create_table(
        "password_reset",
        sa.Column("token_hash", sa.String(), nullable=False),
        _account(),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        _of_account("password_reset"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_password_reset")),
    )
    for table in ("login_session", "login_challenge", "recovery_code", "password_reset"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_index(batch_op.f(f"ix_{table}_account_id"), ["account_id"], unique=False)


def _account() -> sa.Column:
    return sa.Column("account_id", sa.Integer(), nullable=False)


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_account_id_account")
    return sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=name)
