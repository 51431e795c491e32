"""Certificates that nobody trusts, and who trusts them: fixtures."""

from __future__ import annotations

import ssl

import pytest
import trustme


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def untrusted(authority: trustme.CA) -> ssl.SSLContext:
    """A server's TLS with a certificate for 127.0.0.1, of an authority that no client knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.tempfile() as pem:
        context.load_cert_chain(pem)
    return context


@pytest.fixture(scope="session")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's TLS that knows the authority."""
    return ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
