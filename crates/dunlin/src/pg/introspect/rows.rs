//! The rows of PostgreSQL's catalogs that a [`Catalog`](crate::catalog::Catalog) is made of.

use tokio_postgres::{Error, Row};

/// An object identifier of the server.
pub(super) type Oid = u32;

/// A row of `pg_namespace`.
pub(super) struct SchemaRow {
    pub(super) oid: Oid,
    pub(super) name: String,
    pub(super) owner: Oid,
    pub(super) own_temporary: bool,
}

/// A row of `pg_class`.
pub(super) struct RelationRow {
    pub(super) oid: Oid,
    pub(super) name: String,
    pub(super) schema: Oid,
    pub(super) kind: char,
    pub(super) owner: Oid,
    pub(super) persistence: char,
    pub(super) row_security: (bool, bool),
    pub(super) of_type: Oid,
    pub(super) row_type: Oid,
    pub(super) options: Option<Vec<String>>,
    pub(super) bound: Option<String>,
    /// The size now, where it was measured.
    pub(super) bytes: Option<i64>,
    /// The size when the table was last vacuumed or analysed.
    pub(super) estimated_bytes: i64,
}

/// A row of `pg_attribute`.
pub(super) struct ColumnRow {
    pub(super) relation: Oid,
    pub(super) number: i16,
    pub(super) name: String,
    pub(super) ty: Oid,
    pub(super) modifier: i32,
    pub(super) not_null: bool,
    pub(super) identity: char,
    pub(super) generated: char,
    pub(super) collation: Oid,
    pub(super) inherited: bool,
    pub(super) local: bool,
    pub(super) formatted: Option<String>,
    pub(super) storage: char,
    /// Privileges, options, statistics target and compression, where it has any of them.
    pub(super) details: Option<Vec<Option<String>>>,
}

/// A row of `pg_attrdef`.
pub(super) struct DefaultRow {
    pub(super) oid: Oid,
    pub(super) relation: Oid,
    pub(super) column: i16,
    pub(super) text: String,
}

/// A row of `pg_constraint`.
pub(super) struct ConstraintRow {
    pub(super) oid: Oid,
    pub(super) name: String,
    pub(super) relation: Oid,
    pub(super) domain: Oid,
    pub(super) kind: char,
    pub(super) columns: Vec<i16>,
    pub(super) index: Oid,
    pub(super) referenced: Oid,
    pub(super) referenced_columns: Vec<i16>,
    pub(super) on_delete: char,
    pub(super) on_update: char,
    pub(super) matching: char,
    pub(super) deferrable: bool,
    pub(super) deferred: bool,
    pub(super) validated: bool,
    pub(super) enforced: bool,
    pub(super) inherited: bool,
    pub(super) local: bool,
    pub(super) no_inherit: bool,
    pub(super) parent: Oid,
    pub(super) expression: Option<String>,
    pub(super) definition: Option<String>,
}

/// A row of `pg_index`.
pub(super) struct IndexRow {
    pub(super) relation: Oid,
    pub(super) table: Oid,
    pub(super) unique: bool,
    pub(super) nulls_not_distinct: bool,
    pub(super) primary: bool,
    pub(super) valid: bool,
    pub(super) immediate: bool,
    pub(super) method: String,
    pub(super) key_count: i16,
    pub(super) columns: Vec<i16>,
    pub(super) opclasses: Vec<Oid>,
    pub(super) collations: Vec<Oid>,
    pub(super) options: Vec<i16>,
    /// Every key as text, where one of them is an expression.
    pub(super) expressions: Option<Vec<String>>,
    pub(super) predicate: Option<String>,
    /// Where the other columns do not tell all.
    pub(super) definition: Option<String>,
}

/// A row of `pg_sequence`.
pub(super) struct SequenceRow {
    pub(super) relation: Oid,
    pub(super) ty: Oid,
    pub(super) start: i64,
    pub(super) increment: i64,
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) cache: i64,
    pub(super) cycle: bool,
}

/// A row of `pg_rewrite`.
pub(super) struct RuleRow {
    pub(super) oid: Oid,
    pub(super) relation: Oid,
    pub(super) name: String,
    pub(super) of_view: bool,
    pub(super) definition: Option<String>,
}

/// A row of `pg_trigger`.
pub(super) struct TriggerRow {
    pub(super) oid: Oid,
    pub(super) relation: Oid,
    pub(super) name: String,
    pub(super) function: Oid,
    pub(super) columns: Vec<i16>,
    pub(super) above: Option<String>,
    pub(super) row: bool,
    pub(super) definition: Option<String>,
}

/// A row of `pg_policy`.
pub(super) struct PolicyRow {
    pub(super) oid: Oid,
    pub(super) relation: Oid,
    pub(super) name: String,
    pub(super) permissive: bool,
    pub(super) command: char,
    pub(super) roles: Vec<Oid>,
    pub(super) using: Option<String>,
    pub(super) check: Option<String>,
}

/// A row of `pg_partitioned_table`.
pub(super) struct PartitionedRow {
    pub(super) relation: Oid,
    pub(super) columns: Vec<i16>,
    pub(super) key: Option<String>,
}

/// A row of `pg_type`.
pub(super) struct TypeRow {
    pub(super) oid: Oid,
    pub(super) name: String,
    pub(super) schema: Oid,
    pub(super) kind: char,
    pub(super) element: Oid,
    pub(super) array: Oid,
    pub(super) relation: Oid,
    pub(super) collation: Oid,
    pub(super) base: Oid,
    pub(super) modifier: i32,
    pub(super) not_null: bool,
    pub(super) default: Option<String>,
    pub(super) formatted: Option<String>,
    pub(super) storage: char,
}

/// A row of `pg_proc`.
pub(super) struct FunctionRow {
    pub(super) oid: Oid,
    pub(super) name: String,
    pub(super) schema: Oid,
    pub(super) kind: char,
    pub(super) inputs: Vec<Oid>,
    pub(super) all_types: Option<Vec<Oid>>,
    pub(super) modes: Option<Vec<i8>>,
    pub(super) names: Option<Vec<String>>,
    pub(super) defaults: i32,
    pub(super) result: Oid,
    pub(super) returns_set: bool,
    pub(super) language: String,
    pub(super) body: Option<String>,
    pub(super) volatility: char,
    pub(super) variadic: bool,
}

/// A row of `pg_depend`.
pub(super) struct DependRow {
    pub(super) class: Oid,
    pub(super) object: Oid,
    pub(super) sub: i32,
    pub(super) on_class: Oid,
    pub(super) on_object: Oid,
    pub(super) on_sub: i32,
    pub(super) kind: char,
}

/// A name of one of the small classes.
pub(super) struct NameRow {
    pub(super) class: String,
    pub(super) oid: Oid,
    pub(super) name: String,
    pub(super) schema: Option<Oid>,
    pub(super) detail: Option<String>,
}

/// An object that is kept by class and name only.
pub(super) struct OtherRow {
    pub(super) class: String,
    pub(super) catalog: Oid,
    pub(super) oid: Oid,
    pub(super) schema: Option<Oid>,
    pub(super) name: String,
    pub(super) types: Vec<Oid>,
    pub(super) of: Option<String>,
}

/// A property that an object has beside its definition.
pub(super) struct DetailRow {
    pub(super) class: Oid,
    pub(super) object: Oid,
    pub(super) sub: i32,
    pub(super) detail: String,
    pub(super) value: String,
}

/// All rows of one snapshot.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) schemas: Vec<SchemaRow>,
    pub(super) relations: Vec<RelationRow>,
    pub(super) columns: Vec<ColumnRow>,
    pub(super) defaults: Vec<DefaultRow>,
    pub(super) constraints: Vec<ConstraintRow>,
    pub(super) indexes: Vec<IndexRow>,
    pub(super) sequences: Vec<SequenceRow>,
    pub(super) rules: Vec<RuleRow>,
    pub(super) triggers: Vec<TriggerRow>,
    pub(super) policies: Vec<PolicyRow>,
    pub(super) parents: Vec<(Oid, Oid)>,
    pub(super) partitioned: Vec<PartitionedRow>,
    pub(super) types: Vec<TypeRow>,
    pub(super) labels: Vec<(Oid, String)>,
    pub(super) functions: Vec<FunctionRow>,
    pub(super) depends: Vec<DependRow>,
    pub(super) members: Vec<(Oid, Oid, String)>,
    pub(super) names: Vec<NameRow>,
    pub(super) others: Vec<OtherRow>,
    pub(super) details: Vec<DetailRow>,
}

impl Rows {
    /// Puts into the order in which they were made what comes as it lies: to have the server sort, or read by an
    /// index, costs more.
    pub(super) fn sort(&mut self) {
        self.relations.sort_by_key(|row| row.oid);
        self.types.sort_by_key(|row| row.oid);
        self.constraints.sort_by_key(|row| row.oid);
        self.triggers.sort_by_key(|row| row.oid);
    }
}

/// Reads a value of the internal type `"char"`.
fn letter(row: &Row, index: usize) -> Result<char, Error> {
    let byte: i8 = row.try_get(index)?;
    Ok(char::from(byte.cast_unsigned()))
}

fn list<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, index: usize) -> Result<Vec<T>, Error> {
    Ok(row.try_get::<_, Option<Vec<T>>>(index)?.unwrap_or_default())
}

pub(super) fn pair(row: &Row) -> Result<(Oid, String), Error> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

pub(super) fn schema(row: &Row) -> Result<SchemaRow, Error> {
    Ok(SchemaRow {
        oid: row.try_get(0)?,
        name: row.try_get(1)?,
        owner: row.try_get(2)?,
        own_temporary: row.try_get(3)?,
    })
}

pub(super) fn relation(row: &Row) -> Result<RelationRow, Error> {
    Ok(RelationRow {
        oid: row.try_get(0)?,
        name: row.try_get(1)?,
        schema: row.try_get(2)?,
        kind: letter(row, 3)?,
        owner: row.try_get(4)?,
        persistence: letter(row, 5)?,
        row_security: (row.try_get(6)?, row.try_get(7)?),
        of_type: row.try_get(8)?,
        row_type: row.try_get(9)?,
        options: row.try_get(10)?,
        bound: row.try_get(11)?,
        bytes: row.try_get(12)?,
        estimated_bytes: row.try_get(13)?,
    })
}

pub(super) fn column(row: &Row) -> Result<ColumnRow, Error> {
    Ok(ColumnRow {
        relation: row.try_get(0)?,
        number: row.try_get(1)?,
        name: row.try_get(2)?,
        ty: row.try_get(3)?,
        modifier: row.try_get(4)?,
        not_null: row.try_get(5)?,
        identity: letter(row, 6)?,
        generated: letter(row, 7)?,
        collation: row.try_get(8)?,
        inherited: row.try_get(9)?,
        local: row.try_get(10)?,
        formatted: row.try_get(11)?,
        storage: letter(row, 12)?,
        details: row.try_get(13)?,
    })
}

pub(super) fn default(row: &Row) -> Result<DefaultRow, Error> {
    Ok(DefaultRow {
        oid: row.try_get(0)?,
        relation: row.try_get(1)?,
        column: row.try_get(2)?,
        text: row.try_get::<_, Option<String>>(3)?.unwrap_or_default(),
    })
}

pub(super) fn constraint(row: &Row) -> Result<ConstraintRow, Error> {
    Ok(ConstraintRow {
        oid: row.try_get(0)?,
        name: row.try_get(1)?,
        relation: row.try_get(2)?,
        domain: row.try_get(3)?,
        kind: letter(row, 4)?,
        columns: list(row, 5)?,
        index: row.try_get(6)?,
        referenced: row.try_get(7)?,
        referenced_columns: list(row, 8)?,
        on_delete: letter(row, 9)?,
        on_update: letter(row, 10)?,
        matching: letter(row, 11)?,
        deferrable: row.try_get(12)?,
        deferred: row.try_get(13)?,
        validated: row.try_get(14)?,
        enforced: row.try_get(15)?,
        inherited: row.try_get(16)?,
        local: row.try_get(17)?,
        no_inherit: row.try_get(18)?,
        parent: row.try_get(19)?,
        expression: row.try_get(20)?,
        definition: row.try_get(21)?,
    })
}

pub(super) fn index(row: &Row) -> Result<IndexRow, Error> {
    Ok(IndexRow {
        relation: row.try_get(0)?,
        table: row.try_get(1)?,
        unique: row.try_get(2)?,
        nulls_not_distinct: row.try_get(3)?,
        primary: row.try_get(4)?,
        valid: row.try_get(5)?,
        immediate: row.try_get(6)?,
        method: row.try_get(7)?,
        key_count: row.try_get(8)?,
        columns: list(row, 9)?,
        opclasses: list(row, 10)?,
        collations: list(row, 11)?,
        options: list(row, 12)?,
        expressions: row.try_get(13)?,
        predicate: row.try_get(14)?,
        definition: row.try_get(15)?,
    })
}

pub(super) fn sequence(row: &Row) -> Result<SequenceRow, Error> {
    Ok(SequenceRow {
        relation: row.try_get(0)?,
        ty: row.try_get(1)?,
        start: row.try_get(2)?,
        increment: row.try_get(3)?,
        min: row.try_get(4)?,
        max: row.try_get(5)?,
        cache: row.try_get(6)?,
        cycle: row.try_get(7)?,
    })
}

pub(super) fn rule(row: &Row) -> Result<RuleRow, Error> {
    Ok(RuleRow {
        oid: row.try_get(0)?,
        relation: row.try_get(1)?,
        name: row.try_get(2)?,
        of_view: row.try_get(3)?,
        definition: row.try_get(4)?,
    })
}

pub(super) fn trigger(row: &Row) -> Result<TriggerRow, Error> {
    Ok(TriggerRow {
        oid: row.try_get(0)?,
        relation: row.try_get(1)?,
        name: row.try_get(2)?,
        function: row.try_get(3)?,
        columns: list(row, 4)?,
        above: row.try_get(5)?,
        row: row.try_get(6)?,
        definition: row.try_get(7)?,
    })
}

pub(super) fn policy(row: &Row) -> Result<PolicyRow, Error> {
    Ok(PolicyRow {
        oid: row.try_get(0)?,
        relation: row.try_get(1)?,
        name: row.try_get(2)?,
        permissive: row.try_get(3)?,
        command: letter(row, 4)?,
        roles: list(row, 5)?,
        using: row.try_get(6)?,
        check: row.try_get(7)?,
    })
}

pub(super) fn partitioned(row: &Row) -> Result<PartitionedRow, Error> {
    Ok(PartitionedRow { relation: row.try_get(0)?, columns: list(row, 1)?, key: row.try_get(2)? })
}

pub(super) fn ty(row: &Row) -> Result<TypeRow, Error> {
    Ok(TypeRow {
        oid: row.try_get(0)?,
        name: row.try_get(1)?,
        schema: row.try_get(2)?,
        kind: letter(row, 3)?,
        element: row.try_get(4)?,
        array: row.try_get(5)?,
        relation: row.try_get(6)?,
        collation: row.try_get(7)?,
        base: row.try_get(8)?,
        modifier: row.try_get(9)?,
        not_null: row.try_get(10)?,
        default: row.try_get(11)?,
        formatted: row.try_get(12)?,
        storage: letter(row, 13)?,
    })
}

pub(super) fn function(row: &Row) -> Result<FunctionRow, Error> {
    Ok(FunctionRow {
        oid: row.try_get(0)?,
        name: row.try_get(1)?,
        schema: row.try_get(2)?,
        kind: letter(row, 3)?,
        inputs: list(row, 4)?,
        all_types: row.try_get(5)?,
        modes: row.try_get(6)?,
        names: row.try_get(7)?,
        defaults: row.try_get(8)?,
        result: row.try_get(9)?,
        returns_set: row.try_get(10)?,
        language: row.try_get(11)?,
        body: row.try_get(12)?,
        volatility: letter(row, 13)?,
        variadic: row.try_get(14)?,
    })
}

pub(super) fn depend(row: &Row) -> Result<DependRow, Error> {
    Ok(DependRow {
        class: row.try_get(0)?,
        object: row.try_get(1)?,
        sub: row.try_get(2)?,
        on_class: row.try_get(3)?,
        on_object: row.try_get(4)?,
        on_sub: row.try_get(5)?,
        kind: letter(row, 6)?,
    })
}

pub(super) fn name(row: &Row) -> Result<NameRow, Error> {
    Ok(NameRow {
        class: row.try_get(0)?,
        oid: row.try_get(1)?,
        name: row.try_get(2)?,
        schema: row.try_get(3)?,
        detail: row.try_get(4)?,
    })
}

pub(super) fn detail(row: &Row) -> Result<DetailRow, Error> {
    Ok(DetailRow {
        class: row.try_get(0)?,
        object: row.try_get(1)?,
        sub: row.try_get(2)?,
        detail: row.try_get(3)?,
        value: row.try_get(4)?,
    })
}

pub(super) fn other(row: &Row) -> Result<OtherRow, Error> {
    Ok(OtherRow {
        class: row.try_get(0)?,
        catalog: row.try_get(1)?,
        oid: row.try_get(2)?,
        schema: row.try_get(3)?,
        name: row.try_get(4)?,
        types: list(row, 5)?,
        of: row.try_get(6)?,
    })
}
