"""Names, identifiers and demographics are sealed at rest; enabledUser gets a column of its own, because it is filtered by."""

import json

import sqlalchemy as sa
from alembic import op

from people.sealing import keyring_of
from people.tables import PERSON_NAMES, utc_now

revision = "0007"
down_revision = "0006"

SEALED = {
    "person": (*PERSON_NAMES, "extension"),
    "identifier": ("value",),
    "demographics": ("birth_date", "sex", "details"),
}


def upgrade() -> None:
    op.create_table(
        "sealing_key",
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_sealing_key")),
    )
    op.add_column("person", sa.Column("enabled_user", sa.String(), nullable=True))
    bind = op.get_bind()
    bind.exec_driver_sql(
        "pragma secure_delete = on"
    )  # what is overwritten below leaves no trace in free pages
    with op.batch_alter_table("demographics") as batch:
        batch.alter_column("birth_date", type_=sa.String(), existing_type=sa.Date())
    keyring = keyring_of(bind.dialect)
    key = keyring.keys()[0]
    bind.exec_driver_sql(
        "insert into sealing_key values (?, ?)", (key.key_id, utc_now().isoformat(" ", "microseconds"))
    )
    for rowid, extension in bind.exec_driver_sql("select rowid, extension from person").all():
        enabled = json.loads(str(extension or "{}")).get("enabledUser")
        if enabled is not None:
            bind.exec_driver_sql("update person set enabled_user = ? where rowid = ?", (enabled, rowid))
    for table, columns in SEALED.items():
        setting = ", ".join(f"{column} = ?" for column in columns)
        for rowid, *values in bind.exec_driver_sql(f"select rowid, {', '.join(columns)} from {table}").all():
            sealed = [
                None if value is None else keyring.seal(str(value), f"{table}.{column}", key=key)
                for column, value in zip(columns, values, strict=True)
            ]
            bind.exec_driver_sql(f"update {table} set {setting} where rowid = ?", (*sealed, rowid))
