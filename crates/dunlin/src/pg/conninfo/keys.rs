//! The table of connection parameters that libpq knows.

/// What this library does with a connection parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Support {
    /// It is honoured.
    Yes,
    /// It makes no difference here, so it is accepted and has no effect.
    Ignored,
    /// It would change what is trusted or sent, so it is refused rather than passed over.
    No,
}

/// One connection parameter.
pub(super) struct Key {
    /// The name in connection strings and service files.
    pub(super) name: &'static str,
    /// The environment variable that gives it.
    pub(super) variable: Option<&'static str>,
    /// Whether it is honoured.
    pub(super) support: Support,
}

const fn key(name: &'static str, variable: &'static str) -> Key {
    Key { name, variable: Some(variable), support: Support::Yes }
}

const fn plain(name: &'static str) -> Key {
    Key { name, variable: None, support: Support::Yes }
}

const fn ignored(name: &'static str, variable: Option<&'static str>) -> Key {
    Key { name, variable, support: Support::Ignored }
}

const fn refused(name: &'static str, variable: Option<&'static str>) -> Key {
    Key { name, variable, support: Support::No }
}

/// Every parameter of libpq 18, "Parameter Key Words" of the manual.
pub(super) const KEYS: &[Key] = &[
    key("service", "PGSERVICE"),
    key("host", "PGHOST"),
    key("hostaddr", "PGHOSTADDR"),
    key("port", "PGPORT"),
    key("dbname", "PGDATABASE"),
    key("user", "PGUSER"),
    key("password", "PGPASSWORD"),
    key("passfile", "PGPASSFILE"),
    key("channel_binding", "PGCHANNELBINDING"),
    key("connect_timeout", "PGCONNECT_TIMEOUT"),
    key("options", "PGOPTIONS"),
    key("application_name", "PGAPPNAME"),
    plain("fallback_application_name"),
    plain("keepalives"),
    plain("keepalives_idle"),
    plain("keepalives_interval"),
    plain("keepalives_count"),
    plain("tcp_user_timeout"),
    key("sslmode", "PGSSLMODE"),
    key("sslnegotiation", "PGSSLNEGOTIATION"),
    key("sslcert", "PGSSLCERT"),
    key("sslkey", "PGSSLKEY"),
    key("sslcertmode", "PGSSLCERTMODE"),
    key("sslrootcert", "PGSSLROOTCERT"),
    key("sslcrl", "PGSSLCRL"),
    key("sslsni", "PGSSLSNI"),
    key("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    key("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    key("gssencmode", "PGGSSENCMODE"),
    key("target_session_attrs", "PGTARGETSESSIONATTRS"),
    key("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    // The client always speaks UTF-8, since migrations are UTF-8.
    ignored("client_encoding", Some("PGCLIENTENCODING")),
    ignored("sslcompression", Some("PGSSLCOMPRESSION")),
    ignored("krbsrvname", Some("PGKRBSRVNAME")),
    ignored("gsslib", Some("PGGSSLIB")),
    ignored("gssdelegation", Some("PGGSSDELEGATION")),
    ignored("min_protocol_version", Some("PGMINPROTOCOLVERSION")),
    ignored("max_protocol_version", Some("PGMAXPROTOCOLVERSION")),
    refused("sslpassword", None),
    refused("sslcrldir", Some("PGSSLCRLDIR")),
    refused("sslkeylogfile", None),
    refused("requirepeer", Some("PGREQUIREPEER")),
    refused("require_auth", Some("PGREQUIREAUTH")),
    refused("replication", None),
    refused("scram_client_key", None),
    refused("scram_server_key", None),
    refused("oauth_issuer", None),
    refused("oauth_client_id", None),
    refused("oauth_client_secret", None),
    refused("oauth_scope", None),
];

/// Finds a parameter by its name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Names the parameters that look like `name`, nearest first.
pub(super) fn near(name: &str) -> Vec<&'static str> {
    let lower = name.to_ascii_lowercase();
    let mut found: Vec<(f64, &'static str)> = KEYS
        .iter()
        .filter(|key| key.support != Support::No)
        .map(|key| (strsim::jaro_winkler(&lower, key.name), key.name))
        .filter(|(similarity, _)| *similarity >= 0.84)
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    found.into_iter().take(3).map(|(_, name)| name).collect()
}
