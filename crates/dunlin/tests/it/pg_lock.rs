//! The run lock: exclusion, waiting, loss, and behind a proxy.

use crate::server::{Server, Tls, try_connect};
use dunlin::pg::{LockError, LockEvent, LockKeys, LockMode, LockOptions, Locked, with_lock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

fn options(wait: Duration) -> LockOptions {
    LockOptions {
        keys: LockKeys::new("postgres", "dunlin"),
        wait,
        grace: Duration::from_millis(300),
        seed: 1,
        orphan: None,
    }
}

/// Takes the lock in a task, and holds it until told to stop. Also proves that the future is `Send`.
async fn hold(
    text: String,
) -> (tokio::task::JoinHandle<Result<LockMode, LockError<()>>>, oneshot::Sender<()>) {
    let session = try_connect(&text).await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let (have, got) = oneshot::channel();
    let task = tokio::spawn(with_lock(
        session,
        options(Duration::ZERO),
        |_| {},
        async move |locked: &Locked| {
            have.send(()).unwrap();
            let _ = stopped.await;
            Ok(locked.mode())
        },
    ));
    got.await.unwrap();
    (task, stop)
}

#[tokio::test]
async fn the_second_waits_for_the_first_and_is_told_who_it_is() {
    let server = Server::start(&Tls::Off, "");
    let (task, stop) = hold(format!("{} application_name=first", server.socket())).await;
    let refused = with_lock(
        server.session().await,
        options(Duration::from_millis(200)),
        |_| {},
        async |_| Ok::<_, ()>(()),
    )
    .await;
    let Err(LockError::NotFree { holder: Some(holder), .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!(holder.application_name.as_deref(), Some("first"));
    assert!(holder.since.as_ref().is_some_and(|since| since.ends_with('Z')), "{holder:?}");
    assert!(holder.held_for.is_some_and(|time| time < Duration::from_secs(60)), "{holder:?}");

    // The holder builds an index concurrently while somebody waits: neither blocks the other.
    let mut events = Vec::new();
    let waiting = with_lock(
        server.session().await,
        options(Duration::from_secs(30)),
        |event| events.push(event),
        async |locked: &Locked| Ok::<_, ()>(locked.mode()),
    );
    let building = async {
        let work = server.session().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        work.batch("CREATE TABLE t (a int)").await.unwrap();
        work.batch("CREATE INDEX CONCURRENTLY i ON t (a)").await.unwrap();
        stop.send(()).unwrap();
    };
    let (mode, ()) = tokio::join!(waiting, building);
    assert_eq!(mode.unwrap(), LockMode::Session);
    assert_eq!(task.await.unwrap().unwrap(), LockMode::Session);
    assert!(
        matches!(
            &events[..],
            [
                LockEvent::Waiting { holder: Some(_), .. },
                ..,
                LockEvent::Taken { mode: LockMode::Session, .. }
            ]
        ),
        "{events:?}"
    );
}

#[tokio::test]
async fn the_works_own_error_comes_back_and_the_lock_is_free_again() {
    let server = Server::start(&Tls::Off, "");
    let failed: Result<(), _> =
        with_lock(server.session().await, options(Duration::ZERO), |_| {}, async |_| Err("mine")).await;
    assert!(matches!(failed, Err(LockError::Work("mine"))), "{failed:?}");
    let again =
        with_lock(server.session().await, options(Duration::from_secs(5)), |_| {}, async |_| Ok::<_, ()>(7))
            .await;
    assert_eq!(again.unwrap(), 7);
}

#[tokio::test]
async fn a_lost_lock_is_told_to_the_work_which_is_dropped_if_it_goes_on() {
    let server = Server::start(&Tls::Off, "");
    let kill = async |application: &str| {
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{application}'"
        );
        server.session().await.batch(&sql).await.unwrap();
    };
    let session = try_connect(&format!("{} application_name=one", server.socket())).await.unwrap();
    let told = with_lock(
        session,
        options(Duration::ZERO),
        |_| {},
        async |locked: &Locked| {
            assert!(!locked.is_lost());
            kill("one").await;
            let error = locked.lost().await;
            assert!(locked.is_lost());
            Err::<(), _>(error.sqlstate().map(str::to_owned))
        },
    )
    .await;
    assert!(matches!(&told, Err(LockError::Work(Some(state))) if state == "57P01"), "{told:?}");

    let session = try_connect(&format!("{} application_name=two", server.socket())).await.unwrap();
    let went_on = Arc::new(AtomicBool::new(false));
    let flag = went_on.clone();
    let dropped = with_lock(
        session,
        options(Duration::ZERO),
        |_| {},
        async move |_: &Locked| {
            kill("two").await;
            tokio::time::sleep(Duration::from_secs(20)).await;
            flag.store(true, Ordering::Relaxed);
            Ok::<_, ()>(())
        },
    )
    .await;
    assert!(matches!(dropped, Err(LockError::Lost(_))), "{dropped:?}");
    assert!(!went_on.load(Ordering::Relaxed));
}

/// A proxy that gives its own process id, as PgBouncer does.
async fn proxy(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                let _ = to_server.shutdown().await;
            });
            tokio::spawn(async move {
                let mut buffer = vec![0; 65536];
                let mut keyed = false;
                while let Ok(size @ 1..) = from_server.read(&mut buffer).await {
                    let key = buffer[..size].windows(5).position(|bytes| bytes == b"K\0\0\0\x0c");
                    if let Some(at) = key.filter(|_| !keyed) {
                        keyed = true;
                        buffer[at + 5..at + 9].copy_from_slice(&99_999_999_i32.to_be_bytes());
                    }
                    if to_client.write_all(&buffer[..size]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    own
}

#[tokio::test]
async fn behind_a_proxy_a_transaction_holds_the_lock() {
    let server = Server::start(&Tls::Off, "idle_in_transaction_session_timeout = 300");
    let port = proxy(server.port).await;
    let text = format!("host=127.0.0.1 port={port} dbname=postgres user=me password=secret sslmode=disable");
    let (task, stop) = hold(text.clone()).await;
    // Longer than the server's time-out for idle transactions.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let direct =
        with_lock(server.session().await, options(Duration::ZERO), |_| {}, async |_| Ok::<_, ()>(())).await;
    assert!(matches!(direct, Err(LockError::NotFree { holder: Some(_), .. })), "{direct:?}");
    let proxied = try_connect(&text).await.unwrap();
    let second =
        with_lock(proxied, options(Duration::from_millis(100)), |_| {}, async |_| Ok::<_, ()>(())).await;
    assert!(matches!(second, Err(LockError::NotFree { .. })), "{second:?}");
    stop.send(()).unwrap();
    assert_eq!(task.await.unwrap().unwrap(), LockMode::Transaction);
    let free =
        with_lock(server.session().await, options(Duration::from_secs(5)), |_| {}, async |_| Ok::<_, ()>(()))
            .await;
    free.unwrap();
}
