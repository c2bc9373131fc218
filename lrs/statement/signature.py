"""Signed statements: the JWS in a signature attachment is held against the statement (xAPI 1.0.3 Data 2.6)."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lrs.statement.decode import decode_json
from lrs.statement.equality import same_statement
from lrs.statement.flaw import Flaw
from lrs.statement.statement import Version, check_statement

SECTION_SIGNATURES = "xAPI 1.0.3 Data 2.6; 2.0 4.2.6"

_ALGORITHMS: dict[str, hashes.HashAlgorithm] = {
    "RS256": hashes.SHA256(),
    "RS384": hashes.SHA384(),
    "RS512": hashes.SHA512(),
}


def check_signature(statement: dict[str, Any], jws: bytes, version: Version) -> None:
    """The signature is well-formed, made for this statement, and, where it carries its certificate, genuine."""
    parts = jws.strip().split(b".")
    if len(parts) != 3:
        raise Flaw("is no JWS in compact serialization", SECTION_SIGNATURES)
    header = decode_json(_decoded(parts[0], "header"))
    payload = decode_json(_decoded(parts[1], "payload"))
    signature = _decoded(parts[2], "signature")
    if type(header) is not dict or header.get("alg") not in _ALGORITHMS:
        raise Flaw("the JWS algorithm must be RS256, RS384 or RS512", SECTION_SIGNATURES)
    try:
        check_statement(payload, version)
    except Flaw as flaw:
        raise Flaw(f"the JWS payload is no statement: {flaw.path} {flaw.rule}", SECTION_SIGNATURES) from None
    if not same_statement(payload, statement):
        raise Flaw("the JWS payload is not this statement", SECTION_SIGNATURES)
    if "x5c" in header:
        _verify(header, b".".join(parts[:2]), signature)


def _verify(header: dict[str, Any], signed: bytes, signature: bytes) -> None:
    """Against the first certificate of the chain; whether the chain is to be trusted is for who reads it."""
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
        key = certificate.public_key()
    except (ValueError, TypeError, LookupError) as error:
        raise Flaw(f"the JWS x5c holds no certificate: {error}", SECTION_SIGNATURES) from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise Flaw("the JWS x5c certificate has no RSA key", SECTION_SIGNATURES)
    try:
        key.verify(signature, signed, padding.PKCS1v15(), _ALGORITHMS[header["alg"]])
    except InvalidSignature:
        raise Flaw("the JWS signature does not fit its certificate", SECTION_SIGNATURES) from None


def _decoded(part: bytes, name: str) -> bytes:
    try:
        return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Flaw(f"the JWS {name} is not base64url", SECTION_SIGNATURES) from None
