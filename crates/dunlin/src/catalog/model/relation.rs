//! What lives in `pg_class`.

use super::{Attached, Column, ColumnNumber, Constraint, Dependency, Expr, Id, Origin, Trigger};

/// One key of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexKey {
    /// The column, when the key is a plain column.
    pub column: Option<ColumnNumber>,
    /// The expression otherwise.
    pub expression: Option<Expr>,
    /// Operator class, when not the default.
    pub opclass: Option<String>,
    /// Collation, when not the column's.
    pub collation: Option<String>,
    /// DESC.
    pub descending: bool,
    /// NULLS FIRST.
    pub nulls_first: bool,
}

/// An index's own facts; its name and schema are its [`Relation`]'s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The table.
    pub table: Id,
    /// Whether it is UNIQUE.
    pub unique: bool,
    /// NULLS NOT DISTINCT.
    pub nulls_not_distinct: bool,
    /// Whether it carries a PRIMARY KEY.
    pub primary: bool,
    /// `indisvalid`.
    pub valid: bool,
    /// False for the index of a DEFERRABLE constraint.
    pub immediate: bool,
    /// Access method, such as `btree`.
    pub method: String,
    /// Its keys in order.
    pub keys: Vec<IndexKey>,
    /// INCLUDE columns.
    pub include: Vec<ColumnNumber>,
    /// The WHERE of a partial index.
    pub predicate: Option<Expr>,
    /// Every column that keys, included columns, expressions and predicate use.
    pub uses: Vec<ColumnNumber>,
    /// `pg_get_indexdef`, where the server was asked.
    pub definition: Option<String>,
}

/// A sequence's own facts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sequence {
    /// The column that owns it.
    pub owned_by: Option<(Id, ColumnNumber)>,
    /// Whether it is the sequence of an identity column.
    pub identity: bool,
    /// Type, start, increment, minimum, maximum, cache, cycle as text, where known.
    pub definition: Option<String>,
}

/// The kinds of what lives in `pg_class`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelationKind {
    /// An ordinary table.
    Table,
    /// A partitioned table.
    PartitionedTable,
    /// A foreign table.
    ForeignTable,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// An index.
    Index(Box<Index>),
    /// A sequence.
    Sequence(Sequence),
    /// A composite type made by CREATE TYPE … AS (…).
    Composite,
}

impl RelationKind {
    /// Names the kind as PostgreSQL's messages do.
    pub fn noun(&self) -> &'static str {
        match self {
            RelationKind::Table | RelationKind::PartitionedTable => "table",
            RelationKind::ForeignTable => "foreign table",
            RelationKind::View => "view",
            RelationKind::MaterializedView => "materialized view",
            RelationKind::Index(_) => "index",
            RelationKind::Sequence(_) => "sequence",
            RelationKind::Composite => "composite type",
        }
    }
}

/// Anything that lives in `pg_class`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its schema.
    pub schema: Id,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: RelationKind,
    /// The role that owns it; empty where unknown.
    pub owner: String,
    /// `p` permanent, `u` unlogged, `t` temporary, as in `relpersistence`.
    pub persistence: char,
    /// Its columns by number.
    pub columns: Vec<Column>,
    /// False where columns could not be worked out (a view over something unknown).
    pub columns_known: bool,
    /// Its constraints.
    pub constraints: Vec<Constraint>,
    /// Its triggers, internal ones left out.
    pub triggers: Vec<Trigger>,
    /// Its row security policies.
    pub policies: Vec<Attached>,
    /// Its rules, a view's `_RETURN` left out.
    pub rules: Vec<Attached>,
    /// Parent tables: inheritance and partitioning.
    pub parents: Vec<Id>,
    /// `pg_get_partkeydef` of a partitioned table.
    pub partition_key: Option<String>,
    /// The columns of the partition key.
    pub partition_columns: Vec<ColumnNumber>,
    /// `FOR VALUES …` of a partition.
    pub partition_bound: Option<String>,
    /// The query of a view or materialized view, as the server or the file writes it.
    pub query: Option<super::ViewQuery>,
    /// What a view's query needs.
    pub depends: Vec<Dependency>,
    /// Row security: enabled, forced.
    pub row_security: (bool, bool),
    /// The type of a typed table (`CREATE TABLE … OF`), or none.
    pub of_type: Option<Id>,
    /// ON COMMIT DROP, where this session made it.
    pub dropped_at_commit: bool,
    /// Storage parameters (`reloptions`), sorted.
    pub options: Vec<String>,
    /// Size of the main fork in bytes, when read from a server.
    pub bytes: u64,
    /// Whether it holds rows; none when not known.
    pub has_rows: Option<bool>,
    /// The extension that it belongs to.
    pub extension: Option<String>,
    /// Who made it.
    pub origin: Origin,
}

impl Relation {
    /// Makes a relation without columns.
    pub fn new(schema: Id, name: impl Into<String>, kind: RelationKind) -> Relation {
        Relation {
            schema,
            name: name.into(),
            kind,
            owner: String::new(),
            persistence: 'p',
            columns: Vec::new(),
            columns_known: true,
            constraints: Vec::new(),
            triggers: Vec::new(),
            policies: Vec::new(),
            rules: Vec::new(),
            parents: Vec::new(),
            partition_key: None,
            partition_columns: Vec::new(),
            partition_bound: None,
            query: None,
            depends: Vec::new(),
            row_security: (false, false),
            of_type: None,
            dropped_at_commit: false,
            options: Vec::new(),
            bytes: 0,
            has_rows: Some(false),
            extension: None,
            origin: Origin::Live,
        }
    }

    /// Finds a column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Finds a column by number.
    pub fn column_numbered(&self, number: ColumnNumber) -> Option<&Column> {
        self.columns.iter().find(|column| column.number == number)
    }

    /// Finds a constraint by name.
    pub fn constraint(&self, name: &str) -> Option<&Constraint> {
        self.constraints.iter().find(|constraint| constraint.name == name)
    }

    /// Gives the number that the next column gets.
    pub fn next_number(&self) -> ColumnNumber {
        self.columns.iter().map(|column| column.number).max().unwrap_or(0) + 1
    }

    /// The names of columns, for numbers; unknown numbers are left out.
    pub fn names(&self, numbers: &[ColumnNumber]) -> Vec<String> {
        numbers
            .iter()
            .filter_map(|number| self.column_numbered(*number))
            .map(|column| column.name.clone())
            .collect()
    }

    /// Whether it is a table that ALTER TABLE … ADD COLUMN works on directly.
    pub fn is_table(&self) -> bool {
        matches!(self.kind, RelationKind::Table | RelationKind::PartitionedTable)
    }

    /// Whether rows can be selected from it.
    pub fn is_queryable(&self) -> bool {
        !matches!(self.kind, RelationKind::Index(_) | RelationKind::Composite)
    }

    /// Its index facts, if it is an index.
    pub fn index(&self) -> Option<&Index> {
        match &self.kind {
            RelationKind::Index(index) => Some(index),
            _ => None,
        }
    }
}
