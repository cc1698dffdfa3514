"""Checks of the PEM files that a server needs for TLS, before it listens or files are rendered.

gRPC and TensorFlow Serving say little about a file that they cannot use: gRPC reports a port that cannot be bound, and
TensorFlow Serving ends with an exit code. The checks here name the file, what was expected of it and what it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PEM_HEADER = b"-----BEGIN "
CURVES = (ec.SECP256R1, ec.SECP384R1)
"""Curves of ECDSA keys. gRPC's clients agree with a server on no other curve, nor on Ed25519."""
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
T = TypeVar("T")


class CertificateError(Exception):
    """A certificate, key or authority that cannot be used; the message names the file in one sentence."""


@dataclass(frozen=True)
class ServerCertificates:
    """PEM contents of checked files. Text around the PEM blocks is left out.

    Attributes:
        certificate: the server's certificate, then the intermediate ones that its file has.
        key: the certificate's private key, without a passphrase.
        client_authority: certificates of the authorities that may sign clients' certificates; None where clients need
            none.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    client_authority: bytes | None = None


def read_certificates(
    certificate: str | Path, key: str | Path, client_authority: str | Path | None = None
) -> ServerCertificates:
    """Read and check the PEM files of a TLS server.

    Args:
        certificate: file with the server's certificate, followed by intermediate ones if there are any.
        key: file with the certificate's private key, RSA or ECDSA (P-256 or P-384), without a passphrase.
        client_authority: file with the certificates whose holders may sign clients' certificates, or None.

    Returns:
        What the files hold, ready for gRPC or for TensorFlow Serving's `ssl.config`.

    Raises:
        CertificateError: where a file cannot be read or parsed, is not what its argument asks for, is out of its
            period of validity, or where the key belongs to another certificate.
    """
    chain = _read_chain(Path(certificate))
    private_key = _read_key(Path(key))
    if private_key.public_key() != chain[0].public_key():
        raise CertificateError(
            f"the private key {key} should belong to the certificate {certificate} ({_subject(chain[0])}), received "
            "the key of another certificate"
        )
    return ServerCertificates(
        _pem(chain),
        private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        None if client_authority is None else _pem(_read_authority(Path(client_authority))),
    )


def _read_chain(path: Path) -> list[x509.Certificate]:
    chain = _parse_certificates(path, "certificate")
    for certificate in chain:
        problem = _validity_problem(certificate)
        if problem is not None:
            raise CertificateError(f"the certificate {path} ({_subject(certificate)}) should be valid now, {problem}")
    return chain


def _read_authority(path: Path) -> list[x509.Certificate]:
    authorities = _parse_certificates(path, "client authority")
    for authority in authorities:
        if not _may_sign(authority):
            raise CertificateError(
                f"the client authority {path} should hold certificates of authorities, received one that may not sign "
                f"others ({_subject(authority)})"
            )
    # A bundle may hold expired roots besides the one in use; it is useless only where none is valid.
    problems = [_validity_problem(authority) for authority in authorities]
    if all(problems):
        raise CertificateError(
            f"the client authority {path} ({_subject(authorities[0])}) should be valid now, {problems[0]}"
        )
    return authorities


def _parse_certificates(path: Path, role: str) -> list[x509.Certificate]:
    def load(content: bytes) -> list[x509.Certificate]:
        certificates = x509.load_pem_x509_certificates(content)
        for certificate in certificates:  # these are parsed on first use
            _ = certificate.public_key(), certificate.subject, certificate.issuer, certificate.extensions
        return certificates

    return _parse(path, role, "a PEM certificate", "CERTIFICATE", load)


def _read_key(path: Path) -> PrivateKey:
    def load(content: bytes) -> PrivateKey:
        try:
            key = serialization.load_pem_private_key(content, password=None)
        except TypeError:  # what `cryptography` raises where a passphrase is missing
            raise CertificateError(
                f"the private key {path} should have no passphrase, received an encrypted key"
            ) from None
        if isinstance(key, rsa.RSAPrivateKey) or (
            isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, CURVES)
        ):
            return key
        raise CertificateError(
            f"the private key {path} should be RSA, or ECDSA on the curve P-256 or P-384, received another kind of key"
        )

    return _parse(path, "private key", "a PEM private key", "PRIVATE KEY", load)


def _parse(path: Path, role: str, expected: str, block: str, load: Callable[[bytes], T]) -> T:
    """Return the content of a file as `load` parses it.

    Args:
        path: the file.
        role: purpose of the file, such as "private key".
        expected: expected content, for messages.
        block: end of the name of a PEM block of that kind.
        load: parser of the content, which raises the errors of `cryptography`.

    Raises:
        CertificateError: where the file cannot be read or parsed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CertificateError(f"the {role} {path} cannot be read: {error.strerror or error}") from None
    try:
        return load(content)
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
        raise CertificateError(f"the {role} {path} should be {expected}, received {_content(content, block)}") from None


def _content(content: bytes, block: str) -> str:
    """Describe content that could not be parsed as PEM blocks named `block`."""
    if not content.strip():
        return "an empty file"
    labels = [part.partition(b"-----")[0].decode("ascii", "replace") for part in content.split(PEM_HEADER)[1:]]
    if not labels:
        return "a file without a PEM block"
    if any(label.endswith(block) for label in labels):
        return f"a {block} block that cannot be parsed"
    return f"a file with {', '.join(sorted(set(labels)))}"


def _validity_problem(certificate: x509.Certificate) -> str | None:
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc < now:
        return f"received one that expired at {_time(certificate.not_valid_after_utc)}"
    if certificate.not_valid_before_utc > now:
        return f"received one that is not valid before {_time(certificate.not_valid_before_utc)}"
    return None


def _may_sign(certificate: x509.Certificate) -> bool:
    if certificate.issuer == certificate.subject:
        return True  # a client's own certificate, trusted as it is
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "no subject"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _pem(certificates: list[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)
