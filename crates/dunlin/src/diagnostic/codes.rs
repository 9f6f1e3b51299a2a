//! The one table of diagnostic codes, from which `dunlin explain` and the documentation are made.

use super::Severity;
use serde::{Deserialize, Serialize};

/// What is known about a diagnostic code.
#[derive(Debug, Clone, Copy)]
pub struct CodeInfo {
    /// The code, such as `DN203`.
    pub code: Code,
    /// The severity it has unless a policy changes it.
    pub severity: Severity,
    /// A few words.
    pub title: &'static str,
    /// What it means, why it matters and what to do, in plain paragraphs.
    pub explanation: &'static str,
}

macro_rules! codes {
    ($($name:ident $severity:ident $title:literal $explanation:literal;)*) => {
        /// A stable diagnostic code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code { $(#[doc = $title] $name,)* }

        /// Every code, in order.
        pub const CODES: &[CodeInfo] = &[$(CodeInfo {
            code: Code::$name, severity: Severity::$severity, title: $title, explanation: $explanation,
        },)*];

        impl Code {
            /// Gives the code as it is written, such as `DN203`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => stringify!($name),)* }
            }
        }
    };
}

codes! {
    DN101 Error "syntax error"
        "PostgreSQL's grammar does not accept this text, and neither is it one of the forms that Dunlin \
         reads leniently. Nothing of the set runs while a file cannot be read: a half-understood set \
         cannot be put in order. Fix the text at the place shown.";
    DN102 Error "psql command"
        "Lines that start with a backslash are commands of the psql program, not SQL. The server does \
         not know them. Replace `\\i file` by the file's SQL, `\\copy` by COPY … FROM stdin, and `\\set` \
         variables by their values. A dump's `\\restrict` and `\\unrestrict` lines are read over.";
    DN103 Error "transaction not closed"
        "The file says BEGIN and never COMMIT, or COMMIT without BEGIN. Dunlin runs each migration in a \
         transaction anyway: take the BEGIN away, or close it.";
    DN104 Error "not text that PostgreSQL can store"
        "The file is not UTF-8, or it holds a NUL byte. Save it as UTF-8.";
    DN105 Note "lenient form"
        "PostgreSQL does not have this form (for example ADD CONSTRAINT IF NOT EXISTS), but its meaning \
         is clear. Dunlin runs it as meant: it looks whether the object is there. `--dialect postgres` \
         refuses such forms.";
    DN106 Error "mangled dollar quotes"
        "A `$$` was turned into `$` or vanished, as shells, make and template engines do. The body is \
         cut at its first semicolon. `dunlin check --fix` shows and writes the repaired text.";
    DN107 Error "directive not understood"
        "A comment that starts with `dunlin:` is a directive. Before the first statement of a file: \
         `depends on ID`, `no transaction`, `renamed from ID`. Above a statement: `allow data-loss`, \
         `skip`.";
    DN108 Error "two migrations with one id"
        "Two files have the same id (the file's name without `.sql` or `.up.sql`). The journal could not \
         tell them apart. Rename the one that was not applied anywhere yet.";

    DN201 Warning "schema is missing"
        "The statement refers to a schema that does not exist when it would run and that no pending \
         migration creates.";
    DN202 Warning "table is missing"
        "The statement refers to a table or view that does not exist when it would run and that no \
         pending migration creates.";
    DN203 Warning "column is missing"
        "The statement refers to a column that its table does not have when it would run, that no \
         pending migration adds and that no CREATE TABLE of the set declares. The operation is skipped \
         with all that depends on it, and is judged again when the schema or its file has changed.";
    DN204 Warning "function is missing"
        "The statement calls a function that does not exist with these arguments, neither in the \
         database nor in the set.";
    DN205 Warning "type is missing"
        "The statement uses a type, or a label of an enum, that does not exist and that no pending \
         migration creates.";
    DN206 Warning "no matching unique key"
        "A foreign key needs a unique key on exactly the columns it refers to, and ON CONFLICT needs a \
         unique index that can be inferred from its columns.";
    DN207 Warning "types cannot be compared"
        "The two sides of a foreign key have types for which PostgreSQL has no equality operator.";
    DN208 Warning "object is missing"
        "The statement refers to an object (sequence, index, constraint, trigger, role, extension …) \
         that does not exist and that no pending migration creates.";
    DN209 Warning "depends on a skipped operation"
        "The statement needs something that a skipped operation would have made. It runs once that \
         operation can.";
    DN210 Note "column or key ensured"
        "CREATE TABLE IF NOT EXISTS did nothing, since the table was there already without this column. \
         Dunlin adds what the declaration promises, so that what refers to it works.";
    DN211 Warning "column ensured as nullable"
        "The declaration says NOT NULL without a default, and the table has rows, which have no value \
         for the column. It was added as nullable: fill it, then SET NOT NULL.";
    DN212 Warning "two shapes of one object"
        "Two declarations of one table or column differ. The order of the files decides; make the later \
         one an ALTER TABLE, so that both agree.";
    DN213 Error "conflicting definition"
        "The object is there already with another definition. Both are shown. Decide which one is right: \
         change the statement, or change the object by a new migration.";
    DN214 Note "positional statement"
        "INSERT without a list of columns takes the table's order, and the table's order differs from \
         the one that the file assumes. Dunlin adds the list, so that no value lands in a wrong column.";
    DN215 Warning "something depends on it"
        "Without CASCADE, PostgreSQL refuses to drop what another object needs, and to change the type of a \
         column that a view, rule, policy or trigger uses. Drop that object first, or say CASCADE.";
    DN216 Warning "refused by PostgreSQL"
        "The statement contradicts itself or what is there, so that no server runs it: a column that is named \
         twice or like a system column, a table that would inherit from itself.";

    DN301 Error "circle"
        "Each of these operations needs what another one makes. No order works; the circle is printed \
         operation by operation. Break it, for example by adding the foreign key in a statement of its \
         own.";
    DN302 Note "moved"
        "The operation waits for a later one that makes what it needs, and runs right after it. The \
         order changes only where it must.";
    DN303 Note "below the newest applied"
        "The migration is new, but its version is lower than one that was applied already, as happens \
         after a merge. It runs, since it commutes with what was applied or needs nothing of it.";

    DN401 Note "rows are lost"
        "The statement removes rows or columns with data in them.";
    DN410 Warning "data change in doubt"
        "The migration is not recorded, but its schema changes were there before this run, so its data \
         change may have run as well. It is held, never repeated. `dunlin adopt ID` records it as done, \
         `dunlin skip ID#N` says that it shall never run.";
    DN411 Warning "overtaken"
        "The operation could run now, but it changes or removes something, and operations after it have \
         been applied. It is held: `dunlin adopt ID` or `dunlin skip ID#N` decide on it.";

    DN501 Warning "strong lock on a large table"
        "The statement holds a lock that blocks reads or writes for as long as it works. LOCK TABLE holds \
         it until the transaction ends. Each statement takes the lock that it needs by itself, and Dunlin \
         waits for locks for a short time only: leave LOCK TABLE out.";
    DN502 Warning "index built without CONCURRENTLY"
        "CREATE INDEX reads the whole table, and nobody can write to it until the index is built. CREATE \
         INDEX CONCURRENTLY takes longer and lets others write. It cannot run in a transaction: put it \
         into a migration of its own. A build that failed is dropped by Dunlin before it is tried again.";
    DN503 Warning "index dropped without CONCURRENTLY"
        "DROP INDEX needs a lock that waits for all users of the table, and everybody who comes later \
         waits behind it. DROP INDEX CONCURRENTLY does not keep others out; it cannot run in a \
         transaction.";
    DN504 Warning "REINDEX without CONCURRENTLY"
        "REINDEX keeps writers away from the table, and readers away from the index, until all is built. \
         REINDEX … CONCURRENTLY lets others work; it cannot run in a transaction.";
    DN505 Warning "foreign key checked under its lock"
        "ADD FOREIGN KEY looks up every row of the table while nobody can write to it or to the table \
         that it refers to. ADD … NOT VALID holds for new rows at once and looks at no old one; VALIDATE \
         CONSTRAINT, in a later migration, looks at the old ones and lets others write.";
    DN506 Warning "check constraint checked under its lock"
        "ADD CHECK reads the whole table while nobody can read or write it. ADD … NOT VALID holds for new \
         rows at once and looks at no old one; VALIDATE CONSTRAINT, in a later migration, looks at the \
         old ones and lets others work.";
    DN507 Warning "validated in the transaction that added it"
        "The point of NOT VALID is to look at the rows after the strong lock is gone. In one transaction \
         the lock is held until the end, so nothing is won. Validate in a later migration.";
    DN508 Warning "SET NOT NULL reads the table"
        "SET NOT NULL (and a primary key on a nullable column) looks for NULL in every row while nobody \
         can read or write the table. PostgreSQL skips that where a valid check says that the column is \
         not null: add CHECK (column IS NOT NULL) NOT VALID, validate it in a later migration, then SET \
         NOT NULL and drop the check.";
    DN509 Warning "key builds its index under its lock"
        "ADD PRIMARY KEY and ADD UNIQUE build their index while nobody can read or write the table. Build \
         it first by CREATE UNIQUE INDEX CONCURRENTLY, in a migration of its own, then ADD CONSTRAINT … \
         USING INDEX, which takes a moment.";
    DN510 Warning "exclusion constraint builds its index under its lock"
        "ADD EXCLUDE builds its index while nobody can read or write the table, and PostgreSQL has no \
         concurrent way. Choose a quiet time, or fill a new table that has the constraint from the start.";
    DN511 Warning "type change rewrites the table"
        "Most changes of a column's type write every row, and every index, anew while nobody can read or \
         write the table. Free are those that only widen: varchar to a longer one or to text, numeric to \
         a greater precision with the same scale, timestamp to more digits, and casts that only relabel. \
         With a CHECK on the column even these read the table once. Otherwise add a column of the new \
         type, fill it in batches, and change over.";
    DN512 Warning "new column rewrites the table"
        "A column whose value differs from row to row (a volatile default such as gen_random_uuid(), \
         serial, identity, a stored generated column, a domain with constraints) writes every row anew \
         while nobody can read or write the table. A constant default, or a stable one such as now(), \
         does not. Add the column without it, set the default for new rows, and fill the old ones in \
         batches.";
    DN513 Warning "new NOT NULL column without a default"
        "The rows that are there have no value for it: the statement fails as soon as the table has one. \
         Give a default (a constant costs nothing), or add the column nullable, fill it, and SET NOT \
         NULL.";
    DN514 Warning "table rewritten"
        "VACUUM FULL, CLUSTER, SET LOGGED, SET UNLOGGED, SET TABLESPACE and SET ACCESS METHOD write the \
         whole table and its indexes anew while nobody can use it, and need as much room again. Do it \
         apart from other migrations, in a quiet time.";
    DN515 Warning "REFRESH without CONCURRENTLY"
        "REFRESH MATERIALIZED VIEW keeps readers away until the query has run. With CONCURRENTLY they see \
         the old rows meanwhile; the view needs a unique index on plain columns for that.";
    DN516 Warning "partition is searched"
        "ATTACH PARTITION reads the new partition to see that its rows belong there, while nobody can use \
         it; a new partition beside a default one reads the default partition. A valid CHECK on the \
         partition key that says the same as the bounds (or, for the default partition, the opposite) \
         spares it.";
    DN517 Warning "partition detached without CONCURRENTLY"
        "DETACH PARTITION locks the whole partitioned table against everybody. DETACH PARTITION … \
         CONCURRENTLY lets others work; it cannot run in a transaction, nor where there is a default \
         partition.";
    DN518 Warning "several tables locked in one transaction"
        "A transaction that has locked one table and waits for another keeps everybody away from the \
         first meanwhile, and two of them can wait for each other. Change each table in a migration of \
         its own.";
    DN519 Warning "rows and table changed in one transaction"
        "UPDATE and DELETE take as long as there are rows, and a lock that ALTER TABLE takes in the same \
         transaction is held all that time. Put the change of the rows into a migration of its own.";
    DN520 Warning "UPDATE or DELETE without WHERE"
        "The statement changes every row: it leaves as many dead ones, keeps all of them locked until the \
         commit, and may not be what was meant. Say which rows; work in batches where there are many.";
    DN521 Warning "cannot run in a transaction"
        "The file puts a statement between BEGIN and COMMIT that cannot run in a transaction (CREATE \
         INDEX CONCURRENTLY, VACUUM, …). Dunlin cuts the transaction there, so what stands before it is \
         committed even if what follows fails. Move it out.";
    DN522 Warning "domain rule reads tables"
        "ALTER DOMAIN … ADD CONSTRAINT and SET NOT NULL look at every row of every table with a column of \
         the domain, while nobody can write to them. ADD … NOT VALID looks at none; validate it in a \
         later migration.";
    DN530 Warning "renamed under its clients"
        "Clients that run while the migration does, and those that are not changed yet, still use the old \
         name and fail. Let both names work for a while: a view under the old name, or a second column \
         kept equal by a trigger. Then change the clients, then drop the old name.";
    DN531 Warning "column dropped"
        "The values are gone for good, and clients that name the column, also by a list of all columns \
         that they keep, fail. Drop it after no client uses it. `-- dunlin: allow data-loss` above the \
         statement says that it is meant.";
    DN532 Warning "table dropped"
        "The rows are gone for good, and clients that use the table fail. Drop it after no client uses \
         it. `-- dunlin: allow data-loss` above the statement says that it is meant.";
    DN533 Warning "CASCADE takes along other objects"
        "What depends on the object goes as well, or is emptied as well, silently. The message says what \
         that is in the schema as it is then. Name each in a statement of its own, so that nothing goes \
         that was added since.";
    DN534 Warning "table emptied"
        "TRUNCATE removes all rows at once, and nobody can use the table until the commit. `-- dunlin: \
         allow data-loss` above the statement says that it is meant.";
    DN540 Note "table without a primary key"
        "Two equal rows of such a table cannot be told apart: not by UPDATE and DELETE, not by logical \
         replication, not by many tools.";
    DN541 Note "primary key runs out of numbers"
        "A sequence for an integer key ends at 2,147,483,647 (smallint: 32,767), counting also numbers \
         that were never used. A change to bigint later rewrites the table and all that refer to it. \
         bigint costs four bytes a row.";
    DN542 Note "foreign key without an index"
        "PostgreSQL makes no index for the referring side. Without one, each DELETE of a referenced row, \
         and each change of its key, reads the referring table through.";
    DN543 Note "char(n)"
        "Values are padded with spaces up to n; the spaces count in some comparisons and not in others. \
         It is not faster than text. Use text, with a CHECK on its length where that matters.";
    DN544 Note "timestamp without time zone"
        "It says what a clock showed and not where, so it is no point in time, and arithmetic over a \
         change to summer time is wrong. timestamptz takes no more room and is shown in the client's \
         zone.";
    DN545 Note "money"
        "What a value means depends on the setting lc_monetary of whoever reads it, and it has no \
         currency. Use numeric, and a column for the currency.";
    DN546 Note "serial"
        "serial is a default and a sequence with grants of its own, and the column can be given other \
         values by mistake. GENERATED … AS IDENTITY is the standard's form and belongs to the column.";
    DN547 Note "json"
        "json keeps the text as it came; it has no equality (so no DISTINCT, no GROUP BY) and no index. \
         jsonb has both. json is right only where the exact text matters.";
    DN548 Note "duplicate index"
        "An index with the same keys is there already. Each index costs every write and takes room; drop \
         one.";
    DN550 Warning "granted to PUBLIC"
        "PUBLIC is every role that there is and will be. Grant to a role instead, and that role to those \
         who need it. USAGE and CONNECT are not reported.";
    DN551 Warning "SECURITY DEFINER without search_path"
        "The function runs with its owner's rights, but names in it are looked up in the search_path of \
         its caller, who can put own objects before those that are meant. Add SET search_path = … to the \
         function, with pg_temp last.";
    DN552 Warning "row security switched off"
        "The table's policies count no more: whoever may read the table reads every row.";
    DN553 Warning "all triggers switched off"
        "DISABLE TRIGGER ALL and USER hold for every session until ENABLE TRIGGER, and ALL takes foreign \
         keys with it, so that rows can be left that no foreign key would allow.";
    DN554 Warning "concerns the whole server"
        "ALTER SYSTEM, CREATE DATABASE, tablespaces and the like are not part of one database, and a \
         migration runs once for each. Leave them to whoever sets the server up.";

    DN601 Note "edited: cosmetic"
        "The file's bytes changed after it was applied, but its statements are the same: comments or \
         white space. Nothing to do.";
    DN602 Warning "edited after it was applied"
        "The file's statements changed after it was applied. New statements that only add to the schema \
         run; changed or removed ones are reported and do not run. Put changes into a new migration.";
    DN603 Warning "file is missing"
        "The journal has a migration whose file is not there. If it was renamed, say \
         `-- dunlin: renamed from ID` in the new file.";
    DN604 Warning "interrupted"
        "An operation that cannot run in a transaction was started and its end was not recorded, and \
         the catalog does not tell whether it was done. Look at the database, then `dunlin adopt ID` or \
         `dunlin skip ID#N`.";
    DN605 Error "journal is newer"
        "A newer Dunlin wrote this journal. Use that version or a later one.";
    DN606 Error "schema is not Dunlin's"
        "The schema that is configured for the journal exists and holds tables that are not Dunlin's. \
         Choose another one with --journal-schema.";

    DN701 Error "schema differs from the contract"
        "The schema is not what the application expects.";
    DN702 Error "fresh and grown schema differ"
        "`dunlin check --converge` ran the set twice on empty databases: all migrations in one run, as a new \
         installation does, and one after the other, as a database that grew with the project did (each twice, \
         since runs are repeated). The schemas must be the same in the end. The message names the object and the \
         first migration from which on it differs.";

    DN801 Error "no connection"
        "The server could not be reached, or refused the login.";
    DN802 Error "lock not free"
        "Another Dunlin works on this database. Only one may. Wait for it, or use --lock-wait.";
    DN803 Error "privilege is missing"
        "The role that Dunlin works as may not do this. The message names the GRANT that is missing.";
    DN804 Error "server version"
        "Dunlin works with PostgreSQL 14 to 18.";
    DN805 Error "read-only"
        "Something is pending, and the server or the session is read-only (a standby?).";
    DN806 Error "transaction-pooling proxy"
        "The connection goes through a proxy that gives each transaction another server session. What \
         must run outside a transaction cannot run through it: give --direct-url.";
    DN807 Error "no server binaries"
        "--embedded needs PostgreSQL's server programs (initdb, postgres) on this machine. On Debian: \
         apt-get install postgresql. Or set DUNLIN_PG_BIN to the folder that holds them.";
    DN808 Error "operation failed"
        "The server refused a statement. Its transaction was rolled back, the error is in the journal, \
         and everything before it is kept. Fix the cause, then run `dunlin up` again.";
    DN809 Error "wrong usage or configuration"
        "The command line, the configuration file or the migrations folder is not usable as given.";
    DN810 Error "statement not allowed in a migration"
        "The statement would break the guarantees of the run (DISCARD, PREPARE TRANSACTION, a top-level \
         ROLLBACK, pg_advisory_unlock_all).";
    DN811 Error "server is out of something"
        "The server had no disk space, memory, connections or locks left, or a limit was reached. The transaction \
         was rolled back and everything before it is kept: the statement is not at fault. Give the server what it \
         lacks, then run `dunlin up` again.";
    DN812 Warning "publication takes the journal along"
        "A publication FOR ALL TABLES (or of the journal's schema) publishes Dunlin's own tables as well. A \
         subscriber that does not have them stops with an error. Make them there first: \
         `pg_dump --schema-only --schema=dunlin` of this database, run on the subscriber.";
    DN813 Warning "row security hides rows"
        "The statement changes or reads rows of a table whose row security holds for the role that runs it: it does \
         not see all rows, and says nothing. Run it as the owner, as a role with BYPASSRLS, or put \
         `SET row_security = off` before it, which makes it an error instead.";
    DN814 Warning "others hold locks"
        "A session or a prepared transaction holds a lock on a table that the plan has to lock. Dunlin waits for it \
         in short tries, so that others do not wait behind Dunlin. End it, or let `dunlin up --cancel-blockers` \
         cancel what it may.";
}

impl Code {
    /// Looks up what is known about the code.
    pub fn info(self) -> &'static CodeInfo {
        &CODES[self as usize]
    }

    /// Reads a code as a user types it (`DN203`, `dn203`, `203`).
    pub fn parse(text: &str) -> Option<Code> {
        let digits = text.trim().to_ascii_uppercase();
        let digits = digits.strip_prefix("DN").unwrap_or(&digits);
        CODES.iter().map(|info| info.code).find(|code| &code.as_str()[2..] == digits)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_own_name() {
        for info in CODES {
            assert_eq!(Code::parse(info.code.as_str()), Some(info.code));
            assert_eq!(info.code.info().title, info.title);
        }
        assert_eq!(Code::parse("dn203"), Some(Code::DN203));
        assert_eq!(Code::parse("DN999"), None);
    }

    /// The page of the documentation, made from the table.
    fn page() -> String {
        let mut page = String::from(
            "# Diagnostics\n\n\
             Every diagnostic has a code that never changes its meaning. `dunlin explain CODE` prints what stands here;\n\
             `dunlin explain` lists all. The severity is the usual one: `check` and policies can raise it.\n\n\
             <!-- Made from crates/dunlin/src/diagnostic/codes.rs: DUNLIN_WRITE_DOCS=1 cargo test -p dunlin codes -->\n",
        );
        let mut group = ' ';
        for info in CODES {
            let hundred = info.code.as_str().chars().nth(2).unwrap();
            if hundred != group {
                group = hundred;
                page += &format!("\n## DN{group}xx: {}\n", group_title(group));
            }
            let severity = format!("{:?}", info.severity).to_lowercase();
            page += &format!("\n### {}: {} ({severity})\n\n{}\n", info.code, info.title, info.explanation);
        }
        page
    }

    fn group_title(group: char) -> &'static str {
        match group {
            '1' => "the text of the files",
            '2' => "what statements refer to",
            '3' => "order",
            '4' => "data",
            '5' => "locks and hazards",
            '6' => "history",
            '7' => "contract and drift",
            '8' => "surroundings",
            other => panic!("the group DN{other}xx has no title"),
        }
    }

    #[test]
    fn the_page_of_the_documentation_is_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/diagnostics.md");
        if std::env::var_os("DUNLIN_WRITE_DOCS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == page(), "docs/diagnostics.md is old: run this test with DUNLIN_WRITE_DOCS=1");
    }
}
