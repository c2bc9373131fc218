"""Every setting of Learnlake, each with its default and its meaning.

Read from `LEARNLAKE_*` environment variables first, then from `learnlake.toml` in the current folder (or the file that
`LEARNLAKE_CONFIG` names), then the defaults below. `learnlake settings` prints them all. Thresholds that a teacher feels
are here too, each with its reason (DESIGN decision 8).
"""

from __future__ import annotations

import datetime as dt
import functools
import os
import zoneinfo
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from learnlake.errors import SettingsError
from learnlake.home import Home

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
}
"""Telemetry of every package is off unless the operator has set the variable himself."""


Role = Literal["teacher", "assistant", "principal", "guardian", "student", "administrator", "analyst"]
"""All roles. Somebody who holds several begins a session in the first of them."""


def _secret(name: str, given: SecretStr | None, file: Path | None) -> str | None:
    if file is None:
        return given.get_secret_value() if given else None
    try:
        return file.read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"The secret of {name!r} cannot be read: {error.strerror}",
            where=str(file),
            mend="name a file that this process may read",
        ) from error


class OidcProvider(BaseModel):
    """One OpenID provider that people may log in with (docs/operators.md has examples)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    title: str = ""
    issuer: str
    client_id: str
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    scope: str = "openid email profile"
    tenant: str
    link_by: Literal["email", "sourced_id"] | None = None
    link_claim: str = "sub"
    home_page: str | None = None
    create_accounts: bool = False
    has_second_factor: bool = False
    logs_out: bool = True

    @model_validator(mode="after")
    def _usable(self) -> OidcProvider:
        parts = urlsplit(self.issuer)
        is_here = parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
            raise ValueError(f"the issuer of {self.name!r} must be an https:// address")
        if self.link_by == "sourced_id" and not self.home_page:
            raise ValueError(f"{self.name!r} links by sourced_id and needs home_page, the roster's")
        return self

    @property
    def secret(self) -> str | None:
        """The client's secret, read from its file where there is one. SettingsError when that can't be read."""
        return _secret(self.name, self.client_secret, self.client_secret_file)


class LdapDirectory(BaseModel):
    """The directory that people may log in with: LDAP or Active Directory (docs/operators.md has examples)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    url: str
    ca_file: Path | None = None
    bind_dn: str | None = None
    bind_password: SecretStr | None = None
    bind_password_file: Path | None = None
    search_base: str
    search_filter: str = "(uid={login})"
    user_dn: str | None = None
    disabled_filter: str | None = None
    subject_attribute: str = "entryUUID"
    link_by: Literal["login", "email", "sourced_id"] | None = "login"
    link_attribute: str = "mail"
    tenant: str
    home_page: str | None = None
    create_accounts: bool = False
    group_filter: str = "(member={dn})"
    group_roles: dict[str, Literal["administrator", "analyst"]] = Field(default_factory=dict)
    timeout_seconds: int = Field(5, ge=1, le=60)
    check_minutes: float = Field(15, gt=0)

    @model_validator(mode="after")
    def _usable(self) -> LdapDirectory:
        if urlsplit(self.url).scheme not in {"ldap", "ldaps"} or not urlsplit(self.url).hostname:
            raise ValueError(f"the url of {self.name!r} must be ldaps://HOST or ldap://HOST")
        if "{login}" not in (self.user_dn or self.search_filter):
            raise ValueError(f"{self.name!r} needs {{login}} in user_dn or search_filter")
        if self.link_by == "sourced_id" and not self.home_page:
            raise ValueError(f"{self.name!r} links by sourced_id and needs home_page, the roster's")
        return self

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @property
    def secret(self) -> str | None:
        """The password of `bind_dn`, read from its file where there is one. SettingsError when that can't be read."""
        return _secret(self.name, self.bind_password, self.bind_password_file)


class Settings(BaseSettings):
    """All settings. Field names are the environment variables' names without `LEARNLAKE_`, in lower case."""

    model_config = SettingsConfigDict(env_prefix="LEARNLAKE_", extra="forbid", frozen=True)

    # Where state lives
    home_dir: Path = Field(
        Path("var"), alias="LEARNLAKE_HOME", description="Folder of all state. Deleting it is a clean start."
    )
    data_dir: Path | None = Field(
        None,
        description="Folder with the public data sets (OULAD, ASSISTments, MOOC statements), if you have them.",
    )

    # Addresses
    host: str = Field("127.0.0.1", description="Address that the services listen on.")
    lrs_port: int = Field(8080, description="Port of the Learning Record Store.")
    api_port: int = Field(8081, description="Port of the HTTP API.")
    dagster_port: int = Field(3000, description="Port of Dagster's web page.")
    dashboards_port: int = Field(8501, description="Port of the dashboards.")

    # TLS, slow clients, proxies
    tls_certificate: Path | None = Field(
        None,
        description="PEM file with the certificate and its chain: LRS and API are then served by TLS 1.3 only.",
    )
    tls_key: Path | None = Field(None, description="PEM file with the certificate's private key.")
    header_timeout_seconds: float = Field(
        30.0,
        gt=0,
        description="A connection on which no whole request header has come for so long is closed, idle ones too.",
    )
    body_timeout_seconds: float = Field(
        30.0, gt=0, description="Time for a request's body, plus a second for each 1,000 bytes; then 408."
    )
    trusted_proxies: str = Field(
        "", description="Addresses or networks of proxies whose X-Forwarded-For names the client."
    )

    # Logging
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: str = Field("text", description="text for people, json for a log collector.")

    access_log: bool = Field(
        False,
        description="A line per request: method, route, status, time, bytes, credential. No query, no address.",
    )
    access_log_addresses: bool = Field(False, description="The client's address in each line, too.")

    # Pages
    default_language: Literal["en", "es", "de", "hi"] = Field(
        "en",
        description="Language of the pages for readers who have chosen none and whose browser asks for none that there is.",
    )

    # Log-in
    session_hours: int = Field(12, description="A log-in ends after this many hours, whatever is done in it.")
    session_idle_minutes: int = Field(
        60,
        description="A log-in ends after this many minutes in which nothing was done; NIST 800-63B's longest.",
    )
    password_min_length: int = Field(
        10,
        ge=8,
        description="Shortest password in characters. NIST 800-63B-4 asks for 15 where no second factor is used.",
    )
    reset_link_hours: int = Field(
        24, description="A link for a new password works once, for this many hours."
    )
    second_factor_roles: tuple[Role, ...] = Field(
        (),
        description='Roles that have to log in with a second factor, such as ["administrator", "teacher"]; others may.',
    )
    public_url: str | None = Field(
        None,
        description="Address under which people reach the dashboards, such as https://learn.example.org: for links, "
        "for OIDC, and for cookies that travel by TLS only.",
    )
    ldap: LdapDirectory | None = Field(
        None,
        description="LDAP or Active Directory to log in with, as JSON or as [ldap] in learnlake.toml; extra `ldap`.",
    )
    oidc_providers: tuple[OidcProvider, ...] = Field(
        (), description="OpenID providers to log in with, as JSON or as [[oidc_providers]] in learnlake.toml."
    )

    # Store and lake
    database_url: str | None = Field(
        None,
        description="Statement store: sqlite:///PATH or postgresql://...; by default lrs.db in the home folder.",
    )
    commit_max_statements: int = Field(
        500, description="Most statements in one group commit; bounds a commit's latency."
    )
    queue_max_statements: int = Field(
        10_000, description="Statements waiting for a commit before the LRS answers 503."
    )
    body_max_bytes: int = Field(
        16 * 1024 * 1024, description="Largest request body; above it the LRS answers 413."
    )
    bodies_max_bytes: int = Field(
        256 * 1024 * 1024,
        description="Bodies in memory of all requests together, above which the LRS answers 503.",
    )
    attachments_max_bytes: int = Field(
        256 * 1024 * 1024, description="Largest request with attachments, which are streamed to files."
    )
    seal_interval_seconds: float = Field(
        2.0, description="How often committed statements are sealed into the lake."
    )
    seal_max_statements: int = Field(
        50_000, description="Most statements in one sealed file; bounds the sealer's memory."
    )

    # Limits per credential
    rate_limit_per_second: float = Field(
        0.0, ge=0, description="Requests a second of one credential before the LRS answers 429; 0: no limit."
    )
    rate_limit_burst: int = Field(
        0, ge=0, description="Requests that a credential may send at once; 0: two seconds' worth."
    )
    guesses_per_address: int = Field(
        50,
        ge=1,
        description="Wrong secrets or passwords, for whatever names, before their address has to wait; more where a school is one address.",
    )

    # Bearer tokens of an OpenID provider
    bearer_issuer: str | None = Field(
        None, description="Issuer whose access tokens (JWT) the LRS accepts; empty: none are accepted."
    )
    bearer_audience: str = Field("learnlake", description="What a token's claim aud must name.")
    bearer_algorithms: str = Field(
        "RS256 PS256 ES256 EdDSA",
        description="Signature algorithms that are accepted, with public keys only.",
    )
    bearer_leeway_seconds: int = Field(
        60, ge=0, le=600, description="How far the issuer's clock and ours may differ."
    )
    bearer_scope_claim: str = Field(
        "scope", description="Claim with a token's scopes: words in one text, or a list."
    )
    bearer_scopes_allowed: str = Field(
        "statements/write statements/read/mine state profile",
        description="Scopes that a token may bring; all others in it give nothing.",
    )
    bearer_scopes_default: str = Field(
        "", description="Scopes of a token without that claim; empty: it opens nothing."
    )
    bearer_tenant: str = Field("default", description="Tenant of all tokens, if no claim names it.")
    bearer_tenant_claim: str | None = Field(
        None, description="Claim that names the tenant; a token without it is then refused."
    )
    bearer_authority_claim: str = Field(
        "sub",
        description="Claim that names the authority of what a token stores; without it the client's id does.",
    )
    bearer_keys_seconds: float = Field(
        3600.0, description="The issuer's keys are fetched again when they are older than this."
    )
    bearer_refetch_seconds: float = Field(
        10.0, description="After an unknown key in a token the issuer is asked at most this often."
    )

    forward_longest_pause_seconds: float = Field(
        300.0, description="Longest pause between two attempts to forward to a target that fails."
    )

    # Pipeline
    sensor_interval_seconds: int = Field(
        5, description="How often the sensor looks for newly sealed statements."
    )
    alert_command: str | None = Field(
        None,
        description="Command that is told of each failed pipeline run as JSON on its standard input; no shell.",
    )
    alert_url: SecretStr | None = Field(
        None,
        description="Address to which each failed pipeline run is posted as JSON, such as a chat's webhook.",
    )
    duckdb_memory_limit: str = Field("4GB", description="Memory that DuckDB may use in a pipeline run.")
    duckdb_threads: int = Field(2, description="Threads that DuckDB may use in a pipeline run.")
    snapshots_kept: int = Field(
        4,
        description="Published snapshots kept, besides those in use: the newest and three before it, so that a prediction from three "
        "snapshots ago can be made again (`learnlake reproduce`).",
    )

    # Definitions (DESIGN decision 8): each threshold is named once, with its reason
    today: dt.date | None = Field(
        None, description="The day that counts as today, for demonstrations and tests; empty: the real one."
    )
    mastery_threshold: float = Field(
        0.95,
        description="Mastered from this probability on: the value of Corbett and Anderson (1995), strict enough that few relearn.",
    )
    inactive_days: int = Field(
        7, description="Inactive after this many days without any activity: one missed school week."
    )
    chronic_absence_rate: float = Field(
        0.10,
        description="Chronically absent from this share of missed days on: the usual definition of education departments.",
    )
    chronic_absence_min_days: int = Field(
        20, description="Recorded days before chronic absence is judged; fewer say too little."
    )
    completion_share: float = Field(
        0.90,
        gt=0,
        le=1,
        description="A course counts as completed from this share of its tasks handed in on: all but one of ten, for who was ill once.",
    )
    session_gap_minutes: int = Field(
        30,
        description="A pause longer than this starts a new learning session: the web-analytics convention.",
    )
    at_risk_share: float = Field(
        0.20, description="Share of a class that is listed as at risk: as many as a school can usually help."
    )
    canary_share: float = Field(
        0.10,
        gt=0,
        le=0.5,
        description="Share of people (classes, for risk) that a model on trial scores, unless `learnlake canary` is given another: few, so that a "
        "worse model harms few.",
    )
    recommendation_explore_share: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Share of the choices of a next activity that are made by chance among what is permitted. Without any, nothing can be learned of "
        "other choices; 0 because whom it meets is shown something that the rule thinks second best, which the school has to want. .1 teaches a policy within a term.",
    )
    recommendation_outcome_days: int = Field(
        14,
        ge=1,
        le=120,
        description="A choice of the recommender is judged by what comes of it within so many days: two school weeks.",
    )
    recommendation_kept_days: int = Field(
        400,
        ge=30,
        description="Choices of the recommender are kept for so many days: a school year with the weeks before it.",
    )
    small_group_size: int = Field(5, description="School-level groups smaller than this are masked.")
    effect_min_people: int = Field(
        10,
        ge=5,
        description="Graded students on either side before a resource's users are compared with the others: an interval of fewer is all chance.",
    )
    item_min_people: int = Field(
        30,
        ge=10,
        description="First responses before an item is judged as mis-keyed or ambiguous: below it chance decides.",
    )
    item_rival_share: float = Field(
        0.20,
        gt=0,
        le=1,
        description="A wrong answer that this share gives, who otherwise do as well, makes an item ambiguous: one in five is no slip.",
    )

    # Privacy (docs/privacy.md)
    audit_retention_days: int = Field(
        1095,
        description="`learnlake audit purge` removes entries older than this: three years, long enough for a complaint.",
    )

    research_k: int = Field(
        5,
        ge=2,
        description="In a research export each person is like at least this many in school, grade and courses.",
    )
    research_suppressed_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="A research export is blurred further until at most this share of people must be left out.",
    )
    identity_key: str | None = Field(
        None,
        description="Key that seals names and identifiers in people.db: 32 bytes in base64; while rotating, the new one, a comma, the old one.",
    )
    identity_key_file: Path | None = Field(
        None,
        description="File that holds the key instead, one per line, the newest first; default: secrets/identity-keys in the home folder.",
    )
    identity_key_command: str | None = Field(
        None, description="Command that prints the key instead, such as one of a vault. Run without a shell."
    )
    time_zone: str = Field(
        "UTC",
        description="The schools' time zone, such as Europe/Berlin: decides on which day somebody comes of age.",
    )
    consent_required: str = Field(
        "leaderboard,research",
        description="Purposes that need a recorded consent, separated by commas; the others are used until somebody objects.",
    )
    consent_age_years: int = Field(
        16,
        ge=13,
        description="A student's own consent counts from this age on (GDPR, article 8: 13 to 16, by country); below it a guardian's.",
    )
    coppa: bool = Field(
        False,
        description="Under 13, or with an unknown birth date, nothing is used for any purpose without a guardian's or the school's consent.",
    )
    guardian_sight_without_birth_date: bool = Field(
        True,
        description="Whether guardians see a student whose birth date no roster tells, who may be of age.",
    )

    # Dashboards
    sql_memory_limit: str = Field("1GB", description="Memory that one analyst's query may use.")
    sql_timeout_seconds: int = Field(30, description="Seconds that one analyst's query may take.")

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        level = value.upper()
        if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return level

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
            raise ValueError("must be a zone of the IANA data base, such as Europe/Berlin") from error
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls, toml_file=_config_file())
        return init_settings, env_settings, toml

    @property
    def home(self) -> Home:
        """The home folder's layout."""
        return Home(self.home_dir.expanduser().resolve())

    @property
    def lrs_url(self) -> str:
        """Base address of the xAPI endpoint, without a trailing slash."""
        return f"{self.scheme}://{self.host}:{self.lrs_port}/xapi"

    @property
    def scheme(self) -> str:
        """How the LRS and the API are reached."""
        return "https" if self.tls_certificate else "http"


def _config_file() -> Path:
    return Path(os.environ.get("LEARNLAKE_CONFIG", "learnlake.toml"))


@functools.lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings, read once. Tests that change the environment call `get_settings.cache_clear()`."""
    for name, value in TELEMETRY_OFF.items():
        os.environ.setdefault(name, value)
    try:
        return Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(
            f"The settings cannot be read: {problems}",
            where=f"LEARNLAKE_* in the environment or {_config_file()}",
            mend="run `learnlake settings` in a clean environment to see every setting and its default",
        ) from error


def settings_with(**given: object) -> Settings:
    """The settings with options of the command line in place of some, for this process and its children."""
    for name, value in given.items():
        if value is not None:
            os.environ[f"LEARNLAKE_{name.upper()}"] = str(value)
    get_settings.cache_clear()
    return get_settings()


def describe_settings(settings: Settings) -> list[dict[str, Any]]:
    """One row per setting: variable, value, default, meaning. Secrets in a database URL are masked."""
    rows: list[dict[str, Any]] = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if name == "identity_key" and value:
            value = "***"
        if name == "database_url" and value:
            value = _mask_password(str(value))
        rows.append(
            {
                "variable": field.alias or f"LEARNLAKE_{name.upper()}",
                "value": value,
                "default": field.default,
                "meaning": field.description,
            }
        )
    return rows


def _mask_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    if not at:
        return url
    return f"{scheme}{separator}{credentials.partition(':')[0]}:***@{place}"
