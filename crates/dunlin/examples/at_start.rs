//! An application that brings its database up to date when it starts, with migrations compiled into it.
//!
//!     cargo run -p dunlin --example at_start -- postgres://me@localhost/app
//!
//! Without an argument it runs on a private PostgreSQL server that goes away again.

use dunlin::embedded::{Embedded, EmbeddedOptions};
use dunlin::execute::{Event, Outcome};
use include_dir::{Dir, include_dir};

static MIGRATIONS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/examples/migrations");

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an application may print")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let private;
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => {
            private = Embedded::start(EmbeddedOptions::default())?;
            private.url("postgres")
        }
    };
    let migrator = dunlin::Migrator::from_dir(&MIGRATIONS)?;
    let report = migrator
        .up_with(&url, &mut |event: &Event<'_>| {
            if let Event::UnitCommitted { migration, duration_ms, .. } = event {
                println!("{migration}: {duration_ms} ms");
            }
        })
        .await?;
    if report.outcome == Outcome::Failed {
        return Err(format!("migration failed: {:?}", report.failed).into());
    }
    println!("{:?}: {:?}", report.outcome, report.applied);
    assert_eq!(migrator.up(&url).await?.outcome, Outcome::Nothing);
    Ok(())
}
