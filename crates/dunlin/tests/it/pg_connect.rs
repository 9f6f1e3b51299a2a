//! Connections: `sslmode`, passwords, several hosts, waiting, notices, cancelling.

use crate::server::{Server, Tls, try_connect};
use dunlin::pg::{ConnInfo, ConnectOptions, Environment, PgError, connect};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const GOOD: Tls = Tls::On { names: Some("DNS:localhost,IP:127.0.0.1"), common_name: "localhost" };

/// Tries each connection string's tail; the outcome is `tls`, `plain` or the kind of error.
async fn outcomes(server: &Server, cases: &[(&str, &str)]) {
    for (more, expected) in cases {
        let more = more.replace("ROOT", &format!("sslrootcert={}", server.root().display()));
        let outcome = match try_connect(&server.tcp(&more)).await {
            Ok(session) if session.info().tls => "tls".to_owned(),
            Ok(_) => "plain".to_owned(),
            Err(error) => format!("{error:?} {error}"),
        };
        assert!(outcome.contains(expected), "{more}: expected {expected}, got {outcome}");
    }
}

#[tokio::test]
async fn a_server_without_tls() {
    let server = Server::start(&Tls::Off, "");
    outcomes(
        &server,
        &[
            ("user=me password=secret sslmode=disable", "plain"),
            ("user=me password=secret sslmode=allow", "plain"),
            ("user=me password=secret", "plain"),
            ("user=me password=secret sslmode=require", "does not support TLS"),
            ("user=me password=secret sslmode=verify-ca", "does not support TLS"),
            ("user=me password=secret sslmode=verify-full sslrootcert=system", "does not support TLS"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_server_with_a_good_certificate() {
    let server = Server::start(&GOOD, "");
    outcomes(
        &server,
        &[
            ("user=me password=secret sslmode=disable", "plain"),
            ("user=me password=secret sslmode=allow", "plain"),
            ("user=me password=secret sslmode=prefer", "tls"),
            ("user=me password=secret sslmode=require", "tls"),
            ("user=me password=secret sslmode=require channel_binding=require", "tls"),
            ("user=me password=secret sslmode=disable channel_binding=require", "Auth"),
            ("user=me password=secret sslmode=verify-ca ROOT", "tls"),
            ("user=me password=secret sslmode=verify-full ROOT", "tls"),
            ("user=me password=secret sslmode=verify-full ROOT ssl_max_protocol_version=TLSv1.2", "tls"),
            (
                "user=me password=secret sslmode=verify-full sslrootcert=system",
                "not signed by a trusted root",
            ),
            ("user=me password=secret sslmode=verify-full sslrootcert=/nowhere", "does not exist"),
            // What the server takes only with, or only without, encryption.
            ("user=tlsonly sslmode=allow", "tls"),
            ("user=tlsonly sslmode=disable", "Auth"),
            ("user=plainonly sslmode=prefer", "plain"),
            ("user=plainonly sslmode=require", "Auth"),
            ("user=me password=wrong sslmode=prefer", "password authentication failed"),
            ("user=me sslmode=prefer", "none was given"),
        ],
    )
    .await;
    // A socket is never encrypted, whatever is asked for.
    let session = try_connect(&format!("{} sslmode=verify-full", server.socket())).await.unwrap();
    assert!(!session.info().tls);
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let server = Server::start(&Tls::On { names: Some("DNS:db.example.com"), common_name: "x" }, "");
    outcomes(
        &server,
        &[
            ("user=me password=secret sslmode=require ROOT", "tls"),
            ("user=me password=secret sslmode=verify-ca ROOT", "tls"),
            ("user=me password=secret sslmode=verify-full ROOT", "for another name"),
            // hostaddr says where, host says who.
            (
                "user=me password=secret sslmode=verify-full ROOT hostaddr=127.0.0.1 host=db.example.com",
                "tls",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_certificate_of_another_ca() {
    let server = Server::start(&GOOD, "");
    let other = Server::make(&GOOD, "");
    let root = format!("user=me password=secret sslrootcert={}", other.root().display());
    outcomes(
        &server,
        &[
            // As in libpq, a root certificate makes `require` check the chain, and `prefer` fall back.
            (&format!("{root} sslmode=prefer"), "plain"),
            (&format!("{root} sslmode=require"), "not signed by a trusted root"),
            (&format!("{root} sslmode=verify-ca"), "not signed by a trusted root"),
            (&format!("{root} sslmode=verify-full"), "not signed by a trusted root"),
        ],
    )
    .await;
}

#[tokio::test]
async fn certificates_that_only_openssl_likes() {
    let server = Server::start(&Tls::SelfSigned, "");
    outcomes(
        &server,
        &[
            ("user=me password=secret sslmode=require", "tls"),
            ("user=me password=secret sslmode=verify-ca ROOT", "tls"),
            ("user=me password=secret sslmode=verify-full ROOT", "for another name"),
            ("user=me password=secret sslmode=verify-full ROOT hostaddr=127.0.0.1 host=localhost", "tls"),
        ],
    )
    .await;
    let server = Server::start(&Tls::Version1, "");
    let other = Server::make(&Tls::Version1, "");
    let wrong = format!("user=me password=secret sslmode=verify-ca sslrootcert={}", other.root().display());
    outcomes(
        &server,
        &[
            ("user=me password=secret sslmode=require", "tls"),
            ("user=me password=secret sslmode=verify-ca ROOT", "tls"),
            ("user=me password=secret sslmode=verify-full ROOT", "for another name"),
            ("user=me password=secret sslmode=verify-full ROOT hostaddr=127.0.0.1 host=localhost", "tls"),
            (&wrong, "not signed by a trusted root"),
        ],
    )
    .await;
    let server = Server::start(&Tls::On { names: None, common_name: "db" }, "");
    outcomes(
        &server,
        &[
            ("user=me password=secret sslmode=verify-full ROOT hostaddr=127.0.0.1 host=db", "tls"),
            (
                "user=me password=secret sslmode=verify-full ROOT hostaddr=127.0.0.1 host=db2",
                "for another name",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_password_comes_from_the_password_file() {
    let server = Server::start(&Tls::Off, "");
    let file = server.dir().join("pgpass");
    let connect_with = async |line: &str| {
        std::fs::write(&file, line).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        try_connect(&server.tcp(&format!("user=me passfile={}", file.display()))).await
    };
    connect_with(&format!("127.0.0.1:{}:*:me:secret\n", server.port)).await.unwrap();
    let error = connect_with("*:*:*:*:wrong\n").await.unwrap_err();
    assert!(error.to_string().contains("the password is from"), "{error}");
    assert!(!format!("{error:?}").contains("wrong"), "{error:?}");
}

#[tokio::test]
async fn the_next_host_is_tried_until_one_is_of_the_kind_wanted() {
    let writable = Server::start(&Tls::Off, "");
    let read_only = Server::start(&Tls::Off, "default_transaction_read_only = on");
    let to = |attrs: &str| {
        format!(
            "postgres://me:secret@127.0.0.1:1,127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs={attrs}",
            read_only.port, writable.port
        )
    };
    for (attrs, port) in [
        ("any", read_only.port),
        ("read-write", writable.port),
        ("read-only", read_only.port),
        ("primary", read_only.port),
        ("prefer-standby", read_only.port),
    ] {
        let session = try_connect(&to(attrs)).await.unwrap();
        assert_eq!(session.info().host, format!("127.0.0.1:{port}"), "{attrs}");
    }
    let error = try_connect(&to("standby")).await.unwrap_err();
    let PgError::AllHosts { errors } = &error else { panic!("{error:?}") };
    assert!(matches!(errors[0], PgError::NoConnection { transient: true, .. }), "{error:?}");
    assert!(matches!(errors[1], PgError::WrongKind { wanted: "a standby server", .. }), "{error:?}");
    // A server that refuses the login ends the search.
    let error = try_connect(&to("any").replace("secret", "wrong")).await.unwrap_err();
    assert!(matches!(error, PgError::Auth { .. }), "{error:?}");
}

#[tokio::test]
async fn waiting_ends_when_the_server_is_there_or_refuses() {
    let server = Server::make(&Tls::Off, "");
    let env = Environment::default();
    let info = ConnInfo::parse(&server.tcp("user=me password=secret"), &env).unwrap();
    let mut options = ConnectOptions { connect_wait: Duration::from_millis(300), ..Default::default() };
    let retries = Arc::new(Mutex::new(0));
    let counter = retries.clone();
    options.on_retry = Some(Arc::new(move |_, _| *counter.lock().unwrap() += 1));
    let begun = Instant::now();
    let error = connect(&info, &options).await.unwrap_err();
    assert!(matches!(error, PgError::NoConnection { .. }), "{error:?}");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert!(*retries.lock().unwrap() >= 2);
    options.connect_wait = Duration::from_secs(60);
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        server.run();
        server
    });
    // The role is made after the start, so the first login may be refused: wait for the server, not for it.
    while let Err(error) = connect(&info, &options).await {
        assert!(matches!(error, PgError::Auth { .. }), "{error:?}");
    }
    let _server = late.join().unwrap();
    let begun = Instant::now();
    let wrong = connect(&info.clone().with_password("wrong"), &options).await.unwrap_err();
    assert!(matches!(wrong, PgError::Auth { .. }), "{wrong:?}");
    let unknown = ConnInfo { dbname: "nowhere".into(), ..info };
    let error = connect(&unknown, &options).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("3D000"), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_session_knows_its_backend_delivers_notices_and_can_be_cancelled() {
    let server = Server::start(&GOOD, "");
    let env = Environment::default();
    let root = server.root();
    let text =
        server.tcp(&format!("user=me password=secret sslmode=verify-full sslrootcert={}", root.display()));
    let info = ConnInfo::parse(&text, &env).unwrap();
    let notices = Arc::new(Mutex::new(Vec::new()));
    let sink = notices.clone();
    let options = ConnectOptions {
        long_lived: true,
        on_notice: Some(Arc::new(move |notice, _| sink.lock().unwrap().push(notice.message))),
        ..Default::default()
    };
    let session = connect(&info, &options).await.unwrap();
    assert_eq!(session.backend_pid().await.unwrap(), session.info().handshake_pid);
    assert!(!session.prepare_for_work(Duration::from_secs(5)).await.unwrap());
    let rows =
        session.query("SELECT current_setting('client_connection_check_interval')", &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, String>(0), "5s");
    assert!(session.info().version >= 150_000);

    session.batch("DO $$ BEGIN RAISE NOTICE 'hello'; END $$").await.unwrap();
    assert_eq!(*notices.lock().unwrap(), ["hello"]);

    let canceller = session.canceller();
    let cancelling = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        canceller.cancel().await.unwrap();
    };
    let (result, ()) = tokio::join!(session.batch("SELECT pg_sleep(60)"), cancelling);
    assert_eq!(result.unwrap_err().sqlstate(), Some("57014"));

    let error = session.batch("SELECT 1; SELECT x FROM nowhere").await.unwrap_err();
    let server_error = error.server().unwrap();
    assert_eq!((server_error.sqlstate.as_str(), server_error.position), ("42P01", Some(25)));

    let pid = session.info().handshake_pid;
    server.session().await.batch(&format!("SELECT pg_terminate_backend({pid})")).await.unwrap();
    let last = tokio::time::timeout(Duration::from_secs(5), session.closed()).await.unwrap();
    assert_eq!(last.sqlstate(), Some("57P01"));
    let error = session.batch("SELECT 1").await.unwrap_err();
    assert!(error.is_connection_loss() && error.to_string().contains("administrator"), "{error}");
    assert!(session.is_closed());
}

#[tokio::test]
async fn a_client_certificate_logs_in() {
    let server = Server::start(&GOOD, "");
    let data = server.dir().join("data");
    let files = format!("sslcert={0}/client.crt sslkey={0}/client.key", data.display());
    outcomes(
        &server,
        &[
            (&format!("user=certonly sslmode=require {files}"), "tls"),
            (&format!("user=certonly sslmode=verify-full ROOT {files}"), "tls"),
            ("user=certonly sslmode=require", "certificate"),
            (&format!("user=me sslmode=require {files} sslcertmode=disable"), "none was given"),
        ],
    )
    .await;
    let key = data.join("client.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = format!("user=certonly sslmode=require {files}");
    outcomes(&server, &[(&open, "group or world access")]).await;
}

#[tokio::test]
async fn a_server_without_a_free_slot_is_waited_for() {
    let server = Server::start(&Tls::Off, "");
    let info = ConnInfo::parse(&server.tcp("user=full_up password=secret"), &Environment::default()).unwrap();
    let retries = Arc::new(Mutex::new(0));
    let counter = retries.clone();
    let options = ConnectOptions {
        connect_wait: Duration::from_millis(300),
        on_retry: Some(Arc::new(move |_, _| *counter.lock().unwrap() += 1)),
        ..Default::default()
    };
    let error = connect(&info, &options).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("53300"), "{error:?}");
    assert!(*retries.lock().unwrap() >= 2);
}
