"""Who asks with an access token of the school's OpenID provider. The token was checked before; accounts are linked in `people.external`."""

from __future__ import annotations

from sqlalchemy import Engine

from people import accounts, external, second_factor, sessions
from people.db import reading, settings_of, today
from people.roles import roles_held
from people.sessions import Viewer


def viewer_of(engine: Engine, *, tenant: str, issuer: str, subject: str) -> Viewer | None:
    """Who asks with an access token of `issuer`, read live. Only somebody who has logged in with that issuer before is known.

    None for an account that is closed or holds no role, and for one that needs a second factor which the issuer does not ask for.
    """
    login = external.linked(engine, tenant=tenant, issuer=issuer, subject=subject)
    if login is None:
        return None
    known = accounts.get(engine, login)
    with reading(engine) as connection:
        held = roles_held(
            connection,
            tenant=tenant,
            account_id=known.account_id,
            person_key=known.person_key,
            today=today(engine),
        )
    if known.is_disabled or not held:
        return None
    providers = settings_of(engine).oidc_providers
    if not any(p.has_second_factor for p in providers if (p.issuer, p.tenant) == (issuer, tenant)) and (
        second_factor.is_enrolled(engine, known.account_id) or sessions.owes_second_factor(engine, known)
    ):
        return None
    return Viewer(known.account_id, known.person_key, tenant, held[0], held, known.login)
