"""The language that somebody has chosen for the pages."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("account", sa.Column("language", sa.String(), nullable=True))
