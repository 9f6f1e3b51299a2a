//! TLS as libpq does it: what is checked depends on `sslmode` and on whether there is a root certificate.
//!
//! rustls alone is stricter than OpenSSL in ways that refuse certificates which libpq's users have: a
//! self-signed server certificate that is its own root, and a name that only the subject's common name holds.

use super::conninfo::{ClientCertificate, RootCertificates, SslConfig, SslMode, TlsVersion};
use super::error::PgError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, SignatureVerificationAlgorithm,
    UnixTime,
};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Builds the TLS settings of a connection; they are built only when a TLS handshake is about to start.
pub(super) fn client_config(ssl: &SslConfig) -> Result<ClientConfig, PgError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut versions = Vec::new();
    if ssl.min_version <= TlsVersion::V12 {
        versions.push(&rustls::version::TLS12);
    }
    if ssl.max_version >= TlsVersion::V13 {
        versions.push(&rustls::version::TLS13);
    }
    let verifier = Arc::new(Verifier { check: check(ssl, &provider)?, provider: provider.clone() });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| PgError::Protocol(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &ssl.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let (chain, key) = load_client(client)?;
            let fault = |error: rustls::Error| file_fault(&client.certificate, &error);
            builder.with_client_auth_cert(chain, key).map_err(fault)?
        }
    };
    config.enable_sni = ssl.sni;
    if ssl.direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(config)
}

fn file_fault(path: &Path, reason: &dyn std::fmt::Display) -> PgError {
    PgError::TlsFile { path: path.to_owned(), reason: reason.to_string() }
}

/// Decides what is checked.
fn check(ssl: &SslConfig, provider: &Arc<CryptoProvider>) -> Result<Check, PgError> {
    let must = matches!(ssl.mode, SslMode::VerifyCa | SslMode::VerifyFull);
    let certificates = match &ssl.roots {
        RootCertificates::File(path) => load_certificates(path)?,
        RootCertificates::System => rustls_native_certs::load_native_certs().certs,
        RootCertificates::Missing(path) if must => {
            let path = path.clone().unwrap_or_else(|| "~/.postgresql/root.crt".into());
            let reason = "the root certificate does not exist; provide it, use sslrootcert=system, or do \
                          not verify the server's certificate (sslmode=require)";
            return Err(file_fault(&path, &reason));
        }
        RootCertificates::Missing(_) => return Ok(Check::Nothing),
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    let inner = if roots.is_empty() {
        // All roots are of a kind that only equality can be checked with.
        None
    } else {
        let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        if let Some(path) = &ssl.crl {
            let lists = CertificateRevocationListDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| file_fault(path, &error))?;
            builder = builder.with_crls(lists).allow_unknown_revocation_status();
        }
        Some(builder.build().map_err(|error| PgError::Protocol(error.to_string()))?)
    };
    Ok(Check::Chain { inner, roots: certificates, name: ssl.mode == SslMode::VerifyFull })
}

fn load_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PgError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| file_fault(path, &error))?;
    if found.is_empty() { Err(file_fault(path, &"no certificate in this file")) } else { Ok(found) }
}

fn load_client(
    client: &ClientCertificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), PgError> {
    let chain = load_certificates(&client.certificate)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let metadata = std::fs::metadata(&client.key).map_err(|error| file_fault(&client.key, &error))?;
        // As libpq: a key of root's may be readable by root's group.
        let open = if metadata.uid() == 0 { 0o037 } else { 0o077 };
        if metadata.permissions().mode() & open != 0 {
            let reason =
                "the private key has group or world access; permissions should be u=rw (0600) or less";
            return Err(file_fault(&client.key, &reason));
        }
    }
    let key = PrivateKeyDer::from_pem_file(&client.key).map_err(|error| file_fault(&client.key, &error))?;
    Ok((chain, key))
}

#[derive(Debug)]
enum Check {
    Nothing,
    Chain { inner: Option<Arc<WebPkiServerVerifier>>, roots: Vec<CertificateDer<'static>>, name: bool },
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Check::Chain { inner, roots, name } = &self.check else {
            return Ok(ServerCertVerified::assertion());
        };
        let pinned = roots.iter().any(|root| root.as_ref() == end_entity.as_ref());
        match (old_certificate(end_entity), inner) {
            // The certificate is itself trusted; webpki would refuse it as a CA that serves.
            _ if pinned => check_dates(end_entity, now)?,
            (Some(old), _) => {
                self.verify_old_chain(&old, roots)?;
                check_dates(end_entity, now)?;
            }
            (None, Some(inner)) => {
                chain_only(inner.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                ))?;
            }
            (None, None) => return Err(CertificateError::UnknownIssuer.into()),
        }
        if *name && !name_matches(end_entity, server_name) {
            return Err(CertificateError::NotValidForName.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
            .or_else(|error| self.verify_old_certificate(error, message, cert, dss))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
            .or_else(|error| self.verify_old_certificate(error, message, cert, dss))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl Verifier {
    /// Checks the handshake's signature with a certificate that webpki cannot read.
    fn verify_old_certificate(
        &self,
        error: rustls::Error,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let Some(certificate) = old_certificate(cert) else { return Err(error) };
        let mapping = self.provider.signature_verification_algorithms.mapping;
        let verifies = mapping
            .iter()
            .filter(|(scheme, _)| *scheme == dss.scheme)
            .flat_map(|(_, algorithms)| algorithms.iter())
            .any(|algorithm| key_verifies(&certificate, *algorithm, message, dss.signature()));
        if verifies { Ok(HandshakeSignatureValid::assertion()) } else { Err(error) }
    }

    /// Checks that one of `roots` signed a certificate that webpki cannot read; intermediates do not count.
    fn verify_old_chain(
        &self,
        certificate: &Certificate,
        roots: &[CertificateDer<'static>],
    ) -> Result<(), rustls::Error> {
        use x509_cert::der::Encode as _;
        let signed = certificate.tbs_certificate.to_der();
        let identifier = certificate.signature_algorithm.to_der();
        let (Ok(signed), Ok(identifier), Some(signature)) =
            (signed, identifier, certificate.signature.as_bytes())
        else {
            return Err(CertificateError::BadEncoding.into());
        };
        let algorithms = self.provider.signature_verification_algorithms.all;
        let verifies = roots
            .iter()
            .filter_map(|root| Certificate::from_der(root).ok())
            .filter(|root| root.tbs_certificate.subject == certificate.tbs_certificate.issuer)
            .any(|root| {
                algorithms
                    .iter()
                    .filter(|algorithm| contents(&identifier) == algorithm.signature_alg_id().as_ref())
                    .any(|algorithm| key_verifies(&root, *algorithm, &signed, signature))
            });
        if verifies { Ok(()) } else { Err(CertificateError::UnknownIssuer.into()) }
    }
}

/// Reads a certificate of X.509 version 1, which webpki refuses.
///
/// The commands in PostgreSQL's manual make such certificates with many versions of OpenSSL.
fn old_certificate(certificate: &CertificateDer<'_>) -> Option<Certificate> {
    let certificate = Certificate::from_der(certificate).ok()?;
    (certificate.tbs_certificate.version == x509_cert::Version::V1).then_some(certificate)
}

/// Gives what is inside a short DER sequence: this is how the algorithms write their identifiers.
fn contents(sequence: &[u8]) -> &[u8] {
    sequence.get(2..).unwrap_or_default()
}

/// Verifies a signature with the key in `certificate`, if the key is of the algorithm's kind.
fn key_verifies(
    certificate: &Certificate,
    algorithm: &dyn SignatureVerificationAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> bool {
    use x509_cert::der::Encode as _;
    let info = &certificate.tbs_certificate.subject_public_key_info;
    let (Ok(identifier), Some(key)) = (info.algorithm.to_der(), info.subject_public_key.as_bytes()) else {
        return false;
    };
    contents(&identifier) == algorithm.public_key_alg_id().as_ref()
        && algorithm.verify_signature(key, message, signature).is_ok()
}

/// Lets the complaint about the name pass; it comes after the check of the chain, so the chain is good.
fn chain_only(result: Result<ServerCertVerified, rustls::Error>) -> Result<(), rustls::Error> {
    match result {
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Ok(()),
        other => other.map(drop),
    }
}

fn check_dates(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let certificate =
        Certificate::from_der(certificate).map_err(|_| rustls::Error::from(CertificateError::BadEncoding))?;
    let validity = certificate.tbs_certificate.validity;
    if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired.into());
    }
    if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotValidYet.into());
    }
    Ok(())
}

/// Compares the server's name as libpq does: alternative names, and the common name if there are none.
fn name_matches(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    use x509_cert::ext::pkix::{SubjectAltName, name::GeneralName};
    let Ok(certificate) = Certificate::from_der(certificate) else { return false };
    let tbs = &certificate.tbs_certificate;
    let alternatives = match tbs.get::<SubjectAltName>() {
        Ok(found) => found.map(|(_, names)| names.0).unwrap_or_default(),
        Err(_) => return false,
    };
    let mut names = alternatives.iter().filter_map(|alternative| match alternative {
        GeneralName::DnsName(dns) => Some(Ok(dns.as_str())),
        GeneralName::IpAddress(address) => Some(Err(address.as_bytes())),
        _ => None,
    });
    let wanted = match name {
        ServerName::DnsName(dns) => dns.as_ref().to_owned(),
        ServerName::IpAddress(address) => std::net::IpAddr::from(*address).to_string(),
        _ => return false,
    };
    let mut has_kind = false;
    let found = names.any(|alternative| match (alternative, name) {
        (Ok(pattern), _) => {
            // Only names of the kind asked for rule out the common name.
            has_kind |= matches!(name, ServerName::DnsName(_));
            dns_matches(pattern, &wanted)
        }
        (Err(bytes), ServerName::IpAddress(address)) => {
            has_kind = true;
            match std::net::IpAddr::from(*address) {
                std::net::IpAddr::V4(address) => address.octets() == *bytes,
                std::net::IpAddr::V6(address) => address.octets() == *bytes,
            }
        }
        _ => false,
    });
    found || (!has_kind && common_name(tbs).is_some_and(|cn| dns_matches(&cn, &wanted)))
}

fn common_name(tbs: &x509_cert::TbsCertificate) -> Option<String> {
    use x509_cert::der::asn1::{PrintableStringRef, Utf8StringRef};
    let id = x509_cert::der::oid::db::rfc4519::CN;
    let mut values = tbs.subject.0.iter().flat_map(|rdn| rdn.0.iter()).filter(|value| value.oid == id);
    let value = &values.next_back()?.value;
    let utf8 = value.decode_as::<Utf8StringRef<'_>>().map(|text| text.as_str().to_owned());
    utf8.or_else(|_| value.decode_as::<PrintableStringRef<'_>>().map(|text| text.as_str().to_owned())).ok()
}

/// Compares without case; a leading `*` stands for exactly one label.
fn dns_matches(pattern: &str, name: &str) -> bool {
    if pattern.eq_ignore_ascii_case(name) {
        return true;
    }
    match (pattern.strip_prefix("*."), name.split_once('.')) {
        (Some(parent), Some((label, rest))) => {
            // `*.com` would match too much.
            parent.contains('.') && !label.is_empty() && parent.eq_ignore_ascii_case(rest)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::dns_matches;

    #[test]
    fn a_wildcard_is_one_label() {
        assert!(dns_matches("DB.example.com", "db.Example.com"));
        assert!(dns_matches("*.example.com", "db.example.com"));
        assert!(!dns_matches("*.example.com", "a.db.example.com"));
        assert!(!dns_matches("*.example.com", "example.com"));
        assert!(!dns_matches("*.com", "example.com"));
        assert!(!dns_matches("*", "localhost"));
    }
}
