//! Fills in what a connection string leaves out and checks its values.

use super::files::{PassFile, apply_service};
use super::keys::{KEYS, Support};
use super::{
    ChannelBinding, ClientCertificate, ConnInfo, ConnInfoError, Environment, Host, HostTarget, Keepalives,
    Password, RootCertificates, Settings, SslConfig, SslMode, TargetSessionAttrs, TlsVersion,
};
use std::path::PathBuf;
use std::time::Duration;

/// Makes a [`ConnInfo`] from what the connection string said and from the environment.
pub(super) fn resolve(mut settings: Settings, env: &Environment) -> Result<ConnInfo, ConnInfoError> {
    if let Some(service) = settings.get("service").cloned().or(env.get("PGSERVICE").map(str::to_owned)) {
        apply_service(&mut settings, &service, env)?;
    }
    for key in KEYS {
        if let Some(value) = key.variable.and_then(|variable| env.get(variable)) {
            settings.entry(key.name).or_insert_with(|| value.to_owned());
        }
        if key.support == Support::No && settings.contains_key(key.name) {
            return Err(ConnInfoError::Unsupported { key: key.name });
        }
    }
    let reader = Reader { settings: &settings };
    if reader.choice("gssencmode", &[("prefer", false), ("disable", false), ("require", true)])? == Some(true)
    {
        return Err(ConnInfoError::Unsupported { key: "gssencmode" });
    }
    let user = reader.text("user").map(str::to_owned).or(env.os_user.clone()).ok_or(ConnInfoError::NoUser)?;
    let dbname = reader.text("dbname").unwrap_or(&user).to_owned();
    let mut warnings = Vec::new();
    let hosts = hosts(&reader, env, &dbname, &user, &mut warnings)?;
    let application_name =
        reader.text("application_name").or(reader.text("fallback_application_name")).unwrap_or("dunlin");
    Ok(ConnInfo {
        hosts,
        ssl: ssl(&reader, env)?,
        connect_timeout: connect_timeout(&reader)?,
        application_name: application_name.to_owned(),
        options: reader.text("options").map(str::to_owned),
        target: reader.choice("target_session_attrs", TARGETS)?.unwrap_or(TargetSessionAttrs::Any),
        load_balance: reader
            .choice("load_balance_hosts", &[("disable", false), ("random", true)])?
            .unwrap_or(false),
        keepalives: keepalives(&reader)?,
        channel_binding: reader.choice("channel_binding", BINDINGS)?.unwrap_or(ChannelBinding::Prefer),
        warnings,
        user,
        dbname,
    })
}

const TARGETS: &[(&str, TargetSessionAttrs)] = &[
    ("any", TargetSessionAttrs::Any),
    ("read-write", TargetSessionAttrs::ReadWrite),
    ("read-only", TargetSessionAttrs::ReadOnly),
    ("primary", TargetSessionAttrs::Primary),
    ("standby", TargetSessionAttrs::Standby),
    ("prefer-standby", TargetSessionAttrs::PreferStandby),
];

const BINDINGS: &[(&str, ChannelBinding)] = &[
    ("disable", ChannelBinding::Disable),
    ("prefer", ChannelBinding::Prefer),
    ("require", ChannelBinding::Require),
];

const MODES: &[(&str, SslMode)] = &[
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

const VERSIONS: &[(&str, TlsVersion)] = &[
    ("TLSv1", TlsVersion::V12),
    ("TLSv1.1", TlsVersion::V12),
    ("TLSv1.2", TlsVersion::V12),
    ("TLSv1.3", TlsVersion::V13),
];

/// Reads typed values out of the settings.
struct Reader<'a> {
    settings: &'a Settings,
}

impl Reader<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Result<Option<T>, ConnInfoError> {
        let Some(value) = self.text(key) else { return Ok(None) };
        match choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(value)) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => Err(ConnInfoError::Value { key, value: value.to_owned(), expected: expected(key) }),
        }
    }

    fn number(&self, key: &'static str) -> Result<Option<i32>, ConnInfoError> {
        let Some(value) = self.text(key) else { return Ok(None) };
        let fault = |_| ConnInfoError::Value { key, value: value.to_owned(), expected: expected(key) };
        value.trim().parse().map(Some).map_err(fault)
    }
}

/// Says what a key takes, for messages.
fn expected(key: &str) -> &'static str {
    match key {
        "sslmode" => "disable, allow, prefer, require, verify-ca or verify-full",
        "target_session_attrs" => "any, read-write, read-only, primary, standby or prefer-standby",
        "load_balance_hosts" => "disable or random",
        "sslnegotiation" => "postgres or direct",
        "sslcertmode" => "disable, allow or require",
        "gssencmode" | "channel_binding" => "disable, prefer or require",
        "ssl_min_protocol_version" | "ssl_max_protocol_version" => "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3",
        "port" => "a number from 1 to 65535",
        "hostaddr" => "an IP address",
        "sslsni" => "0 or 1",
        _ => "a whole number",
    }
}

/// Splits the lists of hosts, addresses and ports and gives each host its password.
fn hosts(
    reader: &Reader<'_>,
    env: &Environment,
    dbname: &str,
    user: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<Host>, ConnInfoError> {
    let list = |key: &str| reader.text(key).map(|text| text.split(',').collect::<Vec<_>>());
    let (names, addresses) = (list("host"), list("hostaddr"));
    let count = addresses.as_ref().or(names.as_ref()).map_or(1, Vec::len);
    if let Some(names) = &names
        && names.len() != count
    {
        return Err(ConnInfoError::Count { key: "hostaddr", hosts: names.len(), count });
    }
    let ports = list("port").unwrap_or_default();
    if ports.len() > 1 && ports.len() != count {
        return Err(ConnInfoError::Count { key: "port", hosts: count, count: ports.len() });
    }
    let password = reader.text("password").map(|text| Password(text.to_owned()));
    let path = reader
        .text("passfile")
        .map(PathBuf::from)
        .or_else(|| env.home.as_ref().map(|home| home.join(".pgpass")))
        .filter(|_| password.is_none());
    let file = path.as_ref().and_then(|path| PassFile::read(path, warnings));
    (0..count)
        .map(|index| {
            let port = ports.get(index).or(ports.first().filter(|_| ports.len() == 1)).copied();
            let target = target(at(names.as_deref(), index), at(addresses.as_deref(), index))?;
            let port = read_port(port.unwrap_or(""))?;
            let found = file.as_ref().and_then(|file| file.password(&target, port, dbname, user));
            let password_file = found.as_ref().and(path.clone());
            Ok(Host { target, port, password: password.clone().or(found.map(Password)), password_file })
        })
        .collect()
}

fn at<'a>(list: Option<&[&'a str]>, index: usize) -> &'a str {
    list.and_then(|list| list.get(index).copied()).unwrap_or_default()
}

fn target(name: &str, address: &str) -> Result<HostTarget, ConnInfoError> {
    let (name, address) = (name.trim(), address.trim());
    if !address.is_empty() {
        let fault = |_| ConnInfoError::Value {
            key: "hostaddr",
            value: address.to_owned(),
            expected: "an IP address",
        };
        let name = if name.is_empty() { address } else { name }.to_owned();
        return Ok(HostTarget::Tcp { name, address: Some(address.parse().map_err(fault)?) });
    }
    Ok(match name {
        "" => HostTarget::DefaultSocket,
        // A leading @ is Linux's abstract namespace.
        name if name.starts_with(['/', '@']) => HostTarget::Unix(name.into()),
        name => HostTarget::Tcp { name: name.to_owned(), address: None },
    })
}

fn read_port(text: &str) -> Result<u16, ConnInfoError> {
    match text.trim() {
        "" => Ok(5432),
        text => text.parse().ok().filter(|port| *port != 0).ok_or_else(|| ConnInfoError::Value {
            key: "port",
            value: text.to_owned(),
            expected: expected("port"),
        }),
    }
}

/// Reads the limit in seconds; zero and less mean none, one second counts as two as in libpq.
fn connect_timeout(reader: &Reader<'_>) -> Result<Option<Duration>, ConnInfoError> {
    Ok(reader.number("connect_timeout")?.filter(|s| *s > 0).map(|s| seconds(s.max(2))))
}

fn seconds(number: i32) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or(0))
}

fn keepalives(reader: &Reader<'_>) -> Result<Keepalives, ConnInfoError> {
    let positive = |key| Ok(reader.number(key)?.filter(|number| *number > 0));
    Ok(Keepalives {
        enabled: reader.number("keepalives")? != Some(0),
        idle: positive("keepalives_idle")?.map(seconds),
        interval: positive("keepalives_interval")?.map(seconds),
        count: positive("keepalives_count")?.and_then(|count| u32::try_from(count).ok()),
        user_timeout: positive("tcp_user_timeout")?
            .map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
    })
}

fn ssl(reader: &Reader<'_>, env: &Environment) -> Result<SslConfig, ConnInfoError> {
    let given = reader.choice("sslmode", MODES)?;
    let system = reader.text("sslrootcert") == Some("system");
    let mode = given.unwrap_or(if system { SslMode::VerifyFull } else { SslMode::Prefer });
    let mode_name = || reader.text("sslmode").unwrap_or("prefer").to_owned();
    if system && mode != SslMode::VerifyFull {
        return Err(ConnInfoError::WeakSystemRoots { mode: mode_name() });
    }
    let direct = reader.choice("sslnegotiation", &[("postgres", false), ("direct", true)])?.unwrap_or(false);
    if direct && matches!(mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer) {
        return Err(ConnInfoError::WeakDirect { mode: mode_name() });
    }
    let default = |name: &str| env.home.as_ref().map(|home| home.join(".postgresql").join(name));
    let existing = |name: &str| default(name).filter(|path| path.exists());
    let roots = match reader.text("sslrootcert") {
        Some("system") => RootCertificates::System,
        Some(path) if PathBuf::from(path).exists() => RootCertificates::File(path.into()),
        Some(path) => RootCertificates::Missing(Some(path.into())),
        None => match existing("root.crt") {
            Some(path) => RootCertificates::File(path),
            None => RootCertificates::Missing(default("root.crt")),
        },
    };
    Ok(SslConfig {
        mode,
        direct,
        roots,
        crl: reader.text("sslcrl").map(PathBuf::from).or_else(|| existing("root.crl")),
        client: client_certificate(reader, env)?,
        sni: reader.number("sslsni")? != Some(0),
        min_version: reader.choice("ssl_min_protocol_version", VERSIONS)?.unwrap_or(TlsVersion::V12),
        max_version: reader.choice("ssl_max_protocol_version", VERSIONS)?.unwrap_or(TlsVersion::V13),
    })
}

/// Finds the client certificate; the default one counts only if it exists.
fn client_certificate(
    reader: &Reader<'_>,
    env: &Environment,
) -> Result<Option<ClientCertificate>, ConnInfoError> {
    if reader.choice("sslcertmode", &[("disable", true), ("allow", false), ("require", false)])? == Some(true)
    {
        return Ok(None);
    }
    let default = |name: &str| env.home.as_ref().map(|home| home.join(".postgresql").join(name));
    let certificate = reader
        .text("sslcert")
        .map(PathBuf::from)
        .or_else(|| default("postgresql.crt").filter(|path| path.exists()));
    let key = reader.text("sslkey").map(PathBuf::from).or_else(|| default("postgresql.key"));
    Ok(certificate.zip(key).map(|(certificate, key)| ClientCertificate { certificate, key }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn env(pairs: &[(&str, &str)]) -> Environment {
        Environment {
            variables: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            home: None,
            os_user: Some("me".into()),
        }
    }

    fn tcp(name: &str) -> HostTarget {
        HostTarget::Tcp { name: name.into(), address: None }
    }

    #[test]
    fn defaults_are_those_of_libpq() {
        let info = ConnInfo::parse("", &env(&[])).unwrap();
        assert_eq!(info.hosts[0].target, HostTarget::DefaultSocket);
        assert_eq!((info.hosts[0].port, info.user.as_str(), info.dbname.as_str()), (5432, "me", "me"));
        assert_eq!(info.ssl.mode, SslMode::Prefer);
        let info = ConnInfo::parse("user=u", &env(&[])).unwrap();
        assert_eq!(info.dbname, "u");
        assert_eq!(ConnInfo::parse("", &Environment::default()), Err(ConnInfoError::NoUser));
    }

    #[test]
    fn the_string_beats_the_service_and_that_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("services");
        fs::write(&file, "[s]\nhost=service\nport=1111\nuser=service\n").unwrap();
        let env = env(&[("PGSERVICEFILE", file.to_str().unwrap()), ("PGUSER", "var"), ("PGDATABASE", "var")]);
        let info = ConnInfo::parse("service=s host=string", &env).unwrap();
        assert_eq!(info.hosts[0].target, tcp("string"));
        assert_eq!((info.hosts[0].port, info.user.as_str(), info.dbname.as_str()), (1111, "service", "var"));
        let missing = ConnInfo::parse("service=t", &env);
        assert_eq!(missing, Err(ConnInfoError::ServiceNotFound { service: "t".into() }));
    }

    #[test]
    fn hosts_ports_and_addresses_pair_up() {
        let info = ConnInfo::parse("postgres://a:1,b,c:3/", &env(&[])).unwrap();
        let got: Vec<_> = info.hosts.iter().map(|h| (h.target.clone(), h.port)).collect();
        assert_eq!(got, [(tcp("a"), 1), (tcp("b"), 5432), (tcp("c"), 3)]);
        let info = ConnInfo::parse("host=a,/s port=7", &env(&[])).unwrap();
        let got: Vec<_> = info.hosts.iter().map(|h| (h.target.clone(), h.port)).collect();
        assert_eq!(got, [(tcp("a"), 7), (HostTarget::Unix("/s".into()), 7)]);
        assert!(matches!(
            ConnInfo::parse("host=a,b port=1,2,3", &env(&[])),
            Err(ConnInfoError::Count { key: "port", hosts: 2, count: 3 })
        ));
        assert!(matches!(
            ConnInfo::parse("host=a,b hostaddr=1.1.1.1", &env(&[])),
            Err(ConnInfoError::Count { key: "hostaddr", .. })
        ));
        assert!(matches!(ConnInfo::parse("port=0", &env(&[])), Err(ConnInfoError::Value { .. })));
    }

    #[test]
    fn a_readable_password_file_is_refused_with_a_warning() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".pgpass");
        fs::write(&file, "localhost:*:*:*:secret\n").unwrap();
        let env = Environment { home: Some(dir.path().into()), ..env(&[]) };
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let info = ConnInfo::parse("host=localhost", &env).unwrap();
        assert_eq!((info.hosts[0].password.clone(), info.warnings.len()), (None, 1));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let info = ConnInfo::parse("", &env).unwrap();
        assert_eq!(info.hosts[0].password.as_ref().map(Password::reveal), Some("secret"));
        assert_eq!(info.hosts[0].password_file.as_deref(), Some(file.as_path()));
        assert!(!format!("{info:?} {info}").contains("secret"));
        let info = ConnInfo::parse("password=given", &env).unwrap();
        assert_eq!(info.hosts[0].password.as_ref().map(Password::reveal), Some("given"));
    }

    #[test]
    fn weak_modes_and_unsupported_keys_are_refused() {
        for text in [
            "sslrootcert=system sslmode=require",
            "sslnegotiation=direct",
            "gssencmode=require",
            "requirepeer=x",
            "sslmode=on",
        ] {
            assert!(ConnInfo::parse(text, &env(&[])).is_err(), "{text}");
        }
        let info = ConnInfo::parse("sslrootcert=system", &env(&[])).unwrap();
        assert_eq!(info.ssl.mode, SslMode::VerifyFull);
        let info =
            ConnInfo::parse("gssencmode=prefer krbsrvname=x", &env(&[("PGSSLMODE", "allow")])).unwrap();
        assert_eq!(info.ssl.mode, SslMode::Allow);
    }
}
