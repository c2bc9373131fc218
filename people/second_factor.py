"""The second factor: codes of an authenticator app (TOTP, RFC 6238) and one-time recovery codes. When it is asked for is `people.sessions`'.

The app's secret is kept sealed (AES-256-GCM) under a key of the home folder, a recovery code as a keyed hash.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import secrets
import time

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from learnlake import audit
from learnlake.errors import AccessError, StoreError
from people import attempts
from people.accounts import Account
from people.db import now, reading, settings_of, writing
from people.tables import recovery_code, second_factor

STEP_SECONDS = 30
ALLOWED_STEPS = 1
"""A code of the step before or after counts too: clocks differ, people type slowly (RFC 6238, 5.2)."""
RECOVERY_CODES = 10
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no letter that looks like a digit
WRONG = "The code is not right"


@dataclasses.dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app has to learn, as text to type and as the address in the QR code."""

    secret: str
    uri: str


def is_enrolled(engine: Engine, account_id: int) -> bool:
    """Whether a second factor is set up and confirmed."""
    with reading(engine) as connection:
        row = connection.execute(
            select(second_factor.c.secret).where(second_factor.c.account_id == account_id)
        ).first()
    return row is not None and row.secret is not None


def recovery_codes_left(engine: Engine, account_id: int) -> int:
    """How many recovery codes have not been used."""
    query = select(func.count()).where(recovery_code.c.account_id == account_id)
    with reading(engine) as connection:
        return int(connection.scalar(query) or 0)


def begin(engine: Engine, known: Account, *, is_fresh: bool = False) -> Enrolment:
    """The secret for a new authenticator app: the same until a code confirms it, unless `is_fresh`.

    What is set up already stays until then.
    """
    mine = second_factor.c.account_id == known.account_id
    with writing(engine) as connection:
        row = connection.execute(select(second_factor).where(mine)).first()
        if row is not None and row.pending_secret is not None and not is_fresh:
            secret = _pending(engine, known.account_id, row.pending_secret)
        else:
            secret = None
        if secret is None:
            secret = pyotp.random_base32()
            sealed = _seal(engine, known.account_id, secret)
            if row is None:
                values = {"account_id": known.account_id, "pending_secret": sealed, "last_step": 0}
                connection.execute(insert(second_factor).values(**values))
            else:
                connection.execute(update(second_factor).where(mine).values(pending_secret=sealed))
    uri = pyotp.TOTP(secret).provisioning_uri(name=known.login, issuer_name="Learnlake")
    return Enrolment(secret, uri)


def confirm(engine: Engine, known: Account, code: str, *, source: str) -> list[str]:
    """Set up what `begin` began, for the right code of the app; answers new recovery codes. AccessError otherwise."""
    name = str(known.account_id)
    attempts.count(engine, name, of="codes")
    mine = second_factor.c.account_id == known.account_id
    with writing(engine) as connection:
        row = connection.execute(select(second_factor).where(mine)).first()
        pending = row.pending_secret if row else None
        step = _step_of(_unseal(engine, known.account_id, pending), code) if pending else None
        if step is not None:
            values = {"secret": pending, "pending_secret": None, "last_step": step, "confirmed_at": now()}
            connection.execute(update(second_factor).where(mine).values(**values))
            attempts.forgive(connection, name, of="codes")
            codes = _replace_codes(engine, connection, known.account_id)
    if step is None:
        _audit(engine, known, "set-up-second-factor", source, "refused")
        raise AccessError(
            WRONG, mend="wait for the app's next code and check that your device's clock is right"
        )
    _audit(engine, known, "set-up-second-factor", source)
    return codes


def check(engine: Engine, known: Account, code: str, *, source: str) -> None:
    """Take one code of the app, or one recovery code; neither is taken a second time. AccessError otherwise.

    Each try is counted before the code is looked at.
    """
    name = str(known.account_id)
    attempts.count(engine, name, of="codes")
    with writing(engine) as connection:
        used = _take(engine, connection, known.account_id, code)
        if used:
            attempts.forgive(connection, name, of="codes")
    if used is None:
        _audit(engine, known, "second-factor", source, "refused")
        raise AccessError(WRONG, mend="use the app's newest code, each one once, or a recovery code")
    _audit(engine, known, used, source)


def new_recovery_codes(engine: Engine, known: Account, *, source: str) -> list[str]:
    """Fresh recovery codes, shown this once; the old ones count no more."""
    with writing(engine) as connection:
        codes = _replace_codes(engine, connection, known.account_id)
    _audit(engine, known, "new-recovery-codes", source)
    return codes


def remove(engine: Engine, known: Account, *, source: str, actor_key: str | None = None) -> bool:
    """Take the second factor off the account, recovery codes included. False when there was none."""
    with writing(engine) as connection:
        done = connection.execute(delete(second_factor).where(second_factor.c.account_id == known.account_id))
        connection.execute(delete(recovery_code).where(recovery_code.c.account_id == known.account_id))
        attempts.forgive(connection, str(known.account_id), of="codes")
    if done.rowcount:
        _audit(engine, known, "remove-second-factor", source, actor_key=actor_key)
    return bool(done.rowcount)


def _take(engine: Engine, connection: Connection, account_id: int, code: str) -> str | None:
    """The audit trail's word for what `code` was, once it is used up; None when it is nothing."""
    mine = second_factor.c.account_id == account_id
    row = connection.execute(select(second_factor).where(mine)).first()
    if row is None or row.secret is None:
        return None
    step = _step_of(_unseal(engine, account_id, row.secret), code)
    if step is not None and step > row.last_step:
        connection.execute(update(second_factor).where(mine).values(last_step=step))
        return "second-factor"
    gone = connection.execute(
        delete(recovery_code).where(
            recovery_code.c.account_id == account_id,
            recovery_code.c.code_hash == _code_hash(engine, account_id, code),
        )
    )
    return "use-recovery-code" if gone.rowcount else None


def _step_of(secret: str, code: str) -> int | None:
    """The time step that `code` belongs to, among those allowed at present."""
    given = "".join(code.split())
    if len(given) != 6 or not (given.isascii() and given.isdigit()):
        return None
    app, current = pyotp.TOTP(secret, interval=STEP_SECONDS), int(time.time()) // STEP_SECONDS
    found = None
    for step in range(current - ALLOWED_STEPS, current + ALLOWED_STEPS + 1):
        if hmac.compare_digest(app.generate_otp(step), given):
            found = step
    return found


def _replace_codes(engine: Engine, connection: Connection, account_id: int) -> list[str]:
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(12)) for _ in range(RECOVERY_CODES)]
    connection.execute(delete(recovery_code).where(recovery_code.c.account_id == account_id))
    rows = [{"code_hash": _code_hash(engine, account_id, code), "account_id": account_id} for code in codes]
    connection.execute(insert(recovery_code), rows)
    return ["-".join(code[i : i + 4] for i in range(0, 12, 4)) for code in codes]


def _code_hash(engine: Engine, account_id: int, code: str) -> str:
    plain = code.upper().replace("-", "").replace(" ", "")
    return hmac.new(_key(engine), f"{account_id}\0{plain}".encode(), hashlib.sha256).hexdigest()


def _seal(engine: Engine, account_id: int, secret: str) -> str:
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(_key(engine)).encrypt(nonce, secret.encode(), str(account_id).encode())
    return base64.b64encode(nonce + sealed).decode()


def _unseal(engine: Engine, account_id: int, kept: str) -> str:
    sealed = base64.b64decode(kept)
    try:
        return AESGCM(_key(engine)).decrypt(sealed[:12], sealed[12:], str(account_id).encode()).decode()
    except InvalidTag as error:
        raise StoreError(
            "This second factor cannot be checked any more: it was set up under a key that this server has lost",
            where="secrets/second-factor in the home folder",
            mend="an administrator takes it off (page People), and you set up a new one; or the key comes back from a backup",
        ) from error


def _pending(engine: Engine, account_id: int, kept: str) -> str | None:
    """What is being set up; None where its key is lost: then a new one is begun, for nobody relies on it yet."""
    try:
        return _unseal(engine, account_id, kept)
    except StoreError:
        return None


def _key(engine: Engine) -> bytes:
    return settings_of(engine).home.secret("second-factor")


def _audit(
    engine: Engine,
    known: Account,
    action: str,
    source: str,
    result: str = "allowed",
    *,
    actor_key: str | None = None,
) -> None:
    entry = audit.AuditEntry(known.tenant, actor_key or known.key, action, known.key, source, result)
    audit.append(settings_of(engine).home.audit_db, entry)
