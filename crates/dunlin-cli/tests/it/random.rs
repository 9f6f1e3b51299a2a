//! Random sets of files with dependencies: whatever the order of the files, the database comes out the same, and the
//! same as when psql runs the statements in the order in which they were thought of.
//!
//! A set begins as a list of statements that psql accepts. They are dealt out to 4 to 6 files: to each a run of
//! statements, so that psql accepts the files as well, or to any file, so that the files need each other in part. Then
//! the files are numbered in several orders. Every statement is of a kind that may wait. Data never depends on the
//! order: each file writes rows of its own, changes only these, and refers to none but these.
//!
//! `DUNLIN_TEST_SETS=5000` tries more sets than the 200 of every run, `DUNLIN_TEST_SEED=7` others.

use crate::messy::pool::Pooled;
use crate::messy::world::{difference, state};
use dunlin_testkit::{Folder, Program};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::fmt::Write as _;

/// What a set is made from; smaller values make simpler sets.
#[derive(Debug, Clone)]
struct Genes {
    statements: Vec<[u8; 4]>,
    files: usize,
    scattered: bool,
    shuffles: [u64; 2],
}

fn genes() -> impl Strategy<Value = Genes> {
    (vec(any::<[u8; 4]>(), 12..40), 4..=6usize, any::<bool>(), any::<[u64; 2]>())
        .prop_map(|(statements, files, scattered, shuffles)| Genes { statements, files, scattered, shuffles })
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Number,
    Words,
    /// Words that differ from row to row.
    Unique,
    /// The id of a row in the table with this number.
    Reference(usize),
    /// An enum; its labels are `low` and `high`.
    Level,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    kind: Kind,
    /// A reference with a foreign key, a unique column with its index.
    has_key: bool,
}

#[derive(Debug, Default)]
struct Table {
    name: String,
    columns: Vec<Column>,
    /// (file, id, its unique words) of each row.
    rows: Vec<(usize, u32)>,
}

/// Statements so far, and what they have made.
#[derive(Default)]
struct Writer {
    tables: Vec<Table>,
    views: Vec<String>,
    enums: usize,
    functions: usize,
    count: u32,
    statements: Vec<(usize, String)>,
}

impl Writer {
    fn of(genes: &Genes) -> Writer {
        let mut writer = Writer::default();
        for (at, gene) in genes.statements.iter().enumerate() {
            let file = if genes.scattered {
                usize::from(gene[3]) % genes.files
            } else {
                at * genes.files / genes.statements.len()
            };
            let sql = writer.statement(file, *gene);
            writer.statements.push((file, sql));
        }
        writer
    }

    /// Writes one statement for a file; a table or a row where the gene asks for what cannot be yet.
    fn statement(&mut self, file: usize, [kind, one, two, _]: [u8; 4]) -> String {
        self.count += 1;
        let (one, two) = (usize::from(one), usize::from(two));
        let written = match kind % 26 {
            0 => None,
            1..=6 => self.add_column(one, two),
            7 => self.index(one, two),
            8..=9 => self.unique_index(one).or_else(|| self.add_column(one, 5)),
            10..=11 => self.foreign_key(one).or_else(|| self.add_column(one, 6 + two * 8)),
            12..=13 => self.view(one, two),
            14..=17 => self.insert(file, one, two),
            18..=19 => self.update(file, one, two),
            20..=21 => self.insert_on_conflict(file, one),
            22 => self.comment(one, two),
            23 => self.check(one, two),
            24 => Some(self.create_enum()),
            _ => Some(self.create_function()),
        };
        let enough =
            if written.is_none() && self.tables.len() >= 3 { self.insert(file, one, two) } else { None };
        written.or(enough).unwrap_or_else(|| self.create_table(one, two))
    }

    fn table(&self, choice: usize) -> Option<usize> {
        (!self.tables.is_empty()).then(|| choice % self.tables.len())
    }

    fn create_table(&mut self, one: usize, two: usize) -> String {
        let name = format!("t{}", self.tables.len());
        let mut sql = format!("create table {name} (id int primary key, a int, name text");
        let column = |name: &str, kind| Column { name: name.to_owned(), kind, has_key: false };
        let mut columns = vec![column("a", Kind::Number), column("name", Kind::Words)];
        if let (Some(target), 0 | 1) = (self.table(one), two % 3) {
            write!(sql, ", parent int constraint {name}_parent references {} (id)", self.tables[target].name)
                .unwrap();
            columns.push(Column { has_key: true, ..column("parent", Kind::Reference(target)) });
        }
        self.tables.push(Table { name, columns, rows: Vec::new() });
        sql + ")"
    }

    fn add_column(&mut self, one: usize, two: usize) -> Option<String> {
        let table = self.table(one)?;
        let number = self.count;
        let name = format!("c{number}");
        let target = (two / 8) % self.tables.len();
        let (kind, text) = match two % 8 {
            0 => (Kind::Number, "int".to_owned()),
            1 => (Kind::Number, format!("int not null default {number}")),
            2 => (Kind::Words, "text default 'none'".to_owned()),
            3 if self.enums > 0 => (Kind::Level, format!("e{}", target % self.enums)),
            4 if self.functions > 0 => (Kind::Number, format!("int default f{}()", target % self.functions)),
            5 => (Kind::Unique, "text".to_owned()),
            6 => (Kind::Reference(target), "int".to_owned()),
            7 => {
                let text = format!("int constraint {name}_key references {} (id)", self.tables[target].name);
                (Kind::Reference(target), text)
            }
            _ => (Kind::Words, "varchar(40)".to_owned()),
        };
        let has_key = two % 8 == 7;
        self.tables[table].columns.push(Column { name: name.clone(), kind, has_key });
        Some(format!("alter table {} add column {name} {text}", self.tables[table].name))
    }

    fn index(&self, one: usize, two: usize) -> Option<String> {
        let table = &self.tables[self.table(one)?];
        let column = &table.columns[two % table.columns.len()].name;
        Some(match two % 3 {
            0 => format!("create index i{} on {} ({column}, id)", self.count, table.name),
            1 => format!("create index i{} on {} (id) include ({column})", self.count, table.name),
            _ => format!("create index i{} on {} (a) where {column} is not null", self.count, table.name),
        })
    }

    /// Gives a column of a kind that has no key yet, or has one.
    fn column(&self, choice: usize, has_key: bool, fits: impl Fn(&Kind) -> bool) -> Option<(usize, usize)> {
        let all = self.tables.iter().enumerate().flat_map(|(table, columns)| {
            columns.columns.iter().enumerate().map(move |(at, column)| (table, at, column))
        });
        let fitting: Vec<_> =
            all.filter(|(.., column)| column.has_key == has_key && fits(&column.kind)).collect();
        let (table, at, _) = fitting.get(choice.checked_rem(fitting.len())?)?;
        Some((*table, *at))
    }

    fn unique_index(&mut self, one: usize) -> Option<String> {
        let (table, at) = self.column(one, false, |kind| *kind == Kind::Unique)?;
        self.tables[table].columns[at].has_key = true;
        let column = &self.tables[table].columns[at].name;
        Some(format!("create unique index u{} on {} ({column})", self.count, self.tables[table].name))
    }

    fn foreign_key(&mut self, one: usize) -> Option<String> {
        let (table, at) = self.column(one, false, |kind| matches!(kind, Kind::Reference(_)))?;
        self.tables[table].columns[at].has_key = true;
        let (column, number) = (self.tables[table].columns[at].clone(), self.count);
        let Kind::Reference(target) = column.kind else { return None };
        let (name, target) = (&self.tables[table].name, &self.tables[target].name);
        Some(format!(
            "alter table {name} add constraint k{number} foreign key ({}) references {target} (id)",
            column.name
        ))
    }

    fn view(&mut self, one: usize, two: usize) -> Option<String> {
        let table = &self.tables[self.table(one)?];
        let column = &table.columns[two % table.columns.len()].name;
        let name = format!("v{}", self.count);
        let sql = match two % 4 {
            0 if !self.views.is_empty() => {
                format!("select id, y from {}", self.views[one % self.views.len()])
            }
            1 => {
                let other = &self.tables[two % self.tables.len()];
                let last = &other.columns.last()?.name;
                format!(
                    "select x.id, z.{last} as y from {} x join {} z on z.id = x.a",
                    table.name, other.name
                )
            }
            _ => format!("select id, {column} as y from {} where {column} is not null", table.name),
        };
        self.views.push(name.clone());
        Some(format!("create view {name} as {sql}"))
    }

    /// Gives a value for a column in a row of a file; none where a reference has no row of that file to refer to.
    fn value(&self, file: usize, column: &Column, choice: usize) -> Option<String> {
        Some(match column.kind {
            Kind::Number => (choice % 100).to_string(),
            Kind::Words => format!("'w{choice}'"),
            Kind::Unique => format!("'u{}'", self.count),
            Kind::Level => ["'low'", "'high'"][choice % 2].to_owned(),
            Kind::Reference(target) => {
                let own: Vec<u32> =
                    self.tables[target].rows.iter().filter(|row| row.0 == file).map(|row| row.1).collect();
                own.get(choice.checked_rem(own.len())?)?.to_string()
            }
        })
    }

    fn insert(&mut self, file: usize, one: usize, two: usize) -> Option<String> {
        let at = self.table(one)?;
        let id = self.count;
        let (mut names, mut values) = ("id".to_owned(), id.to_string());
        for (index, column) in self.tables[at].columns.iter().enumerate() {
            let wanted = (two >> (index % 8)) & 1 == 1 || column.kind == Kind::Unique;
            if let (true, Some(value)) = (wanted, self.value(file, column, two + index)) {
                write!(names, ", {}", column.name).unwrap();
                write!(values, ", {value}").unwrap();
            }
        }
        self.tables[at].rows.push((file, id));
        Some(format!("insert into {} ({names}) values ({values})", self.tables[at].name))
    }

    fn update(&self, file: usize, one: usize, two: usize) -> Option<String> {
        let rows: Vec<(usize, u32)> = self
            .tables
            .iter()
            .enumerate()
            .flat_map(|(table, rows)| {
                rows.rows.iter().filter(|row| row.0 == file).map(move |row| (table, row.1))
            })
            .collect();
        let (table, id) = *rows.get(one.checked_rem(rows.len())?)?;
        let table = &self.tables[table];
        let column = &table.columns[two % table.columns.len()];
        if column.kind == Kind::Unique {
            return None; // its values come from the rows' ids
        }
        let value = self.value(file, column, two)?;
        Some(format!("update {} set {} = {value} where id = {id}", table.name, column.name))
    }

    /// Writes a row and, in the same statement's file, never another one with its key: the second is given up.
    fn insert_on_conflict(&mut self, file: usize, one: usize) -> Option<String> {
        let (table, at) = self.column(one, true, |kind| *kind == Kind::Unique)?;
        let (id, column) = (self.count, self.tables[table].columns[at].name.clone());
        let table = &mut self.tables[table];
        table.rows.push((file, id));
        let insert = |id: u32, key: u32| {
            format!(
                "insert into {} (id, {column}) values ({id}, 'u{key}') on conflict ({column}) do nothing",
                table.name
            )
        };
        Some(insert(id, id) + ";\n" + &insert(id + 1_000_000, id))
    }

    fn comment(&self, one: usize, two: usize) -> Option<String> {
        let table = &self.tables[self.table(one)?];
        let column = &table.columns[two % table.columns.len()].name;
        // A comment replaces the one before it, so each says the same.
        Some(format!("comment on column {}.{column} is 'a column'", table.name))
    }

    fn check(&self, one: usize, two: usize) -> Option<String> {
        let table = &self.tables[self.table(one)?];
        let column = &table.columns[two % table.columns.len()].name;
        Some(format!(
            "alter table {} add constraint h{} check ({column} is null or id > 0)",
            table.name, self.count
        ))
    }

    fn create_enum(&mut self) -> String {
        self.enums += 1;
        format!("create type e{} as enum ('low', 'high')", self.enums - 1)
    }

    fn create_function(&mut self) -> String {
        self.functions += 1;
        let number = self.count;
        format!(
            "create function f{}() returns int language sql immutable as 'select {number}'",
            self.functions - 1
        )
    }

    /// Gives all statements in the order in which they were thought of.
    fn script(&self) -> String {
        self.statements.iter().fold(String::new(), |script, (_, sql)| script + sql + ";\n")
    }

    /// Gives the folder with the files in an order.
    fn folder(&self, order: &[usize]) -> Folder {
        let folder = Folder::new(&[]);
        for (place, file) in order.iter().enumerate() {
            let own = self.statements.iter().filter(|(of, _)| of == file);
            let text = own.fold(String::new(), |text, (_, sql)| text + sql + ";\n");
            folder.write(&format!("{:04}_file{file}.sql", place + 1), text);
        }
        folder
    }
}

/// Gives the orders to try: the files turned round, and two that chance gives.
fn orders(genes: &Genes) -> Vec<Vec<usize>> {
    let in_order: Vec<usize> = (0..genes.files).collect();
    let shuffled = |seed: u64| {
        let (mut order, mut rest) = (in_order.clone(), seed);
        for at in (1..order.len()).rev() {
            let places = at as u64 + 1;
            order.swap(at, usize::try_from(rest % places).unwrap());
            rest /= places;
        }
        order
    };
    let mut orders = vec![in_order.iter().rev().copied().collect()];
    orders.extend(genes.shuffles.map(shuffled));
    orders.sort();
    orders.dedup();
    orders
}

async fn try_set(genes: &Genes) -> Result<(), TestCaseError> {
    let writer = Writer::of(genes);
    let expected = Pooled::take().await;
    let script = Folder::new(&[("script.sql", &writer.script())]);
    // What psql does not accept is a fault of this test, not of Dunlin.
    expected.psql(script.path().join("script.sql")).expect(0);
    let expected = state(&expected).await;
    for order in orders(genes) {
        let folder = writer.folder(&order);
        let database = Pooled::take().await;
        let dunlin = Program::new(env!("CARGO_BIN_EXE_dunlin"))
            .env("DATABASE_URL", database.url())
            .always("-m")
            .always(folder.path().to_str().unwrap());
        for (run, outcome) in ["applied", "nothing"].into_iter().enumerate() {
            let output = dunlin.run(&["up", "--format", "json"]);
            let reported = serde_json::from_str::<serde_json::Value>(&output.stdout).unwrap_or_default();
            let wrong = match difference(&expected, &state(&database).await) {
                _ if output.code != 0 => Some(format!("exit code {}", output.code)),
                _ if reported["outcome"] != outcome => Some(format!("outcome {}", reported["outcome"])),
                difference => difference,
            };
            if let Some(wrong) = wrong {
                return Err(TestCaseError::fail(format!(
                    "run {}: {wrong}\n--- dunlin\n{}{}\n--- files\n{}",
                    run + 1,
                    output.stdout,
                    output.stderr,
                    shown(&folder)
                )));
            }
            if order != orders(genes)[0] {
                break; // a second run of one order is enough
            }
        }
    }
    Ok(())
}

/// Gives the folder of a set, in the order in which its statements were thought of or in another.
pub(crate) fn any_folder(seed: u64) -> Folder {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let genes = genes().new_tree(&mut runner).unwrap().current();
    let orders = orders(&genes);
    let order = usize::try_from(seed).unwrap_or(0) % orders.len();
    Writer::of(&genes).folder(&orders[order])
}

pub(crate) fn shown(folder: &Folder) -> String {
    let mut files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().flatten().map(|file| file.file_name()).collect();
    files.sort();
    files.iter().fold(String::new(), |text, name| {
        let name = name.to_str().unwrap();
        format!("{text}-- {name}\n{}", folder.read(name))
    })
}

/// Tries a quarter of the sets: tests run side by side.
#[expect(clippy::disallowed_methods, reason = "who runs the tests may ask for more of them")]
fn try_sets(quarter: u8) {
    let variable = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u32>().unwrap());
    let cases = variable("DUNLIN_TEST_SETS").unwrap_or(200).div_ceil(4);
    let mut seed = [quarter; 32];
    seed[..4].copy_from_slice(&variable("DUNLIN_TEST_SEED").unwrap_or(1).to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Err(error) = runner.run(&genes(), |genes| runtime.block_on(try_set(&genes))) {
        panic!("{error}");
    }
}

/// A person relies on: the order of the files' numbers, an accident of branches and merges, does not decide what is in
/// the database.
#[test]
fn the_order_of_the_files_does_not_matter_1() {
    try_sets(1);
}

/// See [`the_order_of_the_files_does_not_matter_1`].
#[test]
fn the_order_of_the_files_does_not_matter_2() {
    try_sets(2);
}

/// See [`the_order_of_the_files_does_not_matter_1`].
#[test]
fn the_order_of_the_files_does_not_matter_3() {
    try_sets(3);
}

/// See [`the_order_of_the_files_does_not_matter_1`].
#[test]
fn the_order_of_the_files_does_not_matter_4() {
    try_sets(4);
}
