//! Databases that one test after the other uses: to empty one takes a fraction of the time to make one.

use dunlin_testkit::TestDb;
use std::ops::Deref;
use std::sync::Mutex;

static FREE: Mutex<Vec<TestDb>> = Mutex::new(Vec::new());

const EMPTY: &str = "
    do $$
    declare space text;
    begin
        for space in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
            execute format('drop schema %I cascade', space);
        end loop;
    end
    $$;
    create schema public authorization pg_database_owner;
    grant usage on schema public to public;
";

/// An empty database, given back at the end of the test.
pub(crate) struct Pooled(Option<TestDb>);

impl Pooled {
    /// Takes one that is free, or makes one.
    pub(crate) async fn take() -> Pooled {
        let free = FREE.lock().unwrap().pop();
        match free {
            Some(database) => {
                database.execute(EMPTY).await;
                Pooled(Some(database))
            }
            None => Pooled(Some(TestDb::new().await)),
        }
    }
}

impl Deref for Pooled {
    type Target = TestDb;

    fn deref(&self) -> &TestDb {
        self.0.as_ref().unwrap()
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        // A test that failed may have left a connection that still works.
        if let (Some(database), false) = (self.0.take(), std::thread::panicking()) {
            FREE.lock().unwrap().push(database);
        }
    }
}
