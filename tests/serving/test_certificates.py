"""PEM files are checked before a server listens with them, and every problem names its file."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from interestflow.serving.certificates import CertificateError, ServerCertificates, read_certificates


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="tests")


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> dict[str, Path]:
    """Return valid files by name: certificate and key of localhost, its authority, another certificate and key."""
    localhost, other = authority.issue_cert("localhost"), authority.issue_cert("elsewhere")
    contents = {
        "certificate": localhost.cert_chain_pems[0].bytes(),
        "key": localhost.private_key_pem.bytes(),
        "authority": authority.cert_pem.bytes(),
        "other_certificate": other.cert_chain_pems[0].bytes(),
        "other_key": other.private_key_pem.bytes(),
    }
    paths = {name: tmp_path / f"{name}.pem" for name in contents}
    for name, content in contents.items():
        paths[name].write_bytes(content)
    return paths


def self_signed(key: ec.EllipticCurvePrivateKey, begin: datetime, end: datetime, is_authority: bool = False) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, end)
    if is_authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, passphrase: bytes | None = None) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def refusal(*paths: Path) -> str:
    with pytest.raises(CertificateError) as refused:
        read_certificates(*paths)
    return str(refused.value)


def test_good_files_are_read(files: dict[str, Path]) -> None:
    checked = read_certificates(files["certificate"], files["key"], files["authority"])
    assert checked.certificate == files["certificate"].read_bytes()
    assert checked.client_authority == files["authority"].read_bytes()
    keys = [serialization.load_pem_private_key(content, None) for content in (checked.key, files["key"].read_bytes())]
    assert all(isinstance(key, ec.EllipticCurvePrivateKey) for key in keys)
    assert keys[0].private_numbers() == keys[1].private_numbers()  # type: ignore[union-attr]
    assert read_certificates(files["certificate"], files["key"]).client_authority is None


def test_the_key_is_not_shown_with_the_rest(files: dict[str, Path]) -> None:
    assert "PRIVATE KEY" not in repr(read_certificates(files["certificate"], files["key"]))


def test_text_around_pem_blocks_is_left_out(files: dict[str, Path]) -> None:
    leaf, other = files["certificate"].read_bytes(), files["authority"].read_bytes()
    files["certificate"].write_bytes(b"Subject: M\xfcller\n" + leaf + b"\nissued by\n" + other)
    assert read_certificates(files["certificate"], files["key"]).certificate == leaf + other


def test_one_file_may_hold_certificate_and_key(files: dict[str, Path]) -> None:
    both = files["certificate"].read_bytes() + files["key"].read_bytes()
    files["certificate"].write_bytes(both)
    assert b"PRIVATE" not in read_certificates(files["certificate"], files["certificate"]).certificate


def test_keys_as_openssl_writes_them_are_read(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", str(key)], check=True, capture_output=True
    )
    subprocess.run(
        ["openssl", "req", "-x509", "-key", str(key), "-subj", "/CN=localhost", "-days", "2", "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    assert b"EC PARAMETERS" in key.read_bytes()
    assert isinstance(read_certificates(certificate, key), ServerCertificates)


def test_a_file_that_is_not_there(files: dict[str, Path], tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    assert refusal(missing, files["key"]) == f"the certificate {missing} cannot be read: No such file or directory"
    assert refusal(files["certificate"], missing) == (
        f"the private key {missing} cannot be read: No such file or directory"
    )
    assert refusal(files["certificate"], files["key"], missing) == (
        f"the client authority {missing} cannot be read: No such file or directory"
    )


def test_a_folder(files: dict[str, Path], tmp_path: Path) -> None:
    assert refusal(tmp_path, files["key"]) == f"the certificate {tmp_path} cannot be read: Is a directory"


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"", "an empty file"),
        (b" \n", "an empty file"),
        (b"hello", "a file without a PEM block"),
        (b"\x30\x82\x00\xff", "a file without a PEM block"),
        (b"-----BEGIN GARBAGE-----\nAAAA\n-----END GARBAGE-----\n", "a file with GARBAGE"),
    ],
    ids=["empty", "blank", "text", "binary", "another block"],
)
def test_content_that_is_no_pem(files: dict[str, Path], tmp_path: Path, content: bytes, received: str) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_bytes(content)
    assert refusal(bad, files["key"]) == f"the certificate {bad} should be a PEM certificate, received {received}"
    assert refusal(files["certificate"], bad) == (
        f"the private key {bad} should be a PEM private key, received {received}"
    )
    assert refusal(files["certificate"], files["key"], bad) == (
        f"the client authority {bad} should be a PEM certificate, received {received}"
    )


@pytest.mark.parametrize("body", ["AAAA", "!!!!", ""])
def test_blocks_that_cannot_be_parsed(files: dict[str, Path], tmp_path: Path, body: str) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    assert refusal(bad, files["key"]) == (
        f"the certificate {bad} should be a PEM certificate, received a CERTIFICATE block that cannot be parsed"
    )
    bad.write_text(f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    assert refusal(files["certificate"], bad) == (
        f"the private key {bad} should be a PEM private key, received a PRIVATE KEY block that cannot be parsed"
    )


def test_a_bundle_with_one_bad_block(files: dict[str, Path]) -> None:
    with files["authority"].open("a") as bundle:
        bundle.write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert "received a CERTIFICATE block that cannot be parsed" in refusal(
        files["certificate"], files["key"], files["authority"]
    )


def test_key_and_certificate_the_wrong_way_round(files: dict[str, Path]) -> None:
    assert refusal(files["key"], files["certificate"]) == (
        f"the certificate {files['key']} should be a PEM certificate, received a file with EC PRIVATE KEY"
    )
    assert refusal(files["certificate"], files["other_certificate"]) == (
        f"the private key {files['other_certificate']} should be a PEM private key, received a file with CERTIFICATE"
    )


def test_the_key_of_another_certificate(files: dict[str, Path]) -> None:
    message = refusal(files["certificate"], files["other_key"])
    assert message.startswith(
        f"the private key {files['other_key']} should belong to the certificate {files['certificate']} ("
    )
    assert message.endswith("), received the key of another certificate")


def test_the_key_belongs_to_the_first_certificate(files: dict[str, Path]) -> None:
    files["certificate"].write_bytes(files["authority"].read_bytes() + files["certificate"].read_bytes())
    assert "received the key of another certificate" in refusal(files["certificate"], files["key"])


def test_a_key_with_a_passphrase(files: dict[str, Path]) -> None:
    files["key"].write_bytes(pem(ec.generate_private_key(ec.SECP256R1()), b"secret"))
    assert refusal(files["certificate"], files["key"]) == (
        f"the private key {files['key']} should have no passphrase, received an encrypted key"
    )


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
    ],
    ids=["ed25519", "p521", "k256"],
)
def test_a_key_that_no_client_could_use(files: dict[str, Path], key: ec.EllipticCurvePrivateKey) -> None:
    files["key"].write_bytes(pem(key))
    assert refusal(files["certificate"], files["key"]) == (
        f"the private key {files['key']} should be RSA, or ECDSA on the curve P-256 or P-384, received another kind "
        "of key"
    )


@pytest.mark.parametrize(
    ("begin", "end", "received"),
    [
        (-10, -1, "received one that expired at {end}"),
        (1, 10, "received one that is not valid before {begin}"),
    ],
    ids=["expired", "not yet valid"],
)
def test_certificates_out_of_their_period(
    files: dict[str, Path], tmp_path: Path, begin: int, end: int, received: str
) -> None:
    now = datetime.now(UTC)
    first, last = now + timedelta(days=begin), now + timedelta(days=end)
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "c.pem").write_bytes(self_signed(key, first, last, is_authority=True))
    (tmp_path / "k.pem").write_bytes(pem(key))
    times = {"begin": f"{first:%Y-%m-%d %H:%M} UTC", "end": f"{last:%Y-%m-%d %H:%M} UTC"}
    assert refusal(tmp_path / "c.pem", tmp_path / "k.pem") == (
        f"the certificate {tmp_path / 'c.pem'} (CN=localhost) should be valid now, {received.format(**times)}"
    )
    assert refusal(files["certificate"], files["key"], tmp_path / "c.pem") == (
        f"the client authority {tmp_path / 'c.pem'} (CN=localhost) should be valid now, {received.format(**times)}"
    )


def test_an_expired_intermediate_certificate(files: dict[str, Path]) -> None:
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    with files["certificate"].open("ab") as chain:
        chain.write(self_signed(key, now - timedelta(days=2), now - timedelta(days=1)))
    assert "(CN=localhost) should be valid now, received one that expired" in refusal(
        files["certificate"], files["key"]
    )


def test_a_bundle_may_hold_an_expired_authority_beside_a_valid_one(files: dict[str, Path]) -> None:
    now = datetime.now(UTC)
    old = self_signed(ec.generate_private_key(ec.SECP256R1()), now - timedelta(days=2), now - timedelta(days=1), True)
    files["authority"].write_bytes(old + files["authority"].read_bytes())
    checked = read_certificates(files["certificate"], files["key"], files["authority"])
    assert checked.client_authority == files["authority"].read_bytes()


def test_an_authority_that_may_not_sign(files: dict[str, Path]) -> None:
    message = refusal(files["certificate"], files["key"], files["other_certificate"])
    assert message.startswith(
        f"the client authority {files['other_certificate']} should hold certificates of authorities, received one "
        "that may not sign others ("
    )


def test_a_client_may_be_trusted_by_its_own_certificate(files: dict[str, Path], tmp_path: Path) -> None:
    now = datetime.now(UTC)
    own_certificate = self_signed(
        ec.generate_private_key(ec.SECP256R1()), now - timedelta(days=1), now + timedelta(days=1)
    )
    (tmp_path / "own.pem").write_bytes(own_certificate)
    assert (
        read_certificates(files["certificate"], files["key"], tmp_path / "own.pem").client_authority == own_certificate
    )
